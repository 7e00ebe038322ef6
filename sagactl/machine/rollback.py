"""What would be undone, for each step at which a saga can fail, before anything moves. Pure.

Theory of operation
-------------------
Nothing here knows an order. The machine itself is driven, with answers instead of services: the
action of one step stays in flight until nothing else moves any more, then it is answered, and
whatever the machine wants from there on succeeds. What begins in the same round is what may go on
at the same time. The run before that answer is shared by all that the answer can be.

What only a run can know is taken as the most there can be: every `when` is true, and a `for_each`
has two elements, of which the last one fails. Values are left out of requests, for none is known;
what a policy reads of them stays. Times are left out too: no order hangs on one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from sagactl.definition.model import (
    Action,
    ForEach,
    Lookup,
    OutcomeKind,
    Request,
    Retry,
    Saga,
    Sleep,
    Step,
)
from sagactl.definition.policy import templates
from sagactl.definition.template import constant
from sagactl.machine import event as e
from sagactl.machine.command import Call, Command, Note, Outcome, Phase
from sagactl.machine.effect import Effect, left_in_world
from sagactl.machine.moves import StepState as S
from sagactl.machine.outstanding import outstanding
from sagactl.machine.plan import Plan, PlannedStep, expanded, make_plan
from sagactl.machine.run import Run, apply
from sagactl.machine.state import SagaState, saga_state
from sagactl.machine.verdict import verdict

Groups: TypeAlias = tuple[tuple[str, ...], ...]

ELEMENTS = [0, 1]
BUT_THE_LAST = "[0]"
ROUND_S = 1.0
ONCE = Retry(1, ROUND_S, 1.0, ROUND_S)
# Past the pivot there is no end to asking: who asked so often will go on asking.
ENOUGH = 3
BEGAN: dict[Phase, type[e.AttemptBegan]] = {
    Phase.ACTION: e.ActionBegan,
    Phase.LOOKUP: e.LookupBegan,
    Phase.COMPENSATION: e.CompensationBegan,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How the saga ends: the steps undone, in groups that go at once, and what stays behind.

    `state` is PENDING where it asks on and on.
    """

    undone: Groups
    left: Mapping[str, Effect]
    state: SagaState


@dataclass(frozen=True, slots=True)
class Failure:
    """What becomes of the saga when a step is refused, and when nobody can find out about it."""

    planned: PlannedStep
    rejected: Ending
    unknown: Ending


@dataclass(frozen=True, slots=True)
class Foresight:
    """The order forwards, in groups that go at once, and every point of failure."""

    forwards: Groups
    failures: tuple[Failure, ...]


def foresee(plan: Plan) -> Foresight:
    """What the machine will do with this plan when all goes well, and wherever it does not."""
    played = make_plan(_played(plan.saga))
    smooth = _Drive(played)
    smooth.go_on()
    steps = expanded(played, smooth.run).steps
    found: dict[str, Failure] = {}
    drive = _Drive(played)
    for name in (name for group in smooth.begun for name in group):
        if steps[name].is_sleep or BUT_THE_LAST in name:
            continue
        if drive.run.step(name).state is not S.PENDING:
            drive = _Drive(played)
        drive.go_on(until=name)
        rejected, unknown = drive.fork(OutcomeKind.REJECTED), drive.fork(OutcomeKind.UNKNOWN)
        found[name] = Failure(steps[name], rejected.ending(), unknown.ending())
        drive.answer()
    return Foresight(tuple(smooth.begun), tuple(found[name] for name in steps if name in found))


