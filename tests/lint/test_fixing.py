"""Fixes: nothing but what they say, overlaps left for later, and only where they are certain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagactl.definition.loader import load
from sagactl.lint.fixing import fixed
from sagactl.source.place import Place, Source
from sagactl.source.problem import Edit, Fix, Problem, surely_meant


def mend(text: str) -> str:
    source = Source("saga.yaml", text)
    return fixed(source, load(source)[1])[0]


def problem(source: Source, start: int, end: int, text: str) -> Problem:
    """A problem whose fix replaces columns of the first line."""
    place = Place(source, 1, start + 1, 1, end + 1)
    return Problem("c", place, "m", fix=Fix("t", (Edit(place, text),)))


STEPS = "saga: a\nsteps:\n  - name: one\n    {line}\n    compensation: none\n"


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ("acton: PUT http://s/a", "action: PUT http://s/a"),
        ('"acton"  : PUT http://s/a # why', "action  : PUT http://s/a # why"),
        ("aciton: put http://s/a", "action: put http://s/a"),
        ("action: put http://s/a", "action: PUT http://s/a"),
        ("action: PUT http://s/a\n    needs: two", "action: PUT http://s/a\n    needs: [two]"),
        ("action: PUT http://s/a\n    neds: []", "action: PUT http://s/a\n    needs: []"),
    ],
)
def test_a_slip_of_the_pen_is_mended(line: str, mended: str) -> None:
    assert mend(STEPS.format(line=line)) == STEPS.format(line=mended)


@pytest.mark.parametrize(
    "line",
    [
        "axion: PUT http://s/a",  # nearer to "action" than to anything, but two letters off
        "action: PUT http://s/a\n    acton: PUT http://s/a",  # there is one already
        "acton: PUT http://s/a\n    actin: PUT http://s/a",  # which of them?
        "action: PUR http://s/a",  # PUT, or PURGE?
        "action: PUT http://s/a\n    timeout: 5",  # seconds, or milliseconds?
    ],
)
def test_what_is_not_certain_is_left_alone(line: str) -> None:
    text = STEPS.format(line=line)
    assert load(Source("saga.yaml", text))[1]
    assert mend(text) == text


def test_line_breaks_and_wide_characters_are_kept() -> None:
    text = "# ä😀\r\nsaga: a # ä\r\nverison: '1'\r\nsteps:\r\n  - {name: ä, acton: x}\r\n"
    mended = mend(text)
    assert mended == text.replace("verison", "version").replace("acton", "action")


def test_what_overlaps_is_left_for_the_next_time() -> None:
    source = Source("a.yaml", "0123456789")
    first, second, third = (
        problem(source, 2, 5, "x"), problem(source, 4, 6, "y"), problem(source, 7, 8, "")
    )  # fmt: skip
    assert fixed(source, [first, second, third]) == ("01x5689", [first, third])


def test_a_fix_of_another_file_is_not_ours() -> None:
    source = Source("a.yaml", "0123")
    assert fixed(source, [problem(Source("b.yaml", "0123"), 0, 1, "x")]) == ("0123", [])


def test_an_edit_behind_the_last_line_ends_with_the_text() -> None:
    source = Source("a.yaml", "a: 1\n# c")
    place = Place(source, 2, 1, 3, 1)
    assert (
        fixed(source, [Problem("c", place, "m", fix=Fix("t", (Edit(place, ""),)))])[0] == "a: 1\n"
    )


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5), st.text("xy", max_size=3))))
def test_what_no_fix_touches_stays_as_it_is(edits: list[tuple[int, int, str]]) -> None:
    text = "".join(chr(0x4E00 + i) for i in range(26))
    source = Source("a.yaml", text)
    problems = [problem(source, start, start + width, new) for start, width, new in edits]
    mended, done = fixed(source, problems)
    removed = {i for p in done for i in range(p.place.column - 1, p.place.end_column - 1)}
    kept = [char for i, char in enumerate(text) if i not in removed]
    assert [char for char in mended if char not in "xy"] == kept
    added = sum(len(e.text) for p in done if p.fix for e in p.fix.edits)
    assert len(mended) == len(kept) + added


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("acton", "action"), ("actionn", "action"), ("aktion", "action"), ("atcion", "action"),
        ("action", None), ("acto", None), ("rn", None),
    ],
)  # fmt: skip
def test_a_single_slip_is_told_from_another_word(word: str, meant: str | None) -> None:
    assert surely_meant(word, ["action", "run"]) == meant


def test_a_word_between_two_others_means_neither() -> None:
    assert surely_meant("hears", ["heads", "heard"]) is None
