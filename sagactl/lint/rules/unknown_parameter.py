"""unknown-parameter: a query parameter that its operation does not document.

Most services take no notice of one, so a misspelt filter finds everything. Nothing is said where
the operation has a parameter that is an object: it may stand for any number of names.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sagactl.definition.model import Saga
from sagactl.lint.described import known_calls
from sagactl.lint.rule import Rule, meant
from sagactl.source.node import Map
from sagactl.source.place import Place
from sagactl.source.problem import Problem, Severity

if TYPE_CHECKING:
    from sagactl.lint.documented import Known


def check(saga: Saga) -> Iterator[Problem]:
    for one in known_calls(saga):
        listed = [each for each in one.operation.parameters if each.where == "query"]
        schemas = [each.schema.followed().value for each in listed if each.schema is not None]
        if any(isinstance(schema, dict) and schema.get("type") == "object" for schema in schemas):
            continue
        names = tuple(each.name for each in listed)
        for name in sorted(one.query_names - set(names)):
            yield RULE.problem(
                _place(one, name),
                f'{one.operation} has no query parameter "{name}"{meant(name, names)}',
                related=one.related,
            )


def _place(one: "Known", name: str) -> Place:
    node = one.request.query.node if one.request.query is not None else None
    key = node.key(name) if isinstance(node, Map) else None
    return one.call.place if key is None else key.place


RULE = Rule(
    "unknown-parameter",
    "SG512",
    "a query parameter that its operation does not document",
    Severity.WARNING,
    check,
)
