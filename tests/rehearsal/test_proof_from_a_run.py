"""What can still happen to a run, wherever it stands: no stand of any way is without an answer."""

from random import Random

import pytest
from rehearsal.tiny import begun, saga_of, tiny, variants_of

from sagactl.machine.event import RunResumed
from sagactl.machine.rehearsed import Judgement, Rehearsed
from sagactl.machine.run import Run
from sagactl.rehearsal.proof.explore import Bounds
from sagactl.rehearsal.proof.rehearse import rehearse_run
from sagactl.rehearsal.proof.stand import Stand

ORDER = """
saga: tiny
services: {s: {url: http://s, idempotency: key}}
steps:
  - {name: a, service: s, action: "PUT /as/1", compensation: {request: "DELETE /as/1", success: [2xx, 404]}}
  - {name: b, service: s, action: POST /bs, UNDO}
  - {name: c, service: s, action: POST /cs, compensation: none}
"""
SOUND = ORDER.replace("UNDO", "compensation: POST /bs/undo")
HOLED = ORDER.replace(", UNDO", "")


def gone_on(text: str, run: Run, depth: int = 1) -> Rehearsed:
    resumed = RunResumed(at=run.updated_at, operator="", deadline_at=None)
    return rehearse_run(saga_of(text), run, [resumed], "r1", Bounds(depth, 2_000))


def stands(text: str, chance: Random, length: int) -> list[Stand]:
    course, begin = begun(next(variants_of(text, 2)), 2)
    found = [] if begin.breach is not None else [begin.stand]
    while found and len(found) < length:
        paces = [p for p in course.walker.paces(found[-1]) if p.breach is None]
        if not paces:
            break
        found.append(chance.choice(paces).stand)
    return found


@pytest.mark.parametrize("number", range(60))
def test_every_stand_of_a_way_can_be_gone_on_from(number: int) -> None:
    chance = Random(number)
    text = tiny(number, steps=3)
    for stand in chance.sample(found := stands(text, chance, 12), min(3, len(found))):
        told = gone_on(text, stand.run)
        assert told.variants == ("from where it stands",)
        assert told.states > 0


def run_after(text: str, *ended: str) -> Run:
    """A run in which these steps went well, and the next one is under way."""
    course, begin = begun(next(variants_of(text, 0)), 0)
    stand = begin.stand
    for _ in ended:
        (pace,) = course.walker.paces(stand)
        stand = pace.stand
    assert {name for name, step in stand.run.steps.items() if step.has_result} == set(ended)
    return stand.run


def test_a_hole_is_found_that_still_lies_ahead() -> None:
    for ended in ([], ["a"]):
        told = gone_on(HOLED, run_after(HOLED, *ended))
        holes = [(f.code, f.step) for f in told.findings if f.judgement is Judgement.HOLE]
        assert holes == [("effect-left", "b")]
        assert not [
            f
            for f in gone_on(SOUND, run_after(SOUND, *ended)).findings
            if f.judgement is Judgement.HOLE
        ]


def test_what_was_in_flight_may_have_arrived_or_not() -> None:
    told = gone_on(SOUND, run_after(SOUND, "a"), 0)
    assert told.schedules == 2
    assert {cell.step for cell in told.cells if cell.judgement is not None} >= {"b", "c"}
