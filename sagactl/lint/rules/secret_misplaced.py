"""secret-misplaced: a secret is read outside headers.

Bodies and URLs are written down before they are sent, so that a resume sends the same bytes, and a
result, an id or an output is kept for ever. Headers are made anew for each attempt and kept
nowhere: secrets belong there alone.
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.rule import Rule
from sagactl.lint.spot import Part, reads
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    for spot, reference in reads(saga):
        if reference.path[0] != "secrets" or spot.part is Part.HEADERS:
            continue
        name = ".".join(map(str, reference.path))
        yield RULE.problem(
            reference.place,
            f'"{name}" is read in {spot}; secrets go into headers only',
            "send it in a header, of the request or of its service",
        )


RULE = Rule("secret-misplaced", "SG401", "a secret is read outside headers", Severity.ERROR, check)
