"""missing-value: what an operation requires is not sent.

Required parameters in the query and the headers, a required body, and the required names in a body
of JSON, however deep, as far as they are written out; an expression that gives a whole object is
taken to have them. What sagactl sends by itself (the idempotency key, the correlation id and their
like), what `auth` is for, and what is `readOnly` are not asked for.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sagactl.definition.asking import OURS
from sagactl.definition.model import Saga
from sagactl.lint.described import known_calls, misfits
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Related, Severity

if TYPE_CHECKING:
    from sagactl.definition.openapi.document import Parameter
    from sagactl.lint.documented import Known

# OpenAPI says that a header parameter of these names means nothing (3.1.1, 4.8.12.2.1).
ELSEWHERE = ("accept", "content-type", "authorization", "user-agent")


def check(saga: Saga) -> Iterator[Problem]:
    for one in known_calls(saga):
        for parameter in one.operation.parameters:
            if parameter.required and not _is_sent(one, parameter):
                yield RULE.problem(
                    one.call.place,
                    f"{one.call} does not send the {parameter.where} parameter "
                    f'"{parameter.name}", which {one.operation} needs',
                    related=(Related(parameter.piece.place, "it is required here"),),
                )
        if one.operation.needs_body and not _has_body(one):
            assert one.operation.body is not None
            related = (Related(one.operation.body.place, "it is required here"),)
            message = f"{one.call} sends no body, which {one.operation} needs"
            yield RULE.problem(one.call.place, message, 'write it under "json"', related)
    for misfit in misfits(saga, "missing"):
        yield RULE.problem(misfit.place, misfit.message, related=misfit.related)


def _is_sent(one: "Known", parameter: "Parameter") -> bool:
    name = parameter.name.lower()
    match parameter.where:
        case "query":
            return parameter.name in one.query_names
        case "header":
            said = one.request.idempotency
            key = "idempotency-key" if said is None else said.header.lower()
            mine = {header.lower() for header, _ in one.request.headers}
            return name in {*OURS, *ELSEWHERE, *mine, key}
    return True  # a path parameter stands in the path, or another operation would have matched


def _has_body(one: "Known") -> bool:
    return any(body is not None for body in (one.request.json, one.request.form, one.request.body))


RULE = Rule(
    "missing-value", "SG503", "what an operation requires is not sent", Severity.ERROR, check
)
