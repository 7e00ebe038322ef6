"""The invariants of a saga, judged from outside: its plan, its events, and what services saw.

One checker for every suite: it knows what the definition says and the events' names, and asks
neither the machine's tables nor its predicates, so that a mistake there cannot hide here.

I1 every saga that a service heard of is kept. I2 completed: each action took place once and none is
undone; failed: what may have taken place is undone, once, unless there is nothing to undo it with;
else: what is left stands at a step that says so. I3 no undo begins before the undo of every step
that needed its own has ended, nor that of an instance before those behind it, and no action before
what it needs. I4 nothing takes place after the
end. I5 whatever a service saw was written down before, key and body alike, and what ended had begun.
I6 a key never carries two bodies. I7 the exit code says what the ledger says.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sagactl.cli.state_file import plan_of
from sagactl.definition.model import Saga
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.machine import event as e
from sagactl.machine.command import Phase
from sagactl.machine.moves import StepState as S
from sagactl.machine.plan import Plan, expanded
from sagactl.machine.run import Run, replay
from sagactl.machine.state import SagaState, saga_state
from sagactl.rehearsal.ledger import EffectKind, Ledger, PlayedCall

# Between two readings of a clock a busy machine may put a process aside for so long.
CLOCKS_S = 2.0
EXITS = {SagaState.COMPLETED: {0}, SagaState.FAILED: {1}, SagaState.STUCK: {3}}
GOING = {5, 130, 143}
# Where an effect may stand although the saga is not completed: the step admits to it.
MAY_STAND = {S.EXECUTING, S.COMPLETED, S.UNKNOWN, S.COMPENSATING, S.STUCK}
BEGAN = {
    e.ActionBegan: Phase.ACTION,
    e.LookupBegan: Phase.LOOKUP,
    e.CompensationBegan: Phase.COMPENSATION,
}


class Done(Enum):
    """What a call did in the world."""

    NOTHING = "nothing"
    APPLIED = "applied"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Deed:
    """One call as its service saw it. `at` is in seconds; `body` None where it was not kept."""

    at: float
    step: str
    phase: Phase
    key: str | None
    done: Done
    body: str | None = None
    by_hand: bool = False  # the operator's doing: nobody wrote it down, and its order is theirs


def deeds_of(calls: Iterable[PlayedCall]) -> list[Deed]:
    """The sandbox's ledger in these terms."""
    kinds = {EffectKind.APPLIED: Done.APPLIED, EffectKind.UNDONE: Done.UNDONE}
    return [
        Deed(call.at, call.step, call.phase, call.key, kinds.get(call.effect, Done.NOTHING))
        for call in calls
        if call.step is not None and call.phase is not None
    ]


def check(
    plan: Plan,
    events: Sequence[e.Event],
    deeds: Sequence[Deed],
    *,
    status: int | None = None,
    slack_s: float = 0.0,
) -> SagaState:
    """Demand every invariant of one saga; the state it is in.

    `status` is how the program ended. `slack_s`: by so much the clocks of the saga and of its
    services may differ, which they do as soon as they are two processes.
    """
    assert events, "I1: a service heard of a saga that is not kept"
    run = replay(events)
    state = saga_state(plan, run)
    leaves = Leaves(plan, run)
    _effects_fit(leaves, run, state, deeds)
    _order_of_events(leaves, events)
    _order_of_deeds(leaves, deeds)
    if state in (SagaState.COMPLETED, SagaState.FAILED):
        ended_at = events[-1].at + slack_s
        late = [deed for deed in deeds if deed.done is not Done.NOTHING and deed.at > ended_at]
        assert not late, f"I4: after the end there came {late}"
    _intents(events, deeds, slack_s)
    _one_body_per_key(events, deeds)
    if status is not None:
        assert status in EXITS.get(state, GOING), f"I7: {state}, yet exit {status}"
    return state


def check_sandbox(folder: Path, run_id: str, status: int | None = None) -> SagaState:
    """Demand them of a sandboxed saga by what the program left behind in its folder."""
    store = TinyDBStore(folder / ".sagactl/sandbox.json", create=False)
    events = store.read(run_id)
    calls = Ledger(folder / ".sagactl/sandbox.ledger.jsonl").calls(run_id)
    plan = plan_of(replay(events))
    return check(plan, events, deeds_of(calls), status=status, slack_s=CLOCKS_S)


def _times(deeds: Iterable[Deed], step: str, done: Done) -> int:
    return sum(deed.step == step and deed.done is done for deed in deeds)


class Leaves:
    """The steps that send something, each by its path, and their order by the definition alone."""

    def __init__(self, plan: Plan, run: Run) -> None:
        self._saga = plan.saga
        every = expanded(plan, run).steps.items()
        found = {path: p.step for path, p in every if not (p.is_group or p.is_sleep)}
        self.undoable = {path for path, step in found.items() if step.compensation is not None}
        self.paths = tuple(found)
        self.after = {path: {o for o in found if self._is_after(o, path)} for path in found}
        self.behind = {
            path: self.after[path] | {o for o in found if _is_later_instance(o, path)}
            for path in found
        }

    def needs(self, path: str) -> set[str]:
        """The paths of the steps that must be through before this one begins."""
        frame, _, last = path.rpartition("/")
        saga, name = self._saga, last.partition("[")[0]
        for part in frame.split("/") if frame else ():
            child = saga.step(part.partition("[")[0]).child
            assert child is not None
            saga = child
        return {f"{frame}/{need}" if frame else need for need in saga.step(name).needs}

    def _is_after(self, other: str, path: str) -> bool:
        """Whether `other` can only have begun once the step at `path` was through."""
        saga = self._saga
        for part, its in zip(path.split("/"), other.split("/"), strict=False):
            name, its_name = part.partition("[")[0], its.partition("[")[0]
            if name != its_name:
                return _needs(saga, its_name, name)
            child = saga.step(name).child
            if part != its or child is None:
                return False
            saga = child
        return False


