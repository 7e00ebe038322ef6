"""deprecated-operation: a request to an operation that its document calls deprecated.

The service will drop it. A saga that is running then cannot be finished or undone, so change the
definition while the old operation is still there.
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.described import known_calls
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    for one in known_calls(saga):
        if one.operation.deprecated:
            yield RULE.problem(
                one.call.place,
                f'{one.operation} is deprecated, says "{one.call.document.name}"',
                related=one.related,
            )


RULE = Rule(
    "deprecated-operation",
    "SG511",
    "a request to an operation that its document calls deprecated",
    Severity.WARNING,
    check,
)
