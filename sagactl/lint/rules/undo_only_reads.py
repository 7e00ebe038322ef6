"""undo-only-reads: a compensation is a GET, HEAD or OPTIONS, which changes nothing.

A read has no effect (RFC 9110, 9.2.1), so nothing is undone by it, and the saga ends as "failed and
fully compensated" all the same. To ask whether an action took place is what `lookup` is for.

    wrong:  compensation: GET /charges/${{ saga.id }}
    right:  compensation: DELETE /charges/${{ saga.id }}
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Severity

READS = ("GET", "HEAD", "OPTIONS")


def check(saga: Saga) -> Iterator[Problem]:
    for step in saga.steps:
        undo = step.compensation
        if undo is None or undo.method not in READS:
            continue
        yield RULE.problem(
            undo.place,
            f'the undo of "{step.name}" is a {undo.method}, which changes nothing',
            'send what takes it back, or say "compensation: none"',
        )


RULE = Rule(
    "undo-only-reads",
    "SG208",
    "a compensation is a GET, HEAD or OPTIONS, which changes nothing",
    Severity.WARNING,
    check,
)
