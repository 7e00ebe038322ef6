"""A service's `max_concurrency`: who waits, who is let in, and what is on disk meanwhile."""

import asyncio
from dataclasses import replace

import pytest
from engine.scripted import APPLIED, StillClock
from engine.test_driver import Died, Kept, saga, step
from machine.world import PLACE, started, template

from sagactl.definition.model import Saga, Service
from sagactl.engine.driver import Driver
from sagactl.engine.gate import Gate
from sagactl.machine.command import Call, Outcome
from sagactl.machine.plan import make_plan
from sagactl.machine.run import Run
from sagactl.machine.state import SagaState, saga_state


class Counting:
    """Counts how many requests are under way at once, and lets each take some turns of the loop."""

    def __init__(self) -> None:
        self.inside = self.most = self.sent = 0
        self.hangs = asyncio.Event()
        self.hangs.set()

    async def send(self, call: Call) -> Outcome:
        self.inside += 1
        self.sent += 1
        self.most = max(self.most, self.inside)
        try:
            for _ in range(3):
                await asyncio.sleep(0)
            await self.hangs.wait()
        finally:
            self.inside -= 1
        return APPLIED


def limited(limit: int | None, *steps: str) -> Saga:
    service = Service("shop", PLACE, template("http://h"), limit)
    made = []
    for name in steps:
        plain = step(name)
        made.append(replace(plain, action=replace(plain.action, service=service)))
    return saga(*made)


def drivers(plan: Saga, count: int, participant: Counting, gate: Gate) -> list[Driver]:
    planned = make_plan(plan)
    return [Driver(planned, Kept(), participant, StillClock(), gate=gate) for _ in range(count)]


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_never_more_than_the_service_allows(limit: int) -> None:
    async def story() -> tuple[Counting, list[Run]]:
        participant, gate = Counting(), Gate()
        plan = limited(limit, "a", "b")
        runs = await asyncio.gather(
            *(d.drive(None, started(plan, 1.0)) for d in drivers(plan, 20, participant, gate))
        )
        return participant, list(runs)

    participant, runs = asyncio.run(story())
    assert participant.most == limit
    assert participant.sent == 40
    plan = make_plan(limited(limit, "a", "b"))
    assert {saga_state(plan, run) for run in runs} == {SagaState.COMPLETED}


def test_without_a_limit_nobody_waits() -> None:
    async def story() -> Counting:
        participant, gate = Counting(), Gate()
        plan = limited(None, "a")
        await asyncio.gather(
            *(d.drive(None, started(plan, 1.0)) for d in drivers(plan, 20, participant, gate))
        )
        return participant

    assert asyncio.run(story()).most == 20


def test_a_request_that_waits_for_a_place_has_not_begun() -> None:
    async def story() -> tuple[list[str], Kept]:
        participant, gate = Counting(), Gate()
        participant.hangs.clear()
        plan = limited(1, "a")
        planned = make_plan(plan)
        journals = [Kept(), Kept()]
        tasks = [
            asyncio.create_task(
                Driver(planned, kept, participant, StillClock(), gate=gate).drive(
                    None, started(plan, 1.0)
                )
            )
            for kept in journals
        ]
        while participant.sent == 0:
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        waiting = [type(event).__name__ for event in journals[1].events]
        participant.hangs.set()
        await asyncio.gather(*tasks)
        return waiting, journals[1]

    waiting, kept = asyncio.run(story())
    assert waiting == ["RunStarted"]
    assert "ActionBegan" in [type(event).__name__ for event in kept.events]


def test_who_stops_waiting_lets_the_next_one_in() -> None:
    async def story() -> list[int]:
        participant, gate = Counting(), Gate()
        participant.hangs.clear()
        plan = limited(1, "a")
        first, second, third = drivers(plan, 3, participant, gate)
        tasks = [
            asyncio.create_task(d.drive(None, started(plan, 1.0))) for d in (first, second, third)
        ]
        while participant.sent == 0:
            await asyncio.sleep(0)
        second.stop()
        await tasks[1]
        participant.hangs.set()
        await asyncio.gather(*tasks)
        return [participant.sent, participant.most]

    assert asyncio.run(story()) == [2, 1]


def test_a_journal_that_refuses_keeps_no_place() -> None:
    async def story() -> Counting:
        participant, gate = Counting(), Gate()
        plan = limited(1, "a")
        planned = make_plan(plan)
        dying = Kept()
        dying.dies_after = 0
        with pytest.raises(Died):
            await Driver(planned, dying, participant, StillClock(), gate=gate).drive(
                None, started(plan, 1.0)
            )
        [other] = drivers(plan, 1, participant, gate)
        await other.drive(None, started(plan, 1.0))
        return participant

    assert asyncio.run(story()).sent == 1
