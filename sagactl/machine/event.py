"""Facts: what happened to a run, in the past tense, each with the time it was noted at.

Events are the only thing that is ever stored, and a run is nothing but its events applied in
order. An event carries its consequence with it (a due time, a result), so that replaying an old
journal never depends on the rules of today. Fields hold plain JSON values only; the codec relies
on it.
"""

from dataclasses import dataclass, field

from sagactl.source.node import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`at` is in seconds since 1970-01-01 UTC."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run began. It keeps its whole definition: the texts, and their SHA-256 as `digest`."""

    run_id: str
    saga: str
    version: int | str
    definition: str
    definition_name: str
    digest: str
    input: Json
    env: dict[str, str]
    sandbox: bool
    faults: list[str]
    sagactl: str
    tags: dict[str, str] = field(default_factory=dict)
    # The texts of sub-sagas, by name.
    children: dict[str, str] = field(default_factory=dict, metadata={"left_out": "empty"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed(Event):
    """Somebody went on with the run: budgets are fresh, and `deadline_at`, if given, is new."""

    operator: str
    deadline_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePassed(Event):
    """The saga's time was up: nothing new starts, what was done is undone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompensationRequested(Event):
    """An operator asked for the run to be undone."""

    operator: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAbandoned(Event):
    """An operator closed the run as it stands: nothing more is done or undone, ever."""

    operator: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionReplaced(Event):
    """An operator gave the run another definition, which was found to fit what was done.

    `env` is everything that the run reads of the environment from now on.
    """

    definition: str
    definition_name: str
    digest: str
    version: int | str
    env: dict[str, str]
    operator: str
    reason: str
    children: dict[str, str] = field(default_factory=dict, metadata={"left_out": "empty"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEvent(Event):
    """`step` is the step's path in the run: its name."""

    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSkipped(StepEvent):
    """Its `when` was false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstancesBegan(StepEvent):
    """A `for_each` step became one instance for each of `items`, called `step[0]` and so on."""

    items: list[Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildBegan(StepEvent):
    """A sub-saga began with its own `input`; its steps are called `step/name`."""

    saga: str
    input: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersSucceeded(StepEvent):
    """Every instance, or every step of the sub-saga, is through."""

    result: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersTurned(StepEvent):
    """The saga turned back: what its members did is undone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersUndone(StepEvent):
    """Nothing is left of what its members did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersReopened(StepEvent):
    """One of its members is tried again, before anything was undone: it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersVoid(StepEvent):
    """None of its members had any effect. `detail` says which one failed, and why, if any did."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SleepBegan(StepEvent):
    """It ends `duration_s` seconds later, whoever is there to see it."""

    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SleepEnded(StepEvent):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptBegan(StepEvent):
    """The intent: on disk before the request leaves. `key` and the bytes stay for every attempt."""

    attempt: int
    key: str
    method: str
    url: str
    content_type: str | None
    body: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded(StepEvent):
    """`attempt` 0: nothing was tried. `detail` says in words what was seen."""

    attempt: int
    status: int | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionBegan(AttemptBegan):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSucceeded(AttemptEnded):
    result: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionNotSent(AttemptEnded):
    """Nothing can have happened; tried again at `due_at`, or given up where that is None."""

    due_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionUnknown(AttemptEnded):
    """It may have happened (`happened`: it did, but its result is lost).

    Sent again at `due_at`; where that is None, the next thing to ask is the lookup.
    """

    happened: bool
    due_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFailed(AttemptEnded):
    """A definite no: the step failed without effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRefused(AttemptEnded):
    """A definite no past the pivot, where there is no way back: a person is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCancelled(StepEvent):
    """The saga turned back while the step only waited to be sent again; it has no effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupBegan(AttemptBegan):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupFound(AttemptEnded):
    result: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupMissed(AttemptEnded):
    """The service says that the action never took place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupCleared(AttemptEnded):
    """It never took place, and past the pivot there is only forwards: it is sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupUnanswered(AttemptEnded):
    """No answer: asked again at `due_at`, given up where that is None."""

    due_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeAssumed(StepEvent):
    """Nobody could find out; by `on_unknown: compensate` it is taken as done and will be undone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeHeld(StepEvent):
    """Nobody could find out, and only a person may decide."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompensationBegan(AttemptBegan):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class CompensationSucceeded(AttemptEnded):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class CompensationUnsettled(AttemptEnded):
    """Not undone yet, or not surely (`doubtful`: the attempt may have had its effect)."""

    doubtful: bool
    due_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CompensationFailed(AttemptEnded):
    """The undo was refused or given up: a person is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionReopened(StepEvent):
    """A refused step past the pivot is tried afresh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeReopened(StepEvent):
    """A held step is asked about afresh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompensationReopened(StepEvent):
    """A compensation that gave up is tried afresh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResolved(StepEvent):
    """A person found out, or saw to it, how the step stands in the world.

    `outcome` is "completed", "failed" (without effect) or "compensated"; `result` counts where
    `has_result`.
    """

    outcome: str
    result: Json
    has_result: bool
    operator: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReopened(StepEvent):
    """A step that failed without effect is tried again, before anything was undone."""

    operator: str
    reason: str
