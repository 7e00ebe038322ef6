"""The point of no return, and which steps lie past it. Pure."""

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
