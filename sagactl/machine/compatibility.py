"""Whether a run that has moved may go on with another definition. Pure.

The rule
--------
A step that nothing happened to yet may differ freely, be new or be gone. A step that something
happened to is *touched*, and of it nothing may differ that its past still depends on:

- It must be there, with the same needs: what it needs was through before it began, and is undone
  after it. It must be the pivot if it was, and stand on the same side of it.
- Bytes that went out are the bytes of every other attempt: one key, one body. So the request of an
  action, lookup or compensation must be the same in what is sent (method, address, query, body, and
  what is said of its key) as soon as an attempt of it was made, and as long as another may come.
- Not once must what could be undone become what cannot.
- What is surely read of a result must be in the result that was kept.

All else is harmless: how long is waited and how often it is tried, how a reply is read (`success`,
`outcomes`, `fail_when`), headers, `when` once it was decided, `on_unknown`, `settle`, and a request
that was never sent, or never will be again. Whatever this module does not know of counts as a
difference that matters.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum

from sagactl.definition.model import Lookup, Request, Step
from sagactl.definition.template import Fixed, Template
from sagactl.machine.command import Phase
from sagactl.machine.moves import StepState as S
from sagactl.machine.objection import (
    dotted,
    failed_steps,
    has_path,
    needed_paths,
    reopen_objections,
)
from sagactl.machine.plan import Plan
from sagactl.machine.run import Run, StepRun
from sagactl.source.node import Json, List, Map, Scalar
from sagactl.source.place import Place, Source

# What a service sees of a request, headers apart: those are made anew for each attempt anyway.
SENT = ("method", "url", "service", "query", "json", "form", "body", "idempotency")

# Fields of a step that have a rule of their own, or need none.
RULED = ("name", "place", "action", "lookup", "compensation", "needs", "pivot")
HARMLESS = (
    "compensation_none",
    "when",
    "on_unknown",
    "settle_s",
    "budget_s",
    "timeout_s",
    "example",
)


class Change(StrEnum):
    """What the other definition makes of a step."""

    SAME = "same"
    DIFFERS = "differs"
    NEW = "new"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class StepChange:
    """One step of either definition; it is sound where there are no `reasons` against it."""

    name: str
    state: S
    change: Change
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compatibility:
    steps: tuple[StepChange, ...]
    reasons: tuple[str, ...]  # against the definition as a whole

    @property
    def is_sound(self) -> bool:
        return not self.objections

    @property
    def objections(self) -> tuple[str, ...]:
        """Everything that is wrong with it, one line each."""
        of_steps = (
            f'step "{step.name}" is {step.state}: {reason}'
            for step in self.steps
            for reason in step.reasons
        )
        return (*self.reasons, *of_steps)


def compatibility(old: Plan, new: Plan, run: Run) -> Compatibility:
    """What would change if `run`, begun with `old`, went on with `new`, and whether it may."""
    reasons = []
    if old.saga.name != new.saga.name:
        reasons.append(f'it is the saga "{new.saga.name}", and not "{old.saga.name}"')
    names = dict.fromkeys([*old.steps, *new.steps])
    return Compatibility(tuple(_change(old, new, run, name) for name in names), tuple(reasons))


def _change(old: Plan, new: Plan, run: Run, name: str) -> StepChange:
    state = run.step(name).state
    touched = name in run.steps
    if name not in new.steps:
        gone = ("it is gone, and something happened to it already",) if touched else ()
        return StepChange(name, state, Change.GONE, gone)
    if name not in old.steps:
        return StepChange(name, state, Change.NEW, ())
    same = meaning(old.steps[name].step) == meaning(new.steps[name].step)
    reasons = tuple(_reasons(old, new, run, name)) if touched else ()
    return StepChange(name, state, Change.SAME if same else Change.DIFFERS, reasons)


def _reasons(old: Plan, new: Plan, run: Run, name: str) -> Iterator[str]:
    """Why the other definition does not fit what happened to the step."""
    step = run.step(name)
    before, after = old.steps[name].step, new.steps[name].step
    if set(before.needs) != set(after.needs):
        yield f"it needs {_listed(after)} now, and needed {_listed(before)}"
    if before.pivot != after.pivot:
        yield "it becomes the pivot" if after.pivot else "it is the pivot no more"
    elif old.steps[name].past_pivot != new.steps[name].past_pivot:
        yield "it stands on the other side of the pivot"
    if run.members.get(name) is not None and meaning(before) != meaning(after):
        yield "it stands for several that have begun, and differs"
    phases = _still(old, run, step)
    for phase in Phase:
        ours, theirs = _asked(before, phase), _asked(after, phase)
        yield from _request_reasons(ours, theirs, step, phase, again=phase in phases)
    for field in fields(Step):
        if field.name not in RULED + HARMLESS:
            mine, others = getattr(before, field.name), getattr(after, field.name)
            if meaning(mine) != meaning(others):
                yield f"its {field.name} differs"
    if step.has_result and step.state not in (S.COMPENSATED, S.FAILED):
        for path in needed_paths(new, run, name):
            if not has_path(step.result, path):
                yield f"an expression reads {dotted(path)}, which the result it has is without"


def _still(plan: Plan, run: Run, step: StepRun) -> tuple[Phase, ...]:
    """The phases of which another attempt may come."""
    undoing = step.error is not None and step.error.phase is Phase.COMPENSATION
    match step.state:
        case S.EXECUTING | S.UNKNOWN:
            return tuple(Phase)
        case S.STUCK:
            return (Phase.COMPENSATION,) if undoing else tuple(Phase)
        case S.COMPLETED | S.COMPENSATING:
            return (Phase.COMPENSATION,)
        case S.PENDING:
            return (Phase.ACTION,)
        case S.FAILED:
            failed = failed_steps(plan, run)
            late = reopen_objections(plan, run, failed, run.updated_at, float("inf"))
            return () if late else (Phase.ACTION,)
    return ()


def _request_reasons(
    ours: object, theirs: object, step: StepRun, phase: Phase, *, again: bool
) -> Iterator[str]:
    both_requests = isinstance(ours, Request) and isinstance(theirs, Request)
    was_sent = step.attempts(phase).sending is not None
    if phase is Phase.ACTION and not both_requests:
        # What else a step can do undoes itself, so that it matters even when it is through.
        if meaning(ours) != meaning(theirs):
            yield "its action is another"
    elif not again:
        return
    elif phase is Phase.COMPENSATION and ours is not None and theirs is None:
        yield "it could be undone, and cannot be any more"
    elif was_sent and not both_requests:
        yield f"its {phase} was sent already, and is gone"
    elif was_sent:
        differing = [n for n in SENT if _sent(getattr(ours, n)) != _sent(getattr(theirs, n))]
        if differing:
            yield f"its {phase} was sent already, and differs in {', '.join(differing)}"


def _asked(step: Step, phase: Phase) -> object:
    match phase:
        case Phase.ACTION:
            return step.action
        case Phase.LOOKUP:
            return step.lookup.request if isinstance(step.lookup, Lookup) else step.lookup
        case Phase.COMPENSATION:
            return step.compensation


def _sent(value: object) -> Json:
    """Of a service only its address is sent."""
    return meaning(getattr(value, "url", value))


def _listed(step: Step) -> str:
    return ", ".join(f'"{need}"' for need in step.needs) or "nothing"


def meaning(value: object) -> Json:
    """A part of a definition without its places, comparable: what it says, not where it stands."""
    match value:
        case Place() | Source():
            return None
        case Template():
            fixed = isinstance(value.compiled, Fixed)
            return meaning(value.compiled if fixed else value.node)
        case Scalar():
            return meaning(value.value)
        case List():
            return ["list", *map(meaning, value.items)]
        case Map():
            return {entry.name: meaning(entry.value) for entry in value.entries}
        case dict():
            return {str(name): meaning(item) for name, item in value.items()}
        case list() | tuple():
            return [meaning(item) for item in value]
    if is_dataclass(value):
        return {field.name: meaning(getattr(value, field.name)) for field in fields(value)}
    return (type(value).__name__, value)
