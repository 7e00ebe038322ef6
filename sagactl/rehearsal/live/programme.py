"""Which promises are asked of a step, and why the others are not: seen in the definition alone.

A request is repeated only where the definition says that this does no harm, and an undo is sent
without its action only where it can be written without what the action's reply told.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from sagactl.definition.model import Idempotency, Request, Step
from sagactl.definition.policy import reads_own_result
from sagactl.machine.contract import Forecast, Promise
from sagactl.machine.plan import Plan, PlannedStep, unfolded
from sagactl.machine.request import path_as_written
from sagactl.rehearsal.live.target import Targets

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# How many requests a promise takes, besides the action and its undo.
COSTS: Mapping[Promise, int] = MappingProxyType(
    {
        Promise.ACTION_TWICE: 1,
        Promise.UNDO_TWICE: 1,
        Promise.UNDO_ALONE: 1,
        Promise.ACTION_LATE: 1,
        Promise.LOOKUP: 2,
    }
)
NO_UNDO = "it has no compensation"


def is_only_read(step: Step) -> bool:
    """Whether its action has no effect (RFC 9110, 9.2.1)."""
    return step.request is not None and step.request.method in SAFE_METHODS


def reasons(step: Step) -> dict[Promise, str]:
    """For each promise why it is not asked of the step; empty where it is."""
    return {
        Promise.ACTION_TWICE: _twice(step.request) if not is_only_read(step) else "it only reads",
        Promise.UNDO_TWICE: NO_UNDO if step.compensation is None else _twice(step.compensation),
        Promise.UNDO_ALONE: _alone(step),
        Promise.ACTION_LATE: _late(step),
        Promise.LOOKUP: "it has no lookup" if step.lookup is None else "",
    }


def asked_in(step: Step, promise: Promise) -> Request:
    """The request of a step whose service makes the promise."""
    assert step.request is not None  # of a sleep or a sub-saga nothing is asked
    match promise:
        case Promise.UNDO_TWICE | Promise.UNDO_ALONE if step.compensation is not None:
            return step.compensation
        case Promise.LOOKUP if step.lookup is not None:
            return step.lookup.request
    return step.request


def forecast(plan: Plan, targets: Targets, skipped: Iterable[str]) -> Forecast:
    """What is going to be asked. Of a `for_each` one element counts, and every `when` is true."""
    left_out = _with_what_needs_them(plan, set(skipped))
    asked = [
        planned
        for planned in unfolded(plan)
        if planned.step.request is not None and planned.name not in left_out
    ]
    staying = [p.name for p in asked if stays(p.step)]
    requests = sum(_requests(planned.step) for planned in asked)
    return Forecast(targets.urls, len(asked), requests, tuple(staying))


def stays(step: Step) -> bool:
    """Whether what it does cannot be undone."""
    return step.compensation is None and not is_only_read(step)


def _requests(step: Step) -> int:
    asked = [promise for promise, reason in reasons(step).items() if not reason]
    count = 1 + (step.compensation is not None) + sum(COSTS[promise] for promise in asked)
    if Promise.ACTION_LATE in asked and step.lookup is not None:
        count += 2 if reads_own_result(step) else 1
    return count


def _twice(request: Request | None) -> str:
    assert request is not None
    if request.may_repeat:
        return ""
    said: Idempotency | None = request.idempotency
    if said is None:
        return f"a {request.method} without a word of idempotency is never sent again"
    return "idempotency: none says that it is never sent again"


def _alone(step: Step) -> str:
    if step.compensation is None:
        return NO_UNDO
    if reads_own_result(step):
        return "its undo reads the action's result, so it is never sent without one"
    return ""


def _late(step: Step) -> str:
    if step.compensation is None:
        return NO_UNDO
    if is_only_read(step):
        return "it only reads"
    if not reads_own_result(step):
        return ""
    assert step.request is not None
    # Then only a repetition can come after the undo, and its reply may be that of the first one.
    if not step.request.may_repeat:
        return "its undo needs the action's reply, and the action is never sent again"
    if step.lookup is None:
        return "its undo needs the action's reply, and without a lookup nobody can tell what came"
    return ""


def _with_what_needs_them(plan: Plan, skipped: set[str]) -> set[str]:
    """The steps that are left out, with their members and all that needs them."""
    out: set[str] = set()
    steps: list[PlannedStep] = list(unfolded(plan))
    grows = True
    while grows:
        found = {
            planned.name
            for planned in steps
            if path_as_written(planned.name) in skipped
            or (planned.parent is not None and planned.parent in out)
            or any(name in out for name in planned.needs)
        }
        grows = not found <= out
        out |= found
    return out
