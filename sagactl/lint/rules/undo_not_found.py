"""undo-not-found: a DELETE that undoes takes "not found" for a failure.

What is already gone is as good as undone: an earlier attempt whose reply was lost may have deleted
it. Without 404 in its `success` the second attempt is rejected, and the step is stuck.
"""

from collections.abc import Iterator

from sagactl.definition.model import OutcomeKind, Saga, StatusSet
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Severity

NONE = StatusSet(())


def check(saga: Saga) -> Iterator[Problem]:
    for step in saga.steps:
        undo = step.compensation
        if undo is None or undo.method != "DELETE":
            continue
        moved = undo.outcomes.get(OutcomeKind.APPLIED, NONE)
        if 404 not in undo.success.statuses and 404 not in moved:
            yield RULE.problem(
                undo.place,
                f'the undo of "{step.name}" takes 404 for a failure, but what is gone is undone',
                'write "success: [2xx, 404]"',
            )


RULE = Rule(
    "undo-not-found",
    "SG205",
    'a DELETE that undoes takes "not found" for a failure',
    Severity.WARNING,
    check,
)
