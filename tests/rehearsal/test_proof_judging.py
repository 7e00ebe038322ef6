"""How ends are judged where no planted hole looks: what is through too late, and what lint refuses."""

import textwrap

import pytest
from rehearsal.tiny import saga_of

from sagactl.machine.rehearsed import Judgement, Rehearsed
from sagactl.rehearsal.proof.explore import Bounds
from sagactl.rehearsal.proof.rehearse import rehearse


def told_of(text: str, depth: int = 2) -> Rehearsed:
    return rehearse(saga_of(textwrap.dedent(text)), "tiny.yaml", Bounds(depth))


def found(told: Rehearsed) -> set[tuple[str, str]]:
    return {(f.code, f.step) for f in told.findings}


def holes(told: Rehearsed) -> set[tuple[str, str]]:
    return {(f.code, f.step) for f in told.findings if f.judgement is Judgement.HOLE}


TOO_LATE = """
saga: tiny
timeout: 1m
services: {s: {url: http://s, idempotency: key}}
steps:
  - {name: a, service: s, action: POST /as, UNDO}
"""


def test_what_is_done_when_time_is_up_and_has_no_undo_is_left() -> None:
    told = told_of(TOO_LATE.replace(", UNDO", ""), 1)
    assert holes(told) == {("effect-left", "a")}
    (hole,) = [f for f in told.findings if f.judgement is Judgement.HOLE]
    assert list(hole.story) == [
        'the saga\'s time is up while "a" is under way, and it turns back',
        '"a" is done',
        'the saga ends failed, and "a" stands: nothing undoes it',
    ]


@pytest.mark.parametrize("undo", ["compensation: none", "compensation: POST /as/undo"])
def test_what_is_done_when_time_is_up_may_stay_or_is_undone(undo: str) -> None:
    assert holes(told_of(TOO_LATE.replace("UNDO", undo))) == set()


def test_a_pivot_that_is_done_when_time_is_up_is_not_turned_back() -> None:
    assert holes(told_of(TOO_LATE.replace("UNDO", "pivot: true"))) == set()


# Lint refuses it: a step that is neither before nor behind the pivot.
BESIDE_THE_PIVOT = """
saga: tiny
services: {s: {url: http://s}}
steps:
  - {name: p, service: s, needs: [], action: PUT /ps, pivot: true}
  - {name: a, service: s, needs: [], on_unknown: compensate, action: POST /as, compensation: POST /as/undo}
"""


def test_what_is_taken_as_done_beside_a_pivot_is_held_for_a_person() -> None:
    told = told_of(BESIDE_THE_PIVOT)
    assert ("stuck-unsaid", "a") in holes(told)
    assert told.is_whole
