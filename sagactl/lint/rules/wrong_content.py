"""wrong-content: a request or its reader speaks JSON where the operation does not.

`json` is sent to an operation that takes other media types, or none; a form goes to one that takes
no form; or an expression reads the body of a reply that is documented, and never as JSON. The
service would answer 415, or the result would be lost.
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.definition.openapi.document import FORM, Content, is_json
from sagactl.lint.documented import Known, known, success_replies
from sagactl.lint.reply_read import reply_reads
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Related, Severity


def check(saga: Saga) -> Iterator[Problem]:
    for one in known(saga):
        yield from _sent(one)
    for read in reply_reads(saga):
        for reply in success_replies(read.one):
            if reply.contents and reply.json is None and not read.anywhere:
                message = (
                    f"the {reply.status} of {read.one.operation} is read as JSON, and offers "
                    f"{_offered(reply.contents)}"
                )
                related = (Related(reply.piece.place, "the reply is described here"),)
                yield RULE.problem(read.place, message, related=related)


def _sent(one: Known) -> Iterator[Problem]:
    request, accepts = one.request, one.operation.accepts
    kinds = (("json", request.json, _takes_json), ("form", request.form, _takes_form))
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


def _takes_json(media_type: str) -> bool:
    return is_json(media_type)


def _takes_form(media_type: str) -> bool:
    kind = media_type.split(";")[0].strip().lower()
    return kind in (FORM, "*/*", "application/*")


def _offered(contents: tuple[Content, ...]) -> str:
    return ", ".join(f'"{content.media_type}"' for content in contents)


RULE = Rule(
    "wrong-content",
    "SG507",
    "a request or its reader speaks JSON where the operation does not",
    Severity.ERROR,
    check,
)
