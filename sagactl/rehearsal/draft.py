"""Replies as a service's own OpenAPI document describes them: drafts, for whoever checks them.

Each documented reply that counts as applied is a draft: its status, its media type, the headers it
must have, and bodies, the document's examples first, then one grown of the schema. Deliberately
absent: whether a draft is what the definition needs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagactl.definition.openapi.page import Piece
from sagactl.definition.value import as_text
from sagactl.rehearsal.amendment import amended
from sagactl.rehearsal.growth import Growth
from sagactl.rehearsal.layer import Ungrowable
from sagactl.rehearsal.leaf import Leaf
from sagactl.rehearsal.operation import Operation
from sagactl.rehearsal.shape import Path, Wish, wishes_below
from sagactl.rehearsal.wire import BODILESS, JSON_TYPE, Reply
from sagactl.source.node import Json

if TYPE_CHECKING:
    from sagactl.definition.openapi.document import Reply as Described
    from sagactl.lint.documented import Known

# A document may have hundreds; the first ones are what a reader of it sees, too.
MAX_EXAMPLES = 5
# What frames a message is the sandbox's to say.
FRAMING = frozenset(("connection", "content-length", "content-type", "transfer-encoding"))


@dataclass(frozen=True, slots=True)
class Draft:
    """One documented reply; `trouble` is what is wrong with its bodies, if anything is."""

    status: int
    examples: tuple[Json, ...]
    grown: Json
    schema: Piece | None
    growth: Growth
    headers: Mapping[str, str]
    content_type: str
    is_empty: bool
    trouble: str | None = None

    def granting(
        self, body: Json, pins: Sequence[Wish], wishes: Sequence[Wish], *, firmly: bool
    ) -> Reply:
        """The reply with what is wished put into a body; the pins firmly in any case."""
        body = amended(body, wishes_below(pins, "body"), self._part, firmly=True)
        return self.reply(amended(body, wishes_below(wishes, "body"), self._part, firmly=firmly))

    def _part(self, path: Path) -> Json:
        return self.growth.part(self.schema, path)

    def reply(self, body: Json) -> Reply:
        """The reply with a body."""
        if self.is_empty:
            return Reply(self.status, headers=self.headers, is_empty=True)
        return Reply(self.status, body, self.headers, content_type=self.content_type)


class Drafts:
    """What the documents of a saga's services say of replies; nothing where there is none."""

    def __init__(self) -> None:
        self._known: dict[int, Known | None] = {}

    def applied(
        self, operation: Operation, statuses: Sequence[int], leaf: Leaf, *, is_sparse: bool = False
    ) -> Iterator[Draft]:
        """Those that count as applied; `statuses` stand in for a class of them, or for `default`.

        `is_sparse`: without examples, and with as little in it as there may be.
        """
        known = self._described(operation)
        if known is None:
            return
        growth = Growth(leaf, known.is_3_0, is_sparse)
        described = [(_status(one.status, statuses), one) for one in known.success_replies]
        # An undo may take 404 for done; what was done is better answered with a success.
        for status, one in sorted(described, key=lambda pair: not 200 <= pair[0] <= 299):
            draft = _draft(operation, status, one, growth)
            if draft is not None:
                yield draft

    def refusal(self, operation: Operation, status: int, leaf: Leaf) -> Reply | None:
        """The documented reply of a status that is no success, if there is one with a body."""
        known = self._described(operation)
        one = None if known is None else known.operation.reply(status)
        if known is None or one is None:
            return None
        draft = _draft(operation, status, one, Growth(leaf, known.is_3_0))
        if draft is None or draft.is_empty or (draft.trouble and not draft.examples):
            return None
        return draft.reply(next(iter(draft.examples), draft.grown))

    def _described(self, operation: Operation) -> "Known | None":
        service = operation.request.service
        if service is None or service.document is None:
            return None
        key = id(operation.request)
        if key not in self._known:
            self._known[key] = _look_up(operation)
        return self._known[key]


def _look_up(operation: Operation) -> "Known | None":
    # Most definitions name no document, and need not wait for what reads them.
    from sagactl.lint.documented import Known, call_of
    from sagactl.lint.spot import Phase

    request = operation.request
    assert request.service is not None  # whoever asks has looked
    assert request.service.document is not None
    phase = Phase(str(operation.phase))
    call = call_of(operation.step, phase, request, request.service.document)
    return None if call.operation is None else Known(call, call.operation)


def _status(written: str, statuses: Sequence[int]) -> int:
    if written.isdecimal():
        return int(written)
    hundred = written[:1]
    return next((s for s in statuses if str(s)[:1] == hundred), statuses[0])


def _draft(
    operation: Operation, status: int, described: "Described", growth: Growth
) -> Draft | None:
    headers = dict(_headers(described.piece, growth))
    if status in BODILESS or operation.request.method == "HEAD" or not described.contents:
        return Draft(status, (), None, None, growth, headers, "", is_empty=True)
    content = described.json
    if content is None:
        return None  # expressions read JSON alone
    examples = () if growth.is_sparse else content.examples[:MAX_EXAMPLES]
    grown = list(_grown(content.schema, growth))
    return Draft(
        status,
        examples,
        grown[0] if grown else {},
        content.schema,
        growth,
        headers,
        JSON_TYPE if "*" in content.media_type else content.media_type,
        is_empty=False,
        trouble=None if grown else "no value was found that the schema of this reply allows",
    )


def _grown(schema: Piece | None, growth: Growth) -> Iterator[Json]:
    try:
        yield growth.value([] if schema is None else [schema])
    except Ungrowable:
        return


def _headers(described: Piece, growth: Growth) -> Iterator[tuple[str, str]]:
    """The headers that a reply must have, or for which there is an example."""
    listed = described.get("headers")
    for name, piece in listed.items() if listed is not None else ():
        said = piece.value if isinstance(piece.value, dict) else {}
        if not re.fullmatch(r"[A-Za-z0-9-]+", str(name)) or str(name).lower() in FRAMING:
            continue
        schema = piece.raw("schema")
        value = said.get("example")
        if value is None and said.get("required") is True:
            value = next(_grown(schema, growth), None)
        text = as_text(value)
        if text is not None:
            yield str(name), re.sub(r"[^ -~]", "", text).strip()
