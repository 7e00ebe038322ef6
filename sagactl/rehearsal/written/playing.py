"""One test played: the real machine and the real driver, in a simulated world and in virtual time.

A crash is what it is in life: the process is gone with all that it had in hand, and what goes on
knows only what the store kept. Deliberately absent: what was expected.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sagactl import __version__
from sagactl.definition.loader import texts_of
from sagactl.definition.model import Saga
from sagactl.engine.driver import Driver
from sagactl.engine.group_commit import DirectCommit
from sagactl.journal.store import MemoryStore
from sagactl.machine.event import Event, RunResumed, RunStarted
from sagactl.machine.plan import Plan, make_plan
from sagactl.machine.run import Run, reopenings, replay
from sagactl.rehearsal.written.clock import LeapingClock, run_leaping
from sagactl.rehearsal.written.model import Case, Crash
from sagactl.rehearsal.written.world import World

OPERATOR = "the test"


@dataclass(slots=True)
class Played:
    """What came of a test. `crashes` says after how many calls each of them came, and when.

    `is_endless`: it was not waited for any longer.
    """

    plan: Plan
    world: World
    run: Run
    crashes: list[tuple[Crash, int, float]] = field(default_factory=list)
    is_endless: bool = False


def play(saga: Saga, case: Case) -> Played:
    """Play a test of a saga that is staged in the sandbox."""
    clock = LeapingClock(case.now)
    return run_leaping(clock, _play(make_plan(saga), case, clock))


async def _play(plan: Plan, case: Case, clock: LeapingClock) -> Played:
    world = World(plan.saga, case, clock)
    store = MemoryStore()
    started = _started(plan.saga, case)
    run: Run | None = None
    opening: Sequence[Event] = [started]
    crashes: list[tuple[Crash, int, float]] = []
    while True:
        interruption = world.interruption()
        driver = Driver(plan, DirectCommit(store), world, clock)
        driving = asyncio.create_task(driver.drive(run, *opening))
        awaited: set[asyncio.Future[Any]] = {driving, interruption}
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        if not interruption.done():
            run = driving.result()
            break
        driving.cancel()
        await asyncio.gather(driving, return_exceptions=True)
        run = replay(store.read(case.run_id))
        crash = interruption.result()
        if crash is None:
            return Played(plan, world, run, crashes, is_endless=True)
        crashes.append((crash, len(world.attempts), clock.now()))
        resumed = RunResumed(at=clock.now(), operator=OPERATOR, deadline_at=None)
        opening = [resumed, *reopenings(run, clock.now())]
    await world.settle()
    return Played(plan, world, run, crashes)


def _started(saga: Saga, case: Case) -> RunStarted:
    return RunStarted(
        at=case.now,
        run_id=case.run_id,
        saga=saga.name,
        version=saga.version,
        definition=saga.source.text,
        definition_name=saga.source.name,
        digest=hashlib.sha256(saga.source.text.encode()).hexdigest(),
        children=texts_of(saga),
        input=case.input,
        env=dict(case.env),
        sandbox=True,
        faults=[],
        sagactl=__version__,
        tags={},
    )
