"""hidden-failure: a status that says no, or that nobody knows, counts as applied.

A 4xx says that nothing was done, a 5xx that nobody knows; counted as applied, the saga goes on as
if it had been. What an undo or a DELETE finds gone (404, 410) or done already (409) is as good as
done, and so is a 409 or 412 to what creates: none of these is told, nor is a status that a
condition beside it decides on.

    wrong:  success: [2xx, 5xx]
    right:  success: 2xx        and `outcomes: {rejected: [500]}` where the service means no by it
"""

from collections.abc import Iterator

from sagactl.definition.model import Request, Saga
from sagactl.lint.rule import Rule
from sagactl.lint.spot import Phase, requests
from sagactl.lint.status import applied, applied_place, said_statuses
from sagactl.source.problem import Problem, Severity

NO_SUCCESS = frozenset(range(400, 600))
DONE_ALREADY = frozenset((409, 412))
GONE = frozenset((404, 409, 410, 412))


def check(saga: Saga) -> Iterator[Problem]:
    for step, phase, request in requests(saga):
        failures = hidden_failures(phase, request)
        if not failures:
            continue
        place = applied_place(saga, step, phase, request, failures[0])
        one = len(failures) == 1
        message = (
            f'"{said_statuses(failures)}" {"counts" if one else "count"} as applied here, but '
            f"{_meaning(failures)}"
        )
        yield RULE.problem(
            place, message, "leave it out, or add a condition that tells which is which"
        )


def hidden_failures(phase: Phase, request: Request) -> list[int]:
    """The statuses that say no, or that nobody knows, and count as applied for this request."""
    return sorted((applied(request) & NO_SUCCESS) - _harmless(phase, request))


def _harmless(phase: Phase, request: Request) -> frozenset[int]:
    return DONE_ALREADY if phase is Phase.ACTION and request.method != "DELETE" else GONE


def _meaning(failures: list[int]) -> str:
    if failures[-1] < 500:
        return "a 4xx says that nothing was done"
    if failures[0] >= 500:
        return "after a 5xx nobody knows whether it was done"
    return "a 4xx says that nothing was done, and after a 5xx nobody knows"


RULE = Rule(
    "hidden-failure",
    "SG305",
    "a status that says no, or that nobody knows, counts as applied",
    Severity.WARNING,
    check,
)
