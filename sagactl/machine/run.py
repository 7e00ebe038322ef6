"""A run: what its events add up to.

`apply` is the only way to make one, and it needs no plan: an event says by itself what it leads to.
Nothing here decides anything; what follows from where a run stands is `outstanding`'s business.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sagactl.machine import event as e
from sagactl.machine.command import Phase, Sending
from sagactl.machine.moves import PENDING, STUCK, UNKNOWN, StepState, move
from sagactl.source.node import Json
from sagactl.source.place import Source


@dataclass(frozen=True, slots=True)
class Attempts:
    """The attempts of one phase of a step, and when the next one is due.

    `spent` counts against the budget, which a resume makes fresh; `count` never goes back, so
    attempt numbers are never used twice. `sending` is set by the first attempt and stays.
    """

    count: int = 0
    spent: int = 0
    in_flight: bool = False
    doubted: bool = False  # an attempt may have had its effect
    absences: int = 0  # how often an undo was told "not there" and asks again
    began_at: float | None = None
    budget_at: float | None = None
    ended_at: float | None = None
    due_at: float | None = None
    sending: Sending | None = None
    status: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StepError:
    """Why a step is not where it should be."""

    phase: Phase
    status: int | None
    message: str


@dataclass(frozen=True, slots=True)
class StepRun:
    """One step of a run. `has_result` is True once the action's success or a lookup gave one."""

    state: StepState = PENDING
    action: Attempts = Attempts()
    lookup: Attempts = Attempts()
    compensation: Attempts = Attempts()
    result: Json = None
    has_result: bool = False
    happened: bool = False  # it took place, but its result is lost
    assumed: bool = False  # taken as done, though nobody knows
    held: bool = False  # stuck for want of an answer, not because of one
    doubted_at: float | None = None
    error: StepError | None = None

    def attempts(self, phase: Phase) -> Attempts:
        match phase:
            case Phase.ACTION:
                return self.action
            case Phase.LOOKUP:
                return self.lookup
            case Phase.COMPENSATION:
                return self.compensation

    @property
    def in_flight(self) -> bool:
        return self.action.in_flight or self.lookup.in_flight or self.compensation.in_flight

    @property
    def surely_happened(self) -> bool:
        """Whether somebody said that the action took place, whatever became of it since."""
        return self.state is StepState.COMPLETED or self.has_result or self.happened

    @property
    def touched(self) -> bool:
        """Whether a request was ever meant to leave for this step."""
        return self.action.count > 0


