"""accepted-as-done: 202 counts as applied, although it says "accepted, not done yet".

A service that answers 202 (RFC 9110, 15.3.3) has promised to try. Counted as applied, the saga goes
on before the thing has happened, and never learns that it did not. Without 202 in `success` the
outcome is unknown: it is looked up, and the lookup may be asked until the thing is done.

    wrong:  success: [2xx, 202]
    right:  lookup: {request: "GET /jobs/${{ saga.id }}", found: "${{ response.body.done }}"}

A condition beside the 202 that asks whether it is done is right too.
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.rule import Rule
from sagactl.lint.spot import Phase, requests
from sagactl.lint.status import applied, applied_place
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    for step, phase, request in requests(saga):
        if phase is Phase.LOOKUP or 202 not in applied(request):
            continue
        yield RULE.problem(
            applied_place(saga, step, phase, request, 202),
            '202 counts as applied here, but a "202 Accepted" is not done yet',
            'leave 202 out and let a "lookup" ask whether it is done, as "await" is not there yet; '
            "or add a condition that asks it",
        )


RULE = Rule(
    "accepted-as-done",
    "SG304",
    '202 counts as applied, although it says "accepted, not done yet"',
    Severity.WARNING,
    check,
)
