"""unknown-name: an expression reads a name that does not exist.

A missing name is an error when the saga runs, and then it costs a failed step, a compensation that
is stuck or a lost result. Told here: a root that does not exist or is not known at that spot
(`response` before there is a reply, `result` outside the step's own compensation), steps that do
not exist, `input.x` that the input's schema does not declare, and `steps.a.result.x` where the
result is a written map without `x`.

A schema that says `additionalProperties: true` may hold anything, and nothing is said about it.
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.name import wrong_name
from sagactl.lint.rule import Rule
from sagactl.lint.spot import reads
from sagactl.source.problem import Problem, Related, Severity


def check(saga: Saga) -> Iterator[Problem]:
    for spot, reference in reads(saga):
        wrong = wrong_name(saga, spot, reference.path)
        if wrong is not None:
            related = (Related(wrong.place, "its result is written here"),) if wrong.place else ()
            yield RULE.problem(reference.place, wrong.message, related=related)


RULE = Rule(
    "unknown-name", "SG101", "an expression reads a name that does not exist", Severity.ERROR, check
)
