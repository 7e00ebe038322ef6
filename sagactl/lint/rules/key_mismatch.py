"""key-mismatch: document and definition do not agree on the idempotency key.

An operation that documents the header honours the key, so `idempotency: key` would let an unknown
outcome be sent again; without the word it is not. The other way round, `idempotency: key` at a
service that documents no such header is a promise nobody gave: the request would be carried out
twice. Told of POST and PATCH only; the other methods do not need the key.
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.described import known_calls
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Related, Severity

UNSAFE_AGAIN = ("POST", "PATCH")
KEY = "Idempotency-Key"


def check(saga: Saga) -> Iterator[Problem]:
    for one in known_calls(saga):
        if one.request.method not in UNSAFE_AGAIN:
            continue
        said = one.request.idempotency
        header = KEY if said is None else said.header
        parameter = one.operation.parameter("header", header)
        if said is None and parameter is not None:
            yield RULE.problem(
                one.call.place,
                f'{one.operation} takes an "{header}", and nothing says that it is honoured',
                'write "idempotency: key"',
                (Related(parameter.piece.place, "the header is described here"),),
            )
        elif said is not None and said.keyed and parameter is None:
            yield RULE.problem(
                one.call.place,
                f'{one.call} relies on "{header}", which {one.operation} does not document',
                'make sure that it is honoured, or write "idempotency: none"',
                one.related,
            )


RULE = Rule(
    "key-mismatch",
    "SG509",
    "document and definition do not agree on the idempotency key",
    Severity.WARNING,
    check,
)
