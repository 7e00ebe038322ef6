"""unknown-name: an expression reads a name that does not exist.

A missing name is an error when the saga runs, and then it costs a failed step, a compensation that
is stuck or a lost result. Told here: a root that does not exist or is not known at that spot
(`response` before there is a reply, `result` outside the step's own compensation), steps that do
not exist, `input.x` that the input's schema does not declare, nor `item.x` where `for_each` goes
over a list of it, and `steps.a.result.x` where the result is a written map without `x`.

A schema that says `additionalProperties: true` may hold anything, and nothing is said about it.
"""

import re
from collections.abc import Iterator

from sagactl.definition.expression import Reference
from sagactl.definition.model import Saga
from sagactl.lint.edit import replacement
from sagactl.lint.name import Wrong, wrong_name
from sagactl.lint.rule import Rule, sole_candidate
from sagactl.lint.spot import reads
from sagactl.source.place import Place, lines_of
from sagactl.source.problem import Fix, Problem, Related, Severity


def check(saga: Saga) -> Iterator[Problem]:
    for spot, reference in reads(saga):
        wrong = wrong_name(saga, spot, reference.path)
        if wrong is not None:
            related = (Related(wrong.place, "its result is written here"),) if wrong.place else ()
            fix = _fix(reference, wrong)
            yield RULE.problem(reference.place, wrong.message, related=related, fix=fix)


def _fix(reference: Reference, wrong: Wrong) -> Fix | None:
    """The one name that can have been meant, in place of the wrong part."""
    close = sole_candidate(str(reference.path[wrong.at]), wrong.allowed)
    place, names = reference.place, [str(part) for part in reference.path]
    # Only a path that is written with dots and nothing else is surely understood.
    line = lines_of(place.source.text)[place.line - 1]
    written = line[place.column - 1 : place.end_column - 1]
    if close is None or place.line != place.end_line or written != ".".join(names):
        return None
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", close) is None:
        return None
    start = place.column + len(".".join([*names[: wrong.at], ""]))
    end = start + len(names[wrong.at])
    return replacement(
        f'write "{close}"', Place(place.source, place.line, start, place.line, end), close
    )


RULE = Rule(
    "unknown-name",
    "SG101",
    "an expression reads a name that does not exist",
    Severity.ERROR,
    check,
    is_fixable=True,
)