def _needs(saga: Saga, name: str, other: str) -> bool:
    return any(n == other or _needs(saga, n, other) for n in saga.step(name).needs)


def _is_later_instance(other: str, path: str) -> bool:
    for part, its in zip(path.split("/"), other.split("/"), strict=False):
        if part != its:
            (name, _, at), (its_name, _, its_at) = part.partition("["), its.partition("[")
            return name == its_name and int(its_at[:-1]) > int(at[:-1])
    return False


def _effects_fit(leaves: Leaves, run: Run, state: SagaState, deeds: Sequence[Deed]) -> None:
    for name in leaves.paths:
        stands_at = run.step(name).state
        applied, undone = _times(deeds, name, Done.APPLIED), _times(deeds, name, Done.UNDONE)
        seen = f"{name} is {stands_at}, was done {applied} times and undone {undone} times"
        assert applied <= 1, f"I2: {seen}"
        assert undone <= applied, f"I2: {seen}"
        if state is SagaState.COMPLETED:
            assert (applied, undone) == (stands_at is not S.SKIPPED, 0), f"I2: {seen}"
        elif state is SagaState.FAILED and name in leaves.undoable:
            assert applied == undone, f"I2: {seen}"
        elif applied > undone:
            assert stands_at in MAY_STAND, f"I2: {seen}"
        if stands_at is S.COMPLETED:
            assert (applied, undone) == (1, 0), f"I2: {seen}"


def _order_of_events(leaves: Leaves, events: Sequence[e.Event]) -> None:
    """I3 as the journal tells it."""
    through: set[str] = set()  # forwards: completed or skipped
    doubtful: set[str] = set()  # it may have had an effect, and nobody undid it yet
    for event in events:
        match event:
            case (
                e.StepSkipped()
                | e.ActionSucceeded()
                | e.LookupFound()
                | e.SleepEnded()
                | e.MembersSucceeded()
            ):
                through.add(event.step)
            case e.StepResolved(outcome="completed"):
                through.add(event.step)
            case e.StepResolved(outcome="compensated"):
                through.discard(event.step)
                doubtful.discard(event.step)
            case e.ActionBegan() | e.InstancesBegan() | e.ChildBegan() | e.SleepBegan():
                # What is in doubt is sent again, whatever was undone by hand meanwhile.
                if event.step not in doubtful:
                    early = leaves.needs(event.step) - through
                    assert not early, f"I3: {event.step} began before {early}"
                if event.step in leaves.paths:
                    doubtful.add(event.step)
            case e.CompensationBegan():
                early = leaves.behind[event.step] & doubtful & leaves.undoable
                assert not early, f"I3: {event.step} is undone before {early}"
                through.discard(event.step)
            case (
                e.CompensationSucceeded()
                | e.ActionFailed()
                | e.LookupMissed()
                | e.ActionCancelled()
                | e.StepResolved()
            ):
                doubtful.discard(event.step)


def _order_of_deeds(leaves: Leaves, deeds: Sequence[Deed]) -> None:
    """I3 as the services saw it."""
    standing: set[str] = set()
    for deed in deeds:
        if deed.done is Done.APPLIED:
            early = leaves.after[deed.step] & standing
            assert deed.by_hand or not early, f"I3: {deed.step} was done after {early}"
            standing.add(deed.step)
        elif deed.done is Done.UNDONE:
            early = leaves.behind[deed.step] & standing & leaves.undoable
            assert deed.by_hand or not early, f"I3: {deed.step} was undone before {early}"
            standing.discard(deed.step)


def _intents(events: Sequence[e.Event], deeds: Sequence[Deed], slack_s: float) -> None:
    began: dict[tuple[str, Phase, str | None], float] = {}
    open_attempts: set[tuple[str, int]] = set()
    for event in events:
        if isinstance(event, e.AttemptBegan):
            began.setdefault((event.step, BEGAN[type(event)], event.key), event.at)
            open_attempts.add((event.step, event.attempt))
        elif isinstance(event, e.AttemptEnded) and event.attempt:
            attempt = (event.step, event.attempt)
            assert attempt in open_attempts, f"I5: no beginning of attempt {attempt}"
            open_attempts.remove(attempt)
    for deed in deeds:
        if deed.by_hand:
            continue
        intent = (deed.step, deed.phase, deed.key)
        assert intent in began, f"I5: nobody wrote down {deed}"
        assert began[intent] <= deed.at + slack_s, f"I5: {deed} came before its intent"


def _one_body_per_key(events: Sequence[e.Event], deeds: Sequence[Deed]) -> None:
    bodies: dict[str | None, set[object]] = defaultdict(set)
    written: dict[str | None, str | None] = {}
    for event in events:
        if isinstance(event, e.AttemptBegan):
            bodies[event.key].add((event.method, event.url, event.content_type, event.body))
            written[event.key] = event.body
    two = {key for key, those in bodies.items() if len(those) > 1}
    assert not two, f"I6: two bodies under one key: {two}"
    for deed in deeds:
        same = deed.body is None or deed.body == (written[deed.key] or "")
        assert same, f"I5: the body that came is not the one written down: {deed}"
