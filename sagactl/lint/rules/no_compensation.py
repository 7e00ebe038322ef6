"""no-compensation: a step says nothing about how it is undone.

Leaving it out may be meant or forgotten, and nobody can tell which. `compensation: none` says that
there is nothing to undo. The pivot and the steps past it are never undone, and need not say so.
"""

from collections.abc import Iterator

from sagactl.definition.duration import said_duration
from sagactl.definition.model import Saga
from sagactl.lint.pivot import past_pivot, pivots
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    past = past_pivot(saga)
    for step in saga.steps:
        # A sleep has no effect, and a sub-saga is undone by its own steps.
        if step.pivot or step.name in past or step.request is None:
            continue
        if step.compensation is None and not step.compensation_none:
            yield RULE.problem(
                step.place,
                f'step "{step.name}" does not say how it is undone{_when(saga)}',
                'add a compensation, or "compensation: none" where there is nothing to undo',
            )


def _when(saga: Saga) -> str:
    """What else than a later step may call for it."""
    reasons = [f'the pivot "{step.name}" fails' for step in pivots(saga)]
    if saga.timeout_s is not None:
        reasons.append(f"the saga runs into its timeout of {said_duration(saga.timeout_s)}")
    return f" when {' or '.join(reasons)}" if reasons else ""


RULE = Rule(
    "no-compensation",
    "SG204",
    "a step says nothing about how it is undone",
    Severity.WARNING,
    check,
)
