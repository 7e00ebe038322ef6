"""wrong-type-sent: a value of another type than its operation takes.

What is written out is held against the schema's types and words. Of an expression the types are
known from the input's schema, from the documents of the services whose replies it reads, and from
the functions in it; where nobody says, nothing is concluded. In a query, a header or a path a
number may be sent as text, so there only what cannot be right is told.
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.described import misfits
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    for misfit in misfits(saga, "type"):
        yield RULE.problem(misfit.place, misfit.message, related=misfit.related)


RULE = Rule(
    "wrong-type-sent",
    "SG504",
    "a value of another type than its operation takes",
    Severity.ERROR,
    check,
)
