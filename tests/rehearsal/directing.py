"""The real driver on a stage: calls end, times come and processes die exactly when it is told.

Whatever the driver does by itself it does between two deeds; when nothing moves any more, the next
deed is due. So a way that a rehearsal walks can be walked by the driver, and both compared.
"""

import asyncio
import heapq
from collections.abc import Sequence

from sagactl.engine.driver import Driver
from sagactl.machine.command import Call, Outcome, Phase
from sagactl.machine.event import Event, RunResumed, RunStarted
from sagactl.machine.plan import Plan
from sagactl.machine.run import Run, reopenings, replay
from sagactl.rehearsal.written.clock import LeapingClock


class DirectedClock(LeapingClock):
    """Where time would leap, the director is told that nothing moves any more."""

    def __init__(self, at: float) -> None:
        super().__init__(at)
        self._idle: asyncio.Future[None] | None = None

    async def settled(self) -> None:
        """Until nothing moves any more."""
        self._idle = asyncio.get_running_loop().create_future()
        await self._idle

    def leap(self) -> None:
        idle, self._idle = self._idle, None
        assert idle is not None  # else the director itself waits for nothing
        idle.set_result(None)

    def become(self, at: float) -> None:
        """Make it this time, for everybody who waits for it or for an earlier one."""
        self._now = at
        while self._waiting and self._waiting[0][0] <= at:
            _, _, due = heapq.heappop(self._waiting)
            if not due.done():
                due.set_result(None)


class Stage:
    """One run, its journal, and the calls that wait for an end. `journal` outlives every process."""

    def __init__(self, plan: Plan, started: RunStarted) -> None:
        self._plan = plan
        self._started = started
        self._clock = DirectedClock(started.at)
        self._calls: dict[tuple[str, Phase], asyncio.Future[Outcome]] = {}
        self._drive: asyncio.Task[Run] | None = None
        self.journal: list[Event] = []

    # The participant, and the store.
    async def send(self, call: Call) -> Outcome:
        end = asyncio.get_running_loop().create_future()
        self._calls[call.step, call.phase] = end
        return await end

    async def append(self, run_id: str, events: Sequence[Event], state: str) -> None:
        self.journal.extend(events)

    async def begin(self) -> list[Event]:
        return await self._begin(None, self._started)

    async def end(self, step: str, phase: Phase, outcome: Outcome) -> list[Event]:
        self._calls.pop((step, phase)).set_result(outcome)
        return await self._new()

    async def wake(self, at: float) -> list[Event]:
        self._clock.become(at)
        return await self._new()

    async def die(self) -> list[Event]:
        """The process dies, and another goes on with what is in the journal."""
        assert self._drive is not None
        self._drive.cancel()
        await asyncio.gather(self._drive, return_exceptions=True)
        self._calls.clear()
        run, at = replay(self.journal), self._clock.now()
        resumed = RunResumed(at=at, operator="", deadline_at=None)
        return await self._begin(run, resumed, *reopenings(run, at))

    @property
    def in_flight(self) -> set[tuple[str, Phase]]:
        return set(self._calls)

    @property
    def ended(self) -> bool:
        """Whether the drive is over by itself."""
        assert self._drive is not None
        return self._drive.done()

    @property
    def clock(self) -> DirectedClock:
        return self._clock

    async def leave(self) -> None:
        assert self._drive is not None
        self._drive.cancel()
        await asyncio.gather(self._drive, return_exceptions=True)

    async def _begin(self, run: Run | None, *opening: Event) -> list[Event]:
        driver = Driver(self._plan, self, self, self._clock)
        self._drive = asyncio.create_task(driver.drive(run, *opening))
        return await self._new()

    async def _new(self) -> list[Event]:
        before = len(self.journal)
        await self._clock.settled()
        return self.journal[before:]
