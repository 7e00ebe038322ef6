"""doubtful-status: the document lists a status that the definition takes in a doubtful way.

A documented 202 is unknown unless it is named (accepted is not done); so are a 303, a 2xx that
`success` leaves out, and a 4xx of no RFC. A 409 of a PUT is taken for a no, and often means that
it is there already. Each is right in some service: `success` or `outcomes` says which, and then
nothing is said here.
"""

from collections.abc import Iterator

from sagactl.definition.model import Request, Saga, StatusSet
from sagactl.lint.described import known_calls
from sagactl.lint.rule import Rule
from sagactl.lint.spot import Phase
from sagactl.source.problem import Problem, Related, Severity

# The 4xx that no RFC gives a meaning, and 408: unknown unless the definition says otherwise.
UNLISTED = StatusSet(((418, 420), (427, 427), (430, 430), (432, 450), (452, 499)))


def check(saga: Saga) -> Iterator[Problem]:
    for one in known_calls(saga):
        if one.call.phase is Phase.LOOKUP:
            continue
        for reply in one.operation.replies:
            if not reply.status.isdecimal():
                continue
            doubt = _doubt(one.request, int(reply.status))
            if doubt is None or one.is_settled(int(reply.status)):
                continue
            message, hint = doubt
            yield RULE.problem(
                one.call.place,
                f"{one.operation} may answer {reply.status}, which {message} in {one.call}",
                hint,
                (Related(reply.piece.place, "it is documented here"),),
            )


def _doubt(request: Request, status: int) -> tuple[str, str] | None:
    """What a status that the definition does not name is taken for, and what to write instead."""
    if status == 202:
        return (
            "is an unknown outcome",
            'write "success: [2xx, 202]" if accepted is as good as done',
        )
    if 200 <= status < 300:
        return "is no success", f'add {status} to "success", or move it by "outcomes"'
    if status == 303 or status in UNLISTED:
        return "is an unknown outcome", f'say by "outcomes" what it means: {{rejected: [{status}]}}'
    if status == 409 and request.method == "PUT":
        return (
            "is a definite no",
            'write "success: [2xx, 409]" if it is there already, or "outcomes: {rejected: [409]}"',
        )
    return None


RULE = Rule(
    "doubtful-status",
    "SG508",
    "a documented status that the definition takes in a doubtful way",
    Severity.WARNING,
    check,
)
