"""broken-document: a service's document is wrong where calls depend on it.

Its root, the paths that the saga calls and all that these refer to are held against the official
JSON Schema of OpenAPI 3.0 or 3.1; references that lead nowhere, over a network or in a circle are
told too. What no call touches is not looked at: somebody else answers for it. The problem stands
in the document, not in the definition.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sagactl.definition.model import Saga
from sagactl.lint.described import described_calls
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Severity

if TYPE_CHECKING:
    from sagactl.definition.openapi.document import Document


def check(saga: Saga) -> Iterator[Problem]:
    touched: dict[str, tuple[Document, set[str]]] = {}
    for service in saga.services.values():
        if service.document is not None:
            touched.setdefault(service.document.name, (service.document, set()))
    for call in described_calls(saga):
        if call.found.path is not None:
            touched[call.document.name][1].add(call.found.path)
    for document, templates in touched.values():
        from sagactl.definition.openapi.validity import mistakes

        for place, message, hint in mistakes(document, sorted(templates)):
            yield RULE.problem(place, message, hint)


RULE = Rule(
    "broken-document",
    "SG501",
    "a service's OpenAPI document is wrong where calls depend on it",
    Severity.ERROR,
    check,
)
