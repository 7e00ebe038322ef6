"""What is walked in a rehearsal is what the real driver does: the same facts, at the same times."""

from itertools import pairwise
from random import Random

import pytest
from rehearsal.directing import Stage
from rehearsal.tiny import begun, tiny, variants_of

from sagactl.machine.event import Event, RunStarted
from sagactl.rehearsal.proof.course import Course
from sagactl.rehearsal.proof.deed import Crashed, Ended, Overtaken, Pace, Woken
from sagactl.rehearsal.proof.stand import Stand
from sagactl.rehearsal.written.clock import run_leaping

WAYS, LONGEST, DEPTH = 6, 40, 3


@pytest.mark.parametrize("number", range(60))
def test_a_way_through_a_definition_is_the_same_way_for_the_driver(number: int) -> None:
    chance = Random(number)
    variants = list(variants_of(tiny(number), DEPTH))
    for _ in range(WAYS):
        variant = chance.choice(variants)
        course, begin = begun(variant, DEPTH)
        if begin.breach is not None:
            continue
        way = way_of(course, begin, chance)
        started = begin.events[0]
        assert isinstance(started, RunStarted)
        stage = Stage(course.plan, started)
        run_leaping(stage.clock, walked_again(stage, course, way))


def way_of(course: Course, begin: Pace, chance: Random) -> list[Pace]:
    way = [begin]
    while way[-1].breach is None and len(way) < LONGEST:
        paces = list(course.walker.paces(way[-1].stand))
        if not paces:
            break
        way.append(chance.choice(paces))
    return [pace for pace in way if pace.breach is None]


async def walked_again(stage: Stage, course: Course, way: list[Pace]) -> None:
    try:
        assert await stage.begin() == list(way[0].events)
        for before, pace in pairwise(way):
            told = await done(stage, course, before.stand, pace)
            assert told == list(pace.events)
            stand = pace.stand
            assert stage.in_flight == {(call.step, call.phase) for call in stand.in_hand}
            assert stage.ended is stand.is_end
    finally:
        await stage.leave()


async def done(stage: Stage, course: Course, stand: Stand, pace: Pace) -> list[Event]:
    """The driver's own facts after the deed of a pace."""
    match pace.deed:
        case Ended(call=call, how=how, arrives=arrives):
            found = course.walker._services.arrive(stand.world, call).done if arrives else None
            outcome = course.walker._answers.outcome(call, how, found)
            return await stage.end(call.step, call.phase, outcome)
        case Woken(at=at) | Overtaken(at=at):
            return await stage.wake(at)
        case Crashed():
            return await stage.die()