class _Drive:
    """A run driven by answers, in rounds of a second each, so that a sleep takes one as well."""

    def __init__(self, plan: Plan) -> None:
        self.begun: list[tuple[str, ...]] = []
        self.undone: list[tuple[str, ...]] = []
        self.run: Run = apply(None, _started(plan.saga))
        self._plan = plan
        self._now = 0.0
        self._held: Call | None = None
        self._amiss: str | None = None
        self._kind = OutcomeKind.APPLIED

    def go_on(self, until: str | None = None) -> None:
        """Until nothing moves any more; the action of the step `until` stays in flight."""
        while True:
            fresh, calls, later = self._settle()
            if not calls and later is None:
                return
            self._note(self.begun, [*fresh, *_steps(calls, Phase.ACTION)])
            self._note(self.undone, _steps(calls, Phase.COMPENSATION))
            for call in calls:
                self._begin(call)
            self._now = self._now + ROUND_S if calls else later or self._now
            for call in calls:
                if (call.step, call.phase) == (until, Phase.ACTION):
                    self._held = call
                else:
                    self._end(call)

    def fork(self, kind: OutcomeKind) -> "_Drive":
        """Another drive, gone on from here with the call in flight ending like this."""
        assert self._held is not None  # go_on left it in flight
        fork = _Drive(self._plan)
        fork.run, fork._now, fork._held = self.run, self._now, self._held
        fork._amiss, fork._kind = self._held.step, kind
        fork.answer()
        fork.go_on()
        return fork

    def answer(self) -> None:
        """End the call that is in flight."""
        assert self._held is not None
        call, self._held = self._held, None
        self._end(call)

    def ending(self) -> Ending:
        left = left_in_world(self._plan, self.run)
        return Ending(tuple(self.undone), left, saga_state(self._plan, self.run))

    def _settle(self) -> tuple[list[str], list[Call], float | None]:
        """The sleeps that began, the calls that are due, and when there is more to do."""
        slept = []
        while True:
            commands = outstanding(self._plan, self.run)
            note = next((c for c in commands if isinstance(c, Note) and self._is_due(c)), None)
            if note is None:
                break
            if isinstance(note.event, e.SleepBegan):
                slept.append(note.event.step)
            self._record(replace(note.event, at=self._now))
        calls = [c for c in commands if isinstance(c, Call) and c.attempt <= ENOUGH]
        waits: list[Command] = [*calls, *(c for c in commands if isinstance(c, Note))]
        dues = [c.due_at for c in waits if c.due_at is not None and not self._is_due(c)]
        return slept, [call for call in calls if self._is_due(call)], min(dues, default=None)

    def _is_due(self, command: Command) -> bool:
        return command.due_at is None or command.due_at <= self._now

    def _note(self, groups: list[tuple[str, ...]], names: list[str]) -> None:
        if names:
            order = expanded(self._plan, self.run).steps
            groups.append(tuple(name for name in order if name in set(names)))

    def _begin(self, call: Call) -> None:
        sent = call.sending
        began = BEGAN[call.phase](
            at=self._now, step=call.step, attempt=call.attempt, key=call.key, method=sent.method,
            url=sent.url, content_type=sent.content_type, body=sent.body,
        )  # fmt: skip
        self._record(began)

    def _end(self, call: Call) -> None:
        is_amiss = call.step == self._amiss and call.phase is not Phase.COMPENSATION
        outcome = Outcome(self._kind if is_amiss else OutcomeKind.APPLIED, "")
        self._record(verdict(self._plan, self.run, call, outcome, self._now))

    def _record(self, event: e.Event) -> None:
        self.run = apply(self.run, event)


def _steps(calls: list[Call], phase: Phase) -> list[str]:
    return [call.step for call in calls if call.phase is phase and call.attempt == 1]


def _started(saga: Saga) -> e.RunStarted:
    return e.RunStarted(
        at=0.0, run_id="plan", saga=saga.name, version=saga.version, definition=saga.source.text,
        definition_name=saga.source.name, digest="", input={}, env={}, sandbox=False, faults=[],
        sagactl="",
    )  # fmt: skip


def _played(saga: Saga) -> Saga:
    """The same motion without the values that only a run has."""
    steps = tuple(_step(step) for step in saga.steps)
    return replace(saga, id=None, input_schema=None, timeout_s=None, output=None, steps=steps)


def _step(step: Step) -> Step:
    elements = constant(ELEMENTS, step.place)
    each = None if step.for_each is None else ForEach(elements, step.for_each.max_parallel)
    return replace(
        step,
        action=_action(step.action),
        lookup=None if step.lookup is None else Lookup(_request(step.lookup.request)),
        compensation=None if step.compensation is None else _request(step.compensation),
        when=None,
        for_each=each,
        settle_s=0.0,
        budget_s=0.0,
        timeout_s=None,
    )


def _action(action: Action) -> Action:
    match action:
        case Request():
            return _request(action)
        case Sleep():
            return replace(action, duration=constant(f"{ROUND_S:.0f}s", action.place))
    return replace(action, saga=_played(action.saga), input=None)


def _request(request: Request) -> Request:
    """The request with nothing to make out; its templates stay where only policies look."""
    read = tuple(("x", template) for template in templates(request))
    return Request(
        place=request.place,
        method=request.method,
        url=constant("http://x/", request.place),
        service=None,
        headers=read,
        retry=ONCE,
        idempotency=request.idempotency,
    )
