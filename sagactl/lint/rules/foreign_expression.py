"""foreign-expression: a text looks like an expression, in the signs of another tool.

`{{ input.a }}` and `${input.a}` are plain text here and are sent as they stand, so a service gets
the braces instead of the value. Told where a name that expressions have stands within. A template
that the service itself fills in is meant: say so by a comment.

    wrong:  json: {order: "{{ input.order_id }}"}
    right:  json: {order: "${{ input.order_id }}"}
"""

import re
from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.rule import Rule
from sagactl.lint.spot import spots
from sagactl.source.node import List, Map, Node, Scalar
from sagactl.source.problem import Problem, Severity

NAMES = r"(?:input|steps|env|secrets|saga|step|response|result|item|callback)"
# Not what is escaped as `$${{`, and with the dot or bracket that a bare word has not.
FOREIGN = re.compile(
    rf"(?<![$])\{{\{{\s*({NAMES}[.\[][^{{}}]{{1,200}})\}}\}}"
    rf"|\$\{{\s*({NAMES}[.\[][^{{}}]{{1,200}})\}}"
    rf"|\$\(\s*({NAMES}\.[\w.]{{1,200}})\s*\)"
)


def check(saga: Saga) -> Iterator[Problem]:
    for spot in spots(saga):
        for scalar in _texts(spot.template.node):
            found = FOREIGN.search(_beside_expressions(str(scalar.value)))
            if found is None:
                continue
            inside = next(group for group in found.groups() if group is not None).strip()
            message = f'"{found.group()}" is plain text here, and is sent as it stands'
            yield RULE.problem(scalar.place, message, f'write "${{{{ {inside} }}}}"')


def _beside_expressions(text: str) -> str:
    """The text without what stands in `${{ … }}`; once through, however many there are."""
    first, *others = text.split("${{")
    return first + " ".join(other.partition("}}")[2] for other in others)


def _texts(node: Node) -> Iterator[Scalar]:
    match node:
        case Scalar(value=str()):
            yield node
        case List(items=items):
            for item in items:
                yield from _texts(item)
        case Map():
            for entry in node:
                yield from _texts(entry.value)


RULE = Rule(
    "foreign-expression",
    "SG108",
    "a text looks like an expression, in the signs of another tool",
    Severity.WARNING,
    check,
)
