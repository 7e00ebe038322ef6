"""Problems as people read them: the line, the spot under it, and nothing that moves a terminal."""

import pytest

from sagactl.source.place import Place, Source
from sagactl.source.problem import Problem, Related, Severity
from sagactl.views.carets import problem_lines, visible


def lines(text: str, start: int, end: int, **more: object) -> list[str]:
    place = Place(Source("a.yaml", text), 1, start, 1, end)
    return problem_lines(Problem("some-code", place, "it is wrong", **more), colour=False)  # type: ignore[arg-type]


def test_a_problem_is_a_line_a_snippet_and_a_caret() -> None:
    assert lines("key: value\n", 6, 11) == [
        "a.yaml:1:6: error: it is wrong [some-code]",
        "  key: value",
        "       ^~~~~",
    ]


def test_hints_and_other_places_follow() -> None:
    other = Related(Place(Source("a.yaml", "x"), 3, 2, 3, 3), "first here")
    told = lines("k: v", 1, 2, hint="write w", related=(other,), severity=Severity.WARNING)
    assert told[0] == "a.yaml:1:1: warning: it is wrong [some-code]"
    assert told[-2:] == ["  help: write w", "a.yaml:3:2: note: first here"]


@pytest.mark.parametrize(
    ("text", "start", "width"),
    [("\tk: v", 5, 7), ("日本: v", 5, 6), ("é: v", 4, 3)],
)
def test_the_caret_stands_under_its_spot_whatever_comes_before(
    text: str, start: int, width: int
) -> None:
    _, _, caret = lines(text, start, start + 1)
    assert caret == "  " + " " * width + "^"


def test_a_long_line_is_cut_around_its_caret() -> None:
    text = "x" * 5000 + "HERE" + "y" * 5000
    _, shown, caret = lines(text, 5001, 5005)
    assert len(shown) < 200
    assert shown[caret.index("^") :].startswith("HERE")


def test_X5_control_characters_are_spelt_out() -> None:
    assert visible("a\x1b[31mb\u202ec\x07\n") == "a\\x1b[31mb\\u202ec\\x07\\x0a"
    assert "\x1b" not in "".join(lines("k: \x1b]0;title\x07", 1, 2))


def test_colour_is_asked_for() -> None:
    place = Place(Source("a.yaml", "k"), 1, 1, 1, 2)
    assert "\x1b[31merror" in problem_lines(Problem("c", place, "m"), colour=True)[0]
