"""Requests sent to real services, one at a time, each with a little patience, and counted.

A request is what the machine renders and how it ended is what the real classifier says. Sent again
is what had no effect for certain, and what does no harm under its key. Deliberately absent: what
any of it means for a promise, and every way to send two requests at once.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

from sagactl.definition.model import OutcomeKind, Request
from sagactl.engine.clock import Clock
from sagactl.machine.attempted import Attempted
from sagactl.machine.command import Call, Outcome, Phase
from sagactl.machine.plan import Plan, PlannedStep
from sagactl.machine.request import idempotency_key, render, scope_of
from sagactl.machine.run import Run
from sagactl.participants.outcome import Reply, Seen
from sagactl.source.json_text import JsonRejected, parse_json
from sagactl.source.node import Json

TRIES = 3
LONGEST_WAIT_S = 2.0
# A service that asks for more patience than this is not going to be ready for the next promise.
LONGEST_RETRY_AFTER_S = 30.0
DOUBTFUL = (OutcomeKind.UNKNOWN, OutcomeKind.RESULT_LOST)


class Interrupted(Exception):
    """Somebody wants an end: nothing more is asked, and what was done is undone."""


class Service(Protocol):
    """Whoever answers; `Web` is one."""

    async def converse(self, call: Call) -> tuple[Outcome, Seen]: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """How asking ended. `is_doubtful`: some attempt may have had an effect that nobody confirmed.

    `body` is the reply's JSON, to be counted and compared and never to be shown.
    """

    call: Call
    outcome: Outcome
    body: Json = field(default=None, repr=False)
    is_doubtful: bool = False

    @property
    def status(self) -> int | None:
        return self.outcome.status

    @property
    def detail(self) -> str:
        return self.outcome.detail

    @property
    def is_applied(self) -> bool:
        return self.outcome.kind is OutcomeKind.APPLIED

    @property
    def took_place(self) -> bool:
        """Whether a success status was seen, whatever became of the reply."""
        return self.outcome.kind in (OutcomeKind.APPLIED, OutcomeKind.RESULT_LOST)

    @property
    def is_refused(self) -> bool:
        """Whether it had no effect for certain, because the service said so."""
        return self.outcome.kind is OutcomeKind.REJECTED and not self.is_doubtful

    @property
    def may_stand(self) -> bool:
        """Whether there may be an effect of it."""
        return self.took_place or self.is_doubtful


def call_of(planned: PlannedStep, run: Run, phase: Phase, key: str | None = None) -> Call:
    """The first call of a phase; raises ExpressionFailed. `key`: another than that of the saga."""
    scope = scope_of(run, planned.name, phase)
    key = key or idempotency_key(run.id, planned.name, phase)
    scope["step"] = {**scope["step"], "idempotency_key": key}
    request = planned.asked(phase)
    needs_reply = phase is not Phase.COMPENSATION
    return Call(
        run_id=run.id,
        step=planned.name,
        phase=phase,
        attempt=1,
        key=key,
        action_key=idempotency_key(run.id, planned.name, Phase.ACTION),
        sending=render(request, scope),
        request=request,
        lookup=planned.step.lookup if phase is Phase.LOOKUP else None,
        scope=scope,
        needs_body=planned.needs_body and needs_reply,
        needed_paths=planned.needed_paths if needs_reply else (),
    )


def again(answer: Answer) -> Call:
    """The same call as a later attempt: the same key and the same bytes."""
    return _next(answer.call, doubted=False)


class Asker:
    """Sends calls. After `stop`, `ask` raises Interrupted; `ask_on` is for what must be undone."""

    def __init__(
        self,
        plan: Plan,
        service: Service,
        clock: Clock,
        hear: Callable[[Attempted], None] = lambda attempted: None,
    ) -> None:
        self.requests = 0
        self.clock = clock
        self._plan = plan
        self._service = service
        self._hear = hear
        self._stopped = asyncio.Event()

    @property
    def is_stopped(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        self._stopped.set()

    def demand_going(self) -> None:
        """Raise Interrupted where somebody wants an end."""
        if self.is_stopped:
            raise Interrupted

    async def ask(self, run: Run, call: Call) -> Answer:
        """Send it, again where that is worth it."""
        self.demand_going()
        return await self._ask(run, call, heeds_stop=True)

    async def ask_on(self, run: Run, call: Call) -> Answer:
        """The same, although somebody wants an end."""
        return await self._ask(run, call, heeds_stop=False)

    async def _ask(self, run: Run, call: Call, *, heeds_stop: bool) -> Answer:
        doubtful = False
        for tried in range(1, TRIES + 1):
            answer = await self._send(run, call)
            outcome = answer.outcome
            doubtful |= outcome.kind in DOUBTFUL
            # Its own success under the same key is all that clears a doubt.
            answer = replace(answer, is_doubtful=doubtful and not answer.is_applied)
            if tried == TRIES or not _is_worth_another(call, outcome, doubtful=doubtful):
                break
            wait_s = _wait_s(call.request, outcome, tried)
            if wait_s is None or not await self._waited(wait_s, heeds_stop=heeds_stop):
                break
            call = _next(call, doubted=doubtful)
        return answer

    async def _send(self, run: Run, call: Call) -> Answer:
        self.requests += 1
        began_at = self.clock.now()
        outcome, seen = await self._service.converse(call)
        self._hear(Attempted(self._plan, run, call, outcome, began_at, self.clock.now()))
        return Answer(call, outcome, _body(seen))

    async def _waited(self, wait_s: float, *, heeds_stop: bool) -> bool:
        """Wait; False where somebody wanted an end before it was over."""
        if not heeds_stop:
            await asyncio.sleep(wait_s)
            return True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), wait_s)
        return not self.is_stopped


def _is_worth_another(call: Call, outcome: Outcome, *, doubtful: bool) -> bool:
    if not outcome.retriable or outcome.found is not None:
        return False
    if outcome.kind is OutcomeKind.NOT_SENT:
        return not doubtful or call.request.may_repeat
    return outcome.kind in DOUBTFUL and call.request.may_repeat


def _wait_s(request: Request, outcome: Outcome, tried: int) -> float | None:
    """How long to wait for the next attempt; None where that is longer than anybody would."""
    if outcome.retry_after_s is not None:
        asked = outcome.retry_after_s
        return asked if asked <= LONGEST_RETRY_AFTER_S else None
    retry = request.retry
    wait_s = retry.initial_interval_s * retry.multiplier ** (tried - 1)
    return min(wait_s, retry.max_interval_s, LONGEST_WAIT_S)


def _next(call: Call, *, doubted: bool) -> Call:
    attempt = call.attempt + 1
    scope = {**call.scope, "step": {**call.scope["step"], "attempt": attempt}}
    return replace(call, attempt=attempt, scope=scope, doubted=doubted)


def _body(seen: Seen) -> Json:
    """What can be counted and compared of a reply; None where it is no whole JSON."""
    if not isinstance(seen, Reply) or not seen.complete or seen.trouble is not None:
        return None
    try:
        return parse_json(seen.body.decode("utf-8")) if seen.body.strip() else None
    except (UnicodeDecodeError, JsonRejected):
        return None
