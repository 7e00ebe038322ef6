"""unknown-reply-field: an expression reads what the documented reply does not have.

Each name below `response.body`, and each that is read of a step's result, is looked for in the
schemas of all replies that count as applied; `fail_when`, which sees every reply, may find it in
any of them. A schema that lists properties means these, unless it says `additionalProperties: true`
or the like. What an expression only asks for (`has(x.y)`, `x.?y`) is not told.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sagactl.definition.model import Saga
from sagactl.lint.described import known_reads
from sagactl.lint.rule import Rule, meant
from sagactl.source.problem import Problem, Related, Severity

if TYPE_CHECKING:
    from sagactl.definition.openapi.document import Reply
    from sagactl.definition.openapi.form import Absent
    from sagactl.lint.reply_read import Read


def check(saga: Saga) -> Iterator[Problem]:
    for read in known_reads(saga):
        if read.anywhere:
            yield from _in_none(read)
            continue
        wrong = (_wrong(read, reply) for reply in read.one.success_replies)
        yield from [problem for problem in wrong if problem is not None][:1]


def _in_none(read: "Read") -> Iterator[Problem]:
    """The problem of a name that no reply has."""
    absent = [_absent(read, reply) for reply in read.one.operation.replies if reply.contents]
    found = [one for one in absent if one is not None]
    if found and len(found) == len(absent):
        meaning = meant(str(found[-1].name), tuple(name for one in found for name in one.names))
        message = f'no reply of {read.one.operation} has "{_written(read.path)}"{meaning}'
        yield RULE.problem(read.place, message, related=read.one.related)


def _absent(read: "Read", reply: "Reply") -> "Absent | None":
    from sagactl.definition.openapi.form import Absent, look_up

    schema = reply.json.schema if reply.json is not None else None
    found = None if schema is None else look_up(schema, read.path, is_3_0=read.one.is_3_0)
    return found if isinstance(found, Absent) else None


def _wrong(read: "Read", reply: "Reply") -> Problem | None:
    """What is wrong about a name in one reply, or None."""
    where = f"the {reply.status} of {read.one.operation}"
    if not reply.contents:
        message = f'{where} has no body to read "{_written(read.path)}" of'
        related = (Related(reply.piece.place, "the reply is described here"),)
        return RULE.problem(read.place, message, related=related)
    found = _absent(read, reply)
    if found is None:
        return None
    message = f'{where} has no "{_written((*found.above, found.name))}"'
    if isinstance(found.name, str) and found.names:
        message += meant(found.name, found.names)
    elif isinstance(found.name, int):
        message = f'{where} has no list at "{_written(found.above) or "response.body"}"'
    related = (Related(found.piece.place, "its schema stands here"),)
    return RULE.problem(read.place, message, related=related)


def _written(path: tuple[str | int, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


RULE = Rule(
    "unknown-reply-field",
    "SG506",
    "an expression reads what the documented reply does not have",
    Severity.ERROR,
    check,
)
