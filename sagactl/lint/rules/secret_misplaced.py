"""secret-misplaced: a secret is read outside headers and auth.

Bodies and URLs are written down before they are sent, so that a resume sends the same bytes, and a
result, an id or an output is kept for ever. Headers and the `auth` of a service are made anew for
each attempt and kept nowhere: secrets belong there alone.
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.rule import Rule
from sagactl.lint.spot import Part, reads
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    for spot, reference in reads(saga):
        if reference.path[0] != "secrets" or spot.part in (Part.HEADERS, Part.AUTH):
            continue
        name = ".".join(map(str, reference.path))
        yield RULE.problem(
            reference.place,
            f'"{name}" is read in {spot}; secrets go into headers and auth only',
            "send it in a header, or say it in the auth of its service",
        )


RULE = Rule(
    "secret-misplaced",
    "SG401",
    "a secret is read outside headers and auth",
    Severity.ERROR,
    check,
)
