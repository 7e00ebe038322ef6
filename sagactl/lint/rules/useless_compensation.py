"""useless-compensation: a compensation that is never sent.

The pivot and the steps past it are never undone: they are asked again until they succeed, or a
person steps in. A compensation written there promises what does not happen.
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.pivot import past_pivot
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    past = past_pivot(saga)
    for step in saga.steps:
        if step.compensation is None or not (step.pivot or step.name in past):
            continue
        where = "is the pivot" if step.pivot else "stands past the pivot"
        yield RULE.problem(
            step.compensation.place,
            f'step "{step.name}" {where}, so its compensation is never sent',
            "leave it out",
        )


RULE = Rule(
    "useless-compensation", "SG206", "a compensation that is never sent", Severity.WARNING, check
)
