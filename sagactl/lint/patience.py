"""How long a definition may take at worst, and how long it surely sleeps; along the longest path.

All in seconds. At worst is an upper bound of what is written, attempts and the waits between them:
patience that a service asks for, and instances that wait in line for one another, come on top.
"""

from math import ceil

from sagactl.definition.duration import parse_duration
from sagactl.definition.graph import topological
from sagactl.definition.model import Request, Retry, Saga, Sleep, Step, SubSaga
from sagactl.lint.pivot import past_pivot
from sagactl.source.node import List, Scalar


def last_due_s(request: Request) -> float:
    """When the last attempt may begin at the latest, counted from the first."""
    retry = request.retry
    return (retry.max_attempts - 1) * request.timeout_s + _waits_s(retry)


def request_s(request: Request) -> float:
    """How long a request may take with all its attempts."""
    return last_due_s(request) + request.timeout_s


def step_s(step: Step) -> float:
    """How long the action of a step may take."""
    match step.action:
        case Request() as request:
            once = request_s(request)
            if step.timeout_s is not None:
                once = min(once, step.timeout_s + request.timeout_s)
        case Sleep() as sleep:
            once = _written_s(sleep)
        case SubSaga(saga=child):
            once = forwards_s(child)[0]
            if child.timeout_s is not None:
                once = min(once, child.timeout_s)
    if step.for_each is None or not isinstance(step.for_each.items.node, List):
        return once
    return once * ceil(len(step.for_each.items.node.items) / step.for_each.max_parallel)


def forwards_s(saga: Saga) -> tuple[float, tuple[str, ...]]:
    """How long the steps up to the pivot may take, and the names on the longest path."""
    steps = {step.name: step for step in saga.steps}
    past = past_pivot(saga)
    ends: dict[str, tuple[float, tuple[str, ...]]] = {"": (0.0, ())}
    for name in topological({step.name: step.needs for step in saga.steps}):
        if name in past:
            continue
        seconds, path = max((ends[need] for need in steps[name].needs), default=ends[""])
        ends[name] = seconds + step_s(steps[name]), (*path, name)
    return max(ends.values(), key=lambda end: end[0])


def begins_s(saga: Saga) -> dict[str, float]:
    """When each step up to the pivot begins at the earliest: what surely sleeps before it."""
    steps = {step.name: step for step in saga.steps}
    past = past_pivot(saga)
    asleep = {name: _asleep_s(step) for name, step in steps.items() if name not in past}
    begins: dict[str, float] = {}
    for name in topological({step.name: step.needs for step in saga.steps}):
        if name in asleep:
            begins[name] = max((begins[n] + asleep[n] for n in steps[name].needs), default=0.0)
    return begins


def _asleep_s(step: Step) -> float:
    """How long a step surely sleeps: what may be skipped, or may have no elements, does not."""
    if step.when is not None or (
        step.for_each is not None and not isinstance(step.for_each.items.node, List)
    ):
        return 0.0
    if isinstance(step.action, Sleep):
        return step_s(step)
    if step.child is None:
        return 0.0
    begins = begins_s(step.child)
    ends = (
        begins[inner.name] + _asleep_s(inner) for inner in step.child.steps if inner.name in begins
    )
    return max(ends, default=0.0)


def _written_s(sleep: Sleep) -> float:
    node = sleep.duration.node
    if sleep.duration.is_constant and isinstance(node, Scalar):
        return parse_duration(str(node.value)) or 0.0
    return 0.0


def _waits_s(retry: Retry) -> float:
    waits, wait = 0.0, retry.initial_interval_s
    for left in range(retry.max_attempts - 1, 0, -1):
        if wait >= retry.max_interval_s or retry.multiplier == 1:
            return waits + left * min(wait, retry.max_interval_s)
        waits += wait
        wait *= retry.multiplier
    return waits
