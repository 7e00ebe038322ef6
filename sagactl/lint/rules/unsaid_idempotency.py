"""unsaid-idempotency: nobody said whether a POST or PATCH may be sent again.

When its reply is lost, a request is sent again only where that does no harm. GET, PUT and DELETE
may be; of a POST or PATCH only the service knows. `idempotency: key` says that it honours the
Idempotency-Key that every request carries, `idempotency: none` that it does not.
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.rule import Rule
from sagactl.lint.spot import requests
from sagactl.source.problem import Problem, Severity

UNSAFE_AGAIN = ("POST", "PATCH")


def check(saga: Saga) -> Iterator[Problem]:
    for step, phase, request in requests(saga):
        if request.method in UNSAFE_AGAIN and request.idempotency is None:
            where = f'service "{request.service.name}"' if request.service else f"the {phase}"
            yield RULE.problem(
                request.place,
                f'the {phase} of "{step.name}" is a {request.method}, and nothing says '
                "whether it may be sent again",
                f'write "idempotency: key" on {where} if it honours the Idempotency-Key, '
                'else "idempotency: none"',
            )


RULE = Rule(
    "unsaid-idempotency",
    "SG301",
    "nobody said whether a POST or PATCH may be sent again",
    Severity.WARNING,
    check,
)
