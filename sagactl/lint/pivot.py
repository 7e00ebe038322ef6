"""The point of no return, and which steps lie past it. Pure."""

from collections.abc import Iterator

from sagactl.definition.graph import ancestors
from sagactl.definition.kept import kept
from sagactl.definition.model import Saga, Step


@kept
def pivots(saga: Saga) -> tuple[Step, ...]:
    """The steps that say `pivot: true`; a saga has at most one, which is a rule of its own."""
    return tuple(step for step in saga.steps if step.pivot)


@kept
def past_pivot(saga: Saga) -> frozenset[str]:
    """The steps that begin only when a pivot is behind them; the pivot itself is none of them."""
    points = {step.name for step in pivots(saga)}
    if not points:
        return frozenset()
    before = ancestors(saga.steps)
    return frozenset(step.name for step in saga.steps if points & before[step.name])


def carried_past(saga: Saga) -> Iterator[tuple[Step, Step, bool]]:
    """The steps of sub-sagas that begin only when this saga's pivot is behind them.

    Each with the step that runs the sub-saga, and whether it is past a pivot of its own saga too.
    """
    past = past_pivot(saga)
    for step in saga.steps:
        if step.name in past and step.child is not None:
            for one in step.child.family():
                own = past_pivot(one)
                yield from ((step, inner, inner.pivot or inner.name in own) for inner in one.steps)
