"""The calls that the sandbox played, as a terminal shows them."""

from dataclasses import replace

import pytest

from sagactl.machine.command import Phase
from sagactl.machine.played import EffectKind, PlayedCall, call_document
from sagactl.views.calls import CallLines, whom

CALL = PlayedCall(
    at=1000.0,
    saga="s1",
    service="pay",
    step="charge",
    phase=Phase.ACTION,
    key="k1",
    action_key=None,
    method="POST",
    path="/pay/charges",
    status=200,
    effect=EffectKind.APPLIED,
    digest="d1",
    attempt=1,
)
WHOM = ("charge", "charge.compensation")


def plain(call: PlayedCall) -> str:
    return CallLines(WHOM, colour=False).line(call)


def test_a_call_is_one_line() -> None:
    assert plain(CALL) == "00:16:40  200  charge@1               done           POST   /pay/charges"


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        (replace(CALL, status=None, fault="drop"), "  ---  charge@1               done           POST   /pay/charges  (on order: drop)"),
        (replace(CALL, phase=Phase.COMPENSATION, effect=EffectKind.UNDONE, attempt=2), "  200  charge.compensation@2  undone         POST   /pay/charges"),
        (replace(CALL, effect=EffectKind.REPLAYED), "  200  charge@1               same again     POST   /pay/charges"),
        (replace(CALL, effect=EffectKind.EMPTY, note="odd", fault="503"), "nothing there  POST   /pay/charges  (on order: 503; odd)"),
        (replace(CALL, step=None, phase=None, status=404, effect=EffectKind.NONE), "  404  ?                      -              POST   /pay/charges"),
        (replace(CALL, attempt=None), "  200  charge                 done "),
    ],
)  # fmt: skip
def test_every_kind_of_call_has_its_words_in_the_same_columns(call: PlayedCall, shown: str) -> None:
    assert shown in plain(call)


def test_nothing_that_a_client_sends_moves_the_cursor() -> None:
    call = replace(CALL, path="/a\x1b[2J\r\n", note="\x9b", step="ch\u202ege")
    for colour in (False, True):
        line = CallLines(WHOM, colour=colour).line(call)
        assert not {"\x1b[2J", "\r", "\n", "\x9b", "\u202e"} & {
            line[i : i + n] for i in range(len(line)) for n in (1, 4)
        }


def test_colours_say_what_became_of_it_and_change_no_column() -> None:
    lines = CallLines(WHOM, colour=True)
    assert "\x1b[32m200\x1b[0m" in lines.line(CALL)
    assert "\x1b[31m503\x1b[0m" in lines.line(replace(CALL, status=503))
    assert "\x1b[33m---\x1b[0m" in lines.line(replace(CALL, status=None))
    painted = lines.line(replace(CALL, fault="drop"))
    for code in ("\x1b[0m", "\x1b[2m", "\x1b[32m", "\x1b[33m"):
        painted = painted.replace(code, "")
    assert painted == plain(replace(CALL, fault="drop"))


def test_a_very_long_name_widens_its_own_line_alone() -> None:
    lines = CallLines(["x" * 300, "charge"], colour=False)
    assert len(lines.line(CALL)) < 130
    assert "x" * 300 in lines.line(replace(CALL, step="x" * 300))


def test_an_action_goes_by_the_name_of_its_step_as_in_fail() -> None:
    assert [whom("a/b[1]", "action"), whom("a", "lookup")] == ["a/b[1]", "a.lookup"]


def test_a_call_for_programs_has_no_inner_words() -> None:
    document = call_document(CALL)
    assert document["at"] == "1970-01-01T00:16:40.000Z"
    assert (document["step"], document["phase"], document["effect"]) == (
        "charge",
        "action",
        "applied",
    )
    assert "digest" not in document
