"""Every code that lint can tell, in the order of its number: the shape, the rules, the remarks."""

import sys
from functools import cache

from sagactl.lint.code import Code
from sagactl.lint.linter import RULES
from sagactl.lint.rule import Rule
from sagactl.lint.shape_code import SHAPE
from sagactl.source.problem import Severity, nearest

# What is told about suppressions themselves.
REMARKS: tuple[Code, ...] = (
    Code(
        "unused-suppression", "SG990", Severity.WARNING,
        "a suppression of a problem that is not there",
        "The problem was mended, or the comment stands at another line. Take the comment out: it"
        " would hide the problem when it comes back.",
        is_fixable=True,
    ),
    Code(
        "bad-suppression", "SG991", Severity.WARNING,
        "a suppression that can have no effect",
        "It names no code, a code that does not exist, or a mistake of shape: what has no shape has"
        " no meaning either, so that can only be mended.",
    ),
)  # fmt: skip


def _of_rule(rule: Rule) -> Code:
    """A rule's code; its manual is what its file says, below the title."""
    text = sys.modules[rule.check.__module__].__doc__ or ""
    manual = text.partition("\n")[2].strip()
    return Code(rule.code, rule.number, rule.severity, rule.summary, manual, rule.is_fixable)


CATALOGUE: tuple[Code, ...] = tuple(
    sorted((*SHAPE, *map(_of_rule, RULES), *REMARKS), key=lambda code: code.number)
)


@cache
def _by_name() -> dict[str, Code]:
    return {name: code for code in CATALOGUE for name in (code.code, code.number)}


def find_code(name: str) -> Code | None:
    """The code of this slug or number, in any case."""
    return _by_name().get(name) or _by_name().get(name.upper()) or _by_name().get(name.lower())


def nearest_code(name: str) -> str | None:
    """The slug that was probably meant."""
    return nearest(name.lower(), [code.code for code in CATALOGUE])
