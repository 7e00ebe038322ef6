"""The writer of state.json: the layout that `snapshot` reads, from the first byte to the last."""

import json
import zlib
from collections.abc import Iterable, Mapping

from sagactl.journal import disk
from sagactl.journal.codec import FORMAT
from sagactl.journal.document import Document, document_line, text_of
from sagactl.journal.snapshot import (
    AFTER_RUNS,
    BEFORE_EVENTS,
    BEFORE_RUNS,
    END,
    HEADER_WIDTH,
)

CHUNK = 1 << 18


class Packing:
    """Writes a state to an empty file: the events run by run, then the runs, then the rest."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._at = 0
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._begins = 0
        self._crc = 0
        self._events: list[int] = []
        self._put(b" " * HEADER_WIDTH + BEFORE_EVENTS)
        self._begin()

    def events(self, lines: Iterable[bytes]) -> tuple[int, int]:
        """Write the events of a run, each a line of `document_line`; the offset and the length."""
        self._part()
        start = self._at
        self._put(b",\n".join(lines))
        return start, self._at - start

    def begin_runs(self) -> None:
        """No more events."""
        self._events = self._region()
        self._put(BEFORE_RUNS)
        self._begin()

    def run(self, doc_id: int, text: bytes, span: tuple[int, int]) -> None:
        """Write the document of a run, whose events lie at `span`."""
        self._part()
        self._put(document_line(doc_id, b'%s,"span":[%d,%d]}' % (text[:-1], *span)))

    def finish(self, others: Mapping[str, Mapping[int, Document]], position: int) -> None:
        """Write the tables that are not ours, and the first line."""
        runs = [*self._region(), self._crc]
        self._put(AFTER_RUNS)
        self._begin()
        for name, documents in others.items():
            texts = [b'"%d":%s' % (key, text_of(value)) for key, value in documents.items()]
            self._put(b",\n%s:{%s}" % (json.dumps(name).encode(), b",\n".join(texts)))
        rest = [*self._region(), self._crc]
        self._put(END)
        self._flush()
        meta = (
            b'{"format":%d,"position":%d,"size":%d,"events":[%d,%d],"runs":[%d,%d,%d],'
            b'"others":[%d,%d,%d]}' % (FORMAT, position, self._at, *self._events, *runs, *rest)
        )
        first = b'{"meta":{%s}' % document_line(1, meta)
        disk.write_at(self._fd, first.ljust(HEADER_WIDTH - 2) + b",\n", 0)

    def _begin(self) -> None:
        self._begins = self._at
        self._crc = 0

    def _region(self) -> list[int]:
        return [self._begins, self._at - self._begins]

    def _part(self) -> None:
        if self._at > self._begins:
            self._put(b",\n")

    def _put(self, content: bytes) -> None:
        self._pending.append(content)
        self._at += len(content)
        self._crc = zlib.crc32(content, self._crc)
        self._pending_size += len(content)
        if self._pending_size > CHUNK:
            self._flush()

    def _flush(self) -> None:
        disk.write_all(self._fd, b"".join(self._pending))
        self._pending = []
        self._pending_size = 0
