"""A document of a table as text, and its checksum.

The text is compact JSON in ASCII with the keys in the order of the document, which every JSON
reader keeps: so the checksum can be told anew from what anybody's TinyDB has read and written. It
is begun with the document's id, so that nothing passes for sound under the id of another.
"""

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager

from sagactl.journal.line import checksum
from sagactl.source.node import Json

Document = dict[str, Json]

# Made once: making one takes longer than writing a document.
_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def text_of(document: Document) -> bytes:
    """The one text of a document; raises ValueError where it is not plain JSON."""
    try:
        return _ENCODER.encode(document).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"only plain JSON values can be kept: {error}") from error


def parse_document(text: bytes) -> Document:
    """The document of a text that is known to be sound."""
    document: Document = json.loads(text)
    return document


def copied(document: Document) -> Document:
    """A document that shares nothing with the other one; many times faster than `deepcopy`."""
    return {key: _copied(value) for key, value in document.items()}


def _copied(value: Json) -> Json:
    if isinstance(value, dict):
        return copied(value)
    return [_copied(item) for item in value] if isinstance(value, list) else value


def crc_of(doc_id: int, text: bytes) -> bytes:
    """What stands behind the last value of a document in place of its closing brace."""
    return b',"crc":"%08x"}' % checksum(text, doc_id)


def document_line(doc_id: int, text: bytes) -> bytes:
    """A document with its id and its checksum, as it stands in state.json."""
    return b'"%d":%s%s' % (doc_id, text[:-1], crc_of(doc_id, text))


@contextmanager
def uncollected() -> Iterator[None]:
    """Make many objects and no garbage: looking for it takes four fifths of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
