"""The only loop: performs what the machine names, and writes down what came of it.

Theory of operation
-------------------
Round and round: settle, commit, send, wait.

- *Settle*: ask `outstanding` what ought to be under way. Record the facts that are due, begin the
  calls that are due and for which their service has a place, and ask again until nothing is due any
  more. This happens in memory.
- *Commit*: append every event of this round to the store, in one go. The outcome of one step and
  the intent of the next share a commit, so an n-step saga costs n+1 of them.
- *Send*: only now does any request leave. If the store refuses, none does.
- *Wait* for an attempt to end, for the next due time, for a place, or for a signal; what ended gets
  its verdict, and the next round begins.

A resume is the same loop with empty hands. The attempts that were in flight when the process died
have nobody to speak for them, so the first round ends them as unknown; the machine knows the rest.

`stop` lets what is in flight end and begins nothing. `cut` gives up on what is in flight, which
makes it unknown. Neither ever starts a compensation.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sagactl.definition.model import OutcomeKind, Service
from sagactl.engine.clock import Clock
from sagactl.engine.gate import Gate
from sagactl.engine.rounds import Recorded, Round, judged, opened, settle
from sagactl.machine.attempted import Attempted
from sagactl.machine.command import Call, Outcome
from sagactl.machine.event import Event
from sagactl.machine.plan import Plan
from sagactl.machine.run import Run
from sagactl.machine.state import saga_state

Watch = Callable[[Event, Run], None]
Hear = Callable[[Attempted], None]

CUT = Outcome(OutcomeKind.UNKNOWN, "cut off while the request was in flight")


class Participant(Protocol):
    """Whoever answers calls. It returns how an attempt ended and never raises."""

    async def send(self, call: Call) -> Outcome: ...


class Journal(Protocol):
    """Where events go. `append` is durable when it returns, or raises and has kept none."""

    async def append(self, run_id: str, events: Sequence[Event], state: str) -> None: ...


class Driver:
    """Drives one run. `watch` sees every event once it is durable, with the run it led to.

    `hear` is told of every attempt as soon as it has ended, durable or not; it must not raise.
    """

    def __init__(
        self,
        plan: Plan,
        journal: Journal,
        participant: Participant,
        clock: Clock,
        watch: Watch = lambda event, run: None,
        *,
        hear: Hear = lambda attempted: None,
        gate: Gate | None = None,
        waits: bool = True,
    ) -> None:
        self._plan = plan
        self._journal = journal
        self._participant = participant
        self._clock = clock
        self._watch = watch
        self._hear = hear
        self._waits = waits  # False: end where there is nothing to do but wait for a due time
        self._gate = gate or Gate()
        self._blocked: list[Service] = []  # where this run waits for a place
        self._run: Run | None = None
        self._round: list[Recorded] = []
        self._in_hand: dict[asyncio.Task[Outcome], Call] = {}
        self._is_stopping = False
        self._stopped: asyncio.Future[None] | None = None  # done once `stop` was asked for
        self._cut = False

    async def drive(self, run: Run | None, *opening: Event) -> Run:
        """Go on until nothing is under way; `opening` is RunStarted, or what `run` goes on with.

        Raises whatever the journal raises; nothing was sent that is not in it.
        """
        self._stopped = asyncio.get_running_loop().create_future()
        self._run = run
        self._record(opened(self._plan, run, opening, self._clock.now()))
        try:
            while True:
                settled = self._settle()
                await self._commit(settled.begun)
                for call in settled.begun:
                    self._in_hand[asyncio.create_task(self._send(call))] = call
                if self._cut:
                    self.cut()
                wake_at = settled.wake_at
                if not (self._in_hand or self._blocked or self._may_wait_until(wake_at)):
                    return self._now_standing
                await self._wait(wake_at)
        finally:
            for task, call in self._in_hand.items():
                task.cancel()
                self._gate.leave(call.request.service)
            for service in self._blocked:
                self._gate.wake(service)

    def stop(self) -> None:
        """Begin nothing more; `drive` returns when what is in flight has ended."""
        self._is_stopping = True
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)

    def cut(self) -> None:
        """Give up on what is in flight: its outcome is unknown."""
        self._cut = True
        self.stop()
        for task in self._in_hand:
            task.cancel()

    @property
    def _now_standing(self) -> Run:
        assert self._run is not None  # drive's opening made it
        return self._run

    def _may_wait_until(self, wake_at: float | None) -> bool:
        return wake_at is not None and self._waits and not self._is_stopping

    def _settle(self) -> Round:
        """Everything that is due, in memory, unless nothing is to begin any more."""
        self._blocked = []
        run = self._now_standing
        if self._is_stopping:
            return Round(run, (), ())
        settled = settle(self._plan, run, self._clock.now, self._enter)
        self._record(settled.recorded)
        return settled

    def _enter(self, call: Call) -> bool:
        service = call.request.service
        if self._gate.enter(service):
            return True
        if service is not None and service not in self._blocked:
            self._blocked.append(service)
        return False

    def _record(self, new: Sequence[Recorded]) -> None:
        self._round.extend(new)
        if new:
            self._run = new[-1][1]

    async def _commit(self, begun: Sequence[Call]) -> None:
        if not self._round:
            return
        run = self._now_standing
        events = [event for event, _ in self._round]
        try:
            await self._journal.append(run.id, events, saga_state(self._plan, run).value)
        except BaseException:
            for call in begun:
                self._gate.leave(call.request.service)
            raise
        seen, self._round = self._round, []
        for event, after in seen:
            self._watch(event, after)

    async def _send(self, call: Call) -> Outcome:
        began_at, outcome = self._clock.now(), CUT
        try:
            outcome = await self._participant.send(call)
        except asyncio.CancelledError:
            if not self._cut:
                raise
        run = self._now_standing
        self._hear(Attempted(self._plan, run, call, outcome, began_at, self._clock.now()))
        return outcome

    async def _wait(self, wake_at: float | None) -> None:
        """Until an attempt ended, the due time came, or a signal did; ended attempts are judged."""
        others: set[asyncio.Future[Any]] = {self._gate.wait(s) for s in self._blocked}
        if wake_at is not None:
            others.add(asyncio.create_task(self._clock.sleep_until(wake_at)))
        awaited = {*others, *self._in_hand}
        if self._stopped is not None and not self._is_stopping:
            awaited.add(self._stopped)
        try:
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for other in others:
                other.cancel()
        for ended in [task for task in self._in_hand if task.done()]:
            # A task cut before its first step never reached its own except clause.
            outcome = CUT if ended.cancelled() else ended.result()
            call = self._in_hand.pop(ended)
            self._gate.leave(call.request.service)
            self._judge(call, outcome)

    def _judge(self, call: Call, outcome: Outcome) -> None:
        now = self._clock.now()
        self._record(judged(self._plan, self._now_standing, call, outcome, now))
