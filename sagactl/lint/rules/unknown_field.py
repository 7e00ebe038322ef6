"""unknown-field: a body has a name that its operation refuses.

Only where the operation's schema says `additionalProperties: false` (or `unevaluatedProperties`):
a service that is so strict answers 400, and one that lets unknown names pass does nothing with
them. A query parameter that the operation does not have is told by `unknown-parameter`.
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.described import misfits
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    for misfit in misfits(saga, "unknown"):
        yield RULE.problem(misfit.place, misfit.message, related=misfit.related)


RULE = Rule(
    "unknown-field", "SG505", "a body has a name that its operation refuses", Severity.ERROR, check
)
