"""wrong-content: a request or its reader speaks JSON where the operation does not.

`json` is sent to an operation that takes other media types, or none; a form goes to one that takes
no form; or an expression reads the body of a reply that is documented, and never as JSON. The
service would answer 415, or the result would be lost.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sagactl.definition.model import Saga
from sagactl.lint.described import known_calls, known_reads
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Related, Severity

if TYPE_CHECKING:
    from sagactl.definition.openapi.document import Content
    from sagactl.lint.documented import Known


def check(saga: Saga) -> Iterator[Problem]:
    for one in known_calls(saga):
        yield from _sent(one)
    for read in known_reads(saga):
        for reply in read.one.success_replies:
            if reply.contents and reply.json is None and not read.anywhere:
                message = (
                    f"the {reply.status} of {read.one.operation} is read as JSON, and offers "
                    f"{_offered(reply.contents)}"
                )
                related = (Related(reply.piece.place, "the reply is described here"),)
                yield RULE.problem(read.place, message, related=related)


def _sent(one: "Known") -> Iterator[Problem]:
    from sagactl.definition.openapi.document import is_form, is_json

    request, accepts = one.request, one.operation.accepts
    kinds = (("json", request.json, is_json), ("form", request.form, is_form))
    for name, body, takes in kinds:
        if body is None or any(takes(content.media_type) for content in accepts):
            continue
        if one.operation.body is None:
            message = f'{one.operation} takes no body, and {one.call} sends "{name}"'
            yield RULE.problem(body.node.place, message, related=one.related)
        elif accepts:
            message = f'{one.operation} does not take "{name}", it takes {_offered(accepts)}'
            related = (Related(one.operation.body.place, "the body is described here"),)
            yield RULE.problem(body.node.place, message, related=related)


def _offered(contents: "tuple[Content, ...]") -> str:
    return ", ".join(f'"{content.media_type}"' for content in contents)


RULE = Rule(
    "wrong-content",
    "SG507",
    "a request or its reader speaks JSON where the operation does not",
    Severity.ERROR,
    check,
)