@dataclass(frozen=True, slots=True)
class Members:
    """What a step that stands for several began with.

    `items` are those of a `for_each`, None for a sub-saga, which has a name and an `input`.
    """

    began_at: float
    items: tuple[Json, ...] | None = None
    saga: str = ""
    input: Json = None


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a saga. Steps that nothing happened to yet are not in `steps`.

    A step's path is its name; behind it stands which instance it is (`ship[2]`), and in front of it
    the sub-saga it belongs to (`payment/charge`).
    """

    id: str
    saga: str
    version: int | str
    definition: Source
    digest: str
    input: Json
    env: Mapping[str, str]
    sandbox: bool
    faults: tuple[str, ...]
    started_at: float
    updated_at: float
    deadline_at: float | None = None  # set by a resume that moved it
    deadline_passed: bool = False
    cancelled: bool = False
    cancel_reason: str = ""
    abandoned: bool = False
    abandon_reason: str = ""
    steps: Mapping[str, StepRun] = field(default_factory=dict)
    members: Mapping[str, Members] = field(default_factory=dict)
    children: Mapping[str, str] = field(default_factory=dict)  # texts of sub-sagas by name

    def step(self, name: str) -> StepRun:
        return self.steps.get(name, UNTOUCHED)


UNTOUCHED = StepRun()


def replay(events: Iterable[e.Event]) -> Run:
    """The run that these events, oldest first, add up to."""
    run: Run | None = None
    for event in events:
        run = apply(run, event)
    if run is None:
        raise ValueError("a run has at least one event")
    return run


def apply(run: Run | None, event: e.Event) -> Run:
    """The run after `event`; raises IllegalMove where the event cannot happen."""
    if run is None:
        if not isinstance(event, e.RunStarted):
            raise ValueError(f"a run begins with RunStarted, not {type(event).__name__}")
        return _started(event)
    if run.abandoned:
        raise ValueError(f"an abandoned run cannot take {type(event).__name__}")
    if isinstance(event, e.StepEvent):
        return _after_step_event(run, event)
    run = replace(run, updated_at=max(run.updated_at, event.at))
    match event:
        case e.RunResumed():
            steps = {name: _refreshed(step, event.at) for name, step in run.steps.items()}
            deadline_at = run.deadline_at if event.deadline_at is None else event.deadline_at
            return replace(run, steps=steps, deadline_at=deadline_at)
        case e.DeadlinePassed():
            return replace(run, deadline_passed=True)
        case e.CompensationRequested():
            return replace(run, cancelled=True, cancel_reason=event.reason)
        case e.RunAbandoned():
            return replace(run, abandoned=True, abandon_reason=event.reason)
        case e.DefinitionReplaced():
            source = Source(event.definition_name, event.definition)
            return replace(
                run,
                definition=source,
                children=event.children,
                digest=event.digest,
                version=event.version,
                env=event.env,
            )
    raise ValueError(f"a run cannot take {type(event).__name__}")


def _after_step_event(run: Run, event: e.StepEvent) -> Run:
    step = run.step(event.step)
    state = move(step.state, event)
    after = _step_after(step, event)
    return replace(
        run,
        updated_at=max(run.updated_at, event.at),
        steps={**run.steps, event.step: replace(after, state=state)},
        members=_members_after(run.members, event),
    )


def _members_after(members: Mapping[str, Members], event: e.StepEvent) -> Mapping[str, Members]:
    match event:
        case e.InstancesBegan():
            return {**members, event.step: Members(event.at, items=tuple(event.items))}
        case e.ChildBegan():
            return {**members, event.step: Members(event.at, saga=event.saga, input=event.input)}
    return members


def _started(event: e.RunStarted) -> Run:
    return Run(
        id=event.run_id,
        saga=event.saga,
        version=event.version,
        definition=Source(event.definition_name, event.definition),
        digest=event.digest,
        input=event.input,
        env=event.env,
        sandbox=event.sandbox,
        faults=tuple(event.faults),
        children=event.children,
        started_at=event.at,
        updated_at=event.at,
    )


def _refreshed(step: StepRun, at: float) -> StepRun:
    """The step with fresh budgets; what stood unknown is asked about again, from the action on."""
    action = _fresh(step.action)
    doubted_at = step.doubted_at
    if step.state is UNKNOWN and not step.assumed and not action.in_flight:
        action = replace(action, due_at=at if action.due_at is None else action.due_at)
        doubted_at = at
    return replace(
        step,
        action=action,
        lookup=_fresh(step.lookup),
        compensation=_fresh(step.compensation),
        doubted_at=doubted_at,
    )


def _fresh(attempts: Attempts) -> Attempts:
    return replace(attempts, spent=0, budget_at=None)


def _step_after(step: StepRun, event: e.StepEvent) -> StepRun:
    match event:
        case e.ActionBegan():
            return replace(step, action=_began(step.action, event))
        case e.LookupBegan():
            return replace(step, lookup=_began(step.lookup, event))
        case e.CompensationBegan():
            return replace(step, compensation=_began(step.compensation, event))
        case e.OutcomeAssumed():
            return replace(step, assumed=True)
        case e.SleepBegan():
            due_at = event.at + event.duration_s
            return replace(step, action=replace(step.action, began_at=event.at, due_at=due_at))
        case e.SleepEnded():
            action = replace(step.action, due_at=None, ended_at=event.at)
            return replace(step, action=action, has_result=True)
        case e.MembersSucceeded():
            return replace(step, result=event.result, has_result=True, error=None)
        case e.MembersReopened():
            return replace(step, error=None)
        case e.MembersVoid():
            error = StepError(Phase.ACTION, None, event.detail) if event.detail else None
            return replace(step, error=error)
        case e.ActionCancelled():
            return replace(step, action=replace(step.action, due_at=None))
        case e.OutcomeHeld():
            status = step.action.status
            return replace(step, held=True, error=StepError(Phase.ACTION, status, event.detail))
        case e.ActionReopened():
            return replace(step, action=replace(_fresh(step.action), due_at=event.at))
        case e.OutcomeReopened():
            return _refreshed(replace(step, state=UNKNOWN, held=False), event.at)
        case e.CompensationReopened():
            reopened = replace(_fresh(step.compensation), due_at=event.at)
            return replace(step, compensation=reopened)
        case e.StepResolved():
            return _resolved(step, event)
        case e.StepReopened():
            # It had no effect, so it is as new, but for its numbers, its key and its bytes.
            action = replace(_fresh(step.action), doubted=False, due_at=None)
            lookup = replace(_fresh(step.lookup), due_at=None)
            return replace(step, action=action, lookup=lookup, doubted_at=None, error=None)
        case e.AttemptEnded():
            return _step_after_attempt(step, event)
    return step


def _resolved(step: StepRun, event: e.StepResolved) -> StepRun:
    error = None
    if event.outcome == "failed":
        error = StepError(Phase.ACTION, None, f"{event.operator} says so: {event.reason}")
    result = event.result if event.has_result else step.result
    return replace(
        step,
        result=result,
        has_result=step.has_result or event.has_result,
        held=False,
        happened=step.happened or event.outcome == "completed",
        error=error,
    )


def _began(attempts: Attempts, event: e.AttemptBegan) -> Attempts:
    sending = Sending(event.method, event.url, event.content_type, event.body)
    return replace(
        attempts,
        count=event.attempt,
        spent=attempts.spent + 1,
        in_flight=True,
        began_at=event.at if attempts.began_at is None else attempts.began_at,
        budget_at=event.at if attempts.budget_at is None else attempts.budget_at,
        due_at=None,
        sending=sending,
    )


def _step_after_attempt(step: StepRun, event: e.AttemptEnded) -> StepRun:
    match event:
        case e.ActionSucceeded():
            action = _ended(step.action, event)
            return replace(step, action=action, result=event.result, has_result=True, error=None)
        case e.ActionNotSent():
            return replace(step, action=_ended(step.action, event, due_at=event.due_at))
        case e.ActionUnknown():
            action = _ended(step.action, event, due_at=event.due_at, doubted=True)
            doubted_at = event.at if step.doubted_at is None else step.doubted_at
            happened = step.happened or event.happened
            return replace(step, action=action, doubted_at=doubted_at, happened=happened)
        case e.ActionFailed() | e.ActionRefused():
            error = StepError(Phase.ACTION, event.status, event.detail)
            return replace(step, action=_ended(step.action, event), error=error)
        case e.LookupFound():
            lookup = _ended(step.lookup, event)
            return replace(step, lookup=lookup, result=event.result, has_result=True, error=None)
        case e.LookupMissed():
            error = StepError(Phase.LOOKUP, event.status, event.detail)
            return replace(step, lookup=_ended(step.lookup, event), error=error)
        case e.LookupCleared():
            # The doubt is gone: what the lookup denies has no effect to be afraid of.
            action = replace(step.action, doubted=False, due_at=event.at)
            lookup = replace(_fresh(_ended(step.lookup, event)), due_at=None)
            return replace(step, action=action, lookup=lookup, doubted_at=None)
        case e.LookupUnanswered():
            return replace(step, lookup=_ended(step.lookup, event, due_at=event.due_at))
        case e.CompensationSucceeded():
            return replace(step, compensation=_ended(step.compensation, event))
        case e.CompensationUnsettled():
            ended = _ended(step.compensation, event, due_at=event.due_at, doubted=event.doubtful)
            absent = 0 if event.doubtful or event.status not in (404, 410) else 1
            return replace(step, compensation=replace(ended, absences=ended.absences + absent))
        case e.CompensationFailed():
            error = StepError(Phase.COMPENSATION, event.status, event.detail)
            return replace(step, compensation=_ended(step.compensation, event), error=error)
    raise ValueError(f"a step cannot take {type(event).__name__}")


def _ended(
    attempts: Attempts, event: e.AttemptEnded, *, due_at: float | None = None, doubted: bool = False
) -> Attempts:
    return replace(
        attempts,
        # Attempt 0 never left, yet it must count, or the same question is asked for ever.
        spent=max(attempts.spent, 1),
        in_flight=False,
        doubted=attempts.doubted or doubted,
        ended_at=event.at,
        due_at=due_at,
        status=event.status,
        detail=event.detail,
    )


def is_stuck(run: Run) -> bool:
    """Whether any step waits for a person."""
    return any(step.state is STUCK for step in run.steps.values())


def reopenings(run: Run, at: float) -> tuple[e.StepEvent, ...]:
    """The events by which a resume takes up every stuck step where it stands."""
    found: list[e.StepEvent] = []
    for name, step in run.steps.items():
        if step.state is not STUCK:
            continue
        if step.held:
            found.append(e.OutcomeReopened(at=at, step=name))
        elif step.error is not None and step.error.phase is Phase.COMPENSATION:
            found.append(e.CompensationReopened(at=at, step=name))
        else:
            found.append(e.ActionReopened(at=at, step=name))
    return tuple(found)
