"""pivot-place: the point of no return is not one point, or something stands beside it.

A saga has at most one pivot, and every other step stands before or after it by `needs`: a step
beside it would have to be undone or not, depending on who was faster. At the pivot and past it
nothing is compensated, so `on_unknown: compensate` has no meaning there.
"""

from collections.abc import Iterator

from sagactl.definition.graph import ancestors
from sagactl.definition.model import OnUnknown, Saga
from sagactl.lint.pivot import past_pivot, pivots
from sagactl.lint.rule import Rule
from sagactl.lint.written import word_place
from sagactl.source.problem import Problem, Related, Severity


def check(saga: Saga) -> Iterator[Problem]:
    points = pivots(saga)
    if not points:
        return
    pivot, before = points[0], ancestors(saga.steps)
    here = (Related(pivot.place, f'"{pivot.name}" is the pivot'),)
    past = past_pivot(saga)
    for step in saga.steps:
        if step.pivot and step is not pivot:
            message = f'step "{step.name}" is a second pivot: "{pivot.name}" is one already'
            hint = "past the first one nothing is undone, so a second one adds nothing"
            yield RULE.problem(step.place, message, hint, here)
        elif not step.pivot and not (
            step.name in before[pivot.name] or pivot.name in before[step.name]
        ):
            message = f'step "{step.name}" stands neither before nor after the pivot "{pivot.name}"'
            hint = f'let "{pivot.name}" need it, or let it need "{pivot.name}"'
            yield RULE.problem(step.place, message, hint, here)
        if step.on_unknown is OnUnknown.COMPENSATE and (step.pivot or step.name in past):
            where = "is the pivot" if step.pivot else "stands past the pivot"
            message = f'step "{step.name}" {where}, so "on_unknown: compensate" cannot be followed'
            hint = 'write "on_unknown: finish" or "on_unknown: hold"'
            place = word_place(saga, step, "on_unknown")
            yield RULE.problem(place, message, hint, () if step is pivot else here)


RULE = Rule(
    "pivot-place",
    "SG201",
    "there are two pivots, or a step stands beside the pivot",
    Severity.ERROR,
    check,
)
