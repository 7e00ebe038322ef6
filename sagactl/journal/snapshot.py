"""state.json: every document as of one position of the log, in a file that TinyDB reads.

It is plain JSON, laid out so that a single run is found without reading the rest:

    {"meta":{"1":{"format":2,"position":…,"size":…,"events":[…],"runs":[…],"others":[…],"crc":…}}  ,
    "events":{
    "5":{"run":"order-7","seq":1,"event":{…},"crc":"…"},
    …
    },
    "runs":{
    "9":{"run_id":"order-7",…,"events":4,"span":[512,2048],"crc":"…"}
    }}

The first line is padded to a fixed width and says where each table lies. The events of a run stand
together, in order, and its line in `runs` says where: `span` is an offset and a length. `crc` is
the CRC-32 of the document's text without it, begun with its id: so that it holds in every layout.

A file with the same documents in another layout, as somebody's TinyDB leaves it, is read as a
whole. Formats older than `crc` are too.
"""

import json
import mmap
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from sagactl.journal import disk
from sagactl.journal.codec import FORMAT
from sagactl.journal.document import Document, copied, crc_of, parse_document, uncollected
from sagactl.journal.line import checksum
from sagactl.journal.loose import loose_snapshot
from sagactl.journal.refusal import StateDamaged

HEADER_WIDTH = 512
META = re.compile(
    rb'\{"meta":\{"1":(\{"format":(\d{1,9}),"position":(\d{1,18}),"size":(\d{1,18}),'
    rb'"events":\[(\d+),(\d+)\],"runs":\[(\d+),(\d+),(\d+)\],"others":\[(\d+),(\d+),(\d+)\])'
    rb',"crc":"([0-9a-f]{8})"\}\} *,\n'
)
BEFORE_EVENTS = b'"events":{\n'
BEFORE_RUNS = b'\n},\n"runs":{\n'
AFTER_RUNS = b"\n}"
END = b"}\n"
CRC_WIDTH = len(crc_of(0, b""))

# A document that is looked up by its run's id, more often than this, is looked up in an index.
SEARCHES_BEFORE_INDEX = 16
KEY = re.compile(rb'"[1-9]\d{0,17}"')
RUN_LINE = re.compile(rb'"(\d{1,18})":\{"run_id":"((?:[^"\\\n]|\\.)*)"')


class Snapshot(Protocol):
    """What a state file held when it was opened."""

    format: int
    position: int  # what the log says from here on is not in it
    stamp: disk.Stamp

    def find(self, prefix: str, *, exact: bool) -> list[tuple[int, Document]]:
        """The run with this id; without `exact`, all that begin with it."""

    def events(self, run: Document) -> list[tuple[int, bytes]]:
        """The texts of a run's events, from its document in `runs`."""

    def documents(self, table: str) -> dict[int, Document]:
        """Every document of a table by its id; none where there is no such table."""

    def document(self, table: str, doc_id: int) -> Document | None:
        """A document of a table that is not ours."""

    def tables(self) -> set[str]:
        """The names of all tables."""


def read_snapshot(path: Path) -> Snapshot | None:
    """The state at `path`, None where there is none; raises OSError, StoreRefused."""
    try:
        fd = disk.open_file(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        stamp = disk.stamp_of(fd)
        if stamp.size >= HEADER_WIDTH:
            whole = mmap.mmap(fd, stamp.size, prot=mmap.PROT_READ)
            packed = _packed(path, stamp, whole)
            if packed is not None:
                return packed
            whole.close()
        return loose_snapshot(path, stamp, disk.read_all(fd))
    finally:
        disk.close(fd)


def _packed(path: Path, stamp: disk.Stamp, whole: mmap.mmap) -> "PackedSnapshot | None":
    found = META.fullmatch(whole[:HEADER_WIDTH])
    if found is None or int(found[13], 16) != checksum(found[1] + b"}", 1):
        return None
    numbers = [int(found[group]) for group in range(2, 13)]
    if numbers[0] != FORMAT:
        return None
    if numbers[2] != stamp.size:
        at = f"offset {min(numbers[2], stamp.size)}"
        raise StateDamaged(path, at, f"it was {numbers[2]} bytes long, and is {stamp.size}")
    snapshot = PackedSnapshot(path, stamp, whole, numbers)
    snapshot.demand_frames()
    return snapshot


class PackedSnapshot:
    """A state file in the layout that is told above."""

    def __init__(self, path: Path, stamp: disk.Stamp, whole: mmap.mmap, numbers: list[int]) -> None:
        self.stamp = stamp
        self.format, self.position, _ = numbers[:3]
        self._path = path
        self._whole = whole
        self._events = slice(numbers[3], numbers[3] + numbers[4])
        self._runs = slice(numbers[5], numbers[5] + numbers[6])
        self._runs_crc = numbers[7]
        self._others = slice(numbers[8], numbers[8] + numbers[9])
        self._others_crc = numbers[10]
        self._runs_are_sound = False
        self._other: dict[str, dict[int, Document]] | None = None
        self._searches = 0
        self._index: dict[str, int] | None = None

    def demand_frames(self) -> None:
        """Raise StateDamaged unless what stands between the tables is what should stand there."""
        frames = (
            (HEADER_WIDTH, self._events.start, BEFORE_EVENTS),
            (self._events.stop, self._runs.start, BEFORE_RUNS),
            (self._runs.stop, self._others.start, AFTER_RUNS),
            (self._others.stop, self.stamp.size, END),
        )
        for start, stop, text in frames:
            if self._whole[start:stop] != text:
                raise StateDamaged(self._path, f"offset {start}", "a table does not end there")

    def find(self, prefix: str, *, exact: bool) -> list[tuple[int, Document]]:
        self._searches += 1
        if self._searches > SEARCHES_BEFORE_INDEX and self._index is None:
            self._index = self._indexed()
        if self._index is None:
            found = self._search(prefix, exact=exact)
            if not (found and exact):
                # A run that is not found may be there under a damaged id.
                self._demand_runs()
            return found
        if exact:
            offsets = [self._index[prefix]] if prefix in self._index else []
        else:
            offsets = [at for run_id, at in self._index.items() if run_id.startswith(prefix)]
        return [self._run_at(offset) for offset in offsets]

    def events(self, run: Document) -> list[tuple[int, bytes]]:
        start, size = self._span(run)
        return [self._text(line, at, "events") for at, line in self._lines(start, start + size)]

    def _span(self, run: Document) -> tuple[int, int]:
        """Offset and length of the lines of a run's events; raises StateDamaged."""
        span = run.get("span")
        if isinstance(span, list) and [type(part) for part in span] == [int, int]:
            start, size = span
            if self._events.start <= start and 0 <= size <= self._events.stop - start:
                return start, size
        raise StateDamaged(self._path, f'run "{run.get("run_id")}" of table "runs"', "no span")

    def documents(self, table: str) -> dict[int, Document]:
        match table:
            case "events":
                lines = self._lines(self._events.start, self._events.stop)
                texts = (self._text(line, at, table) for at, line in lines)
                return {key: parse_document(text) for key, text in texts}
            case "runs":
                return self._all_runs()
            case "meta":
                return {1: {"format": self.format, "position": self.position}}
        others = self._other_tables().get(table, {})
        return {key: copied(document) for key, document in others.items()}

    def document(self, table: str, doc_id: int) -> Document | None:
        found = self._other_tables().get(table, {}).get(doc_id)
        return None if found is None else copied(found)

    def tables(self) -> set[str]:
        return {"meta", "events", "runs", *self._other_tables()}

    def _all_runs(self) -> dict[int, Document]:
        self._demand_runs()
        with uncollected():
            found: dict[str, Document] = json.loads(b"{%s}" % self._whole[self._runs])
        for document in found.values():
            del document["crc"]
        return {int(key): document for key, document in found.items()}

    def _demand_runs(self) -> None:
        """Raise StateDamaged unless every run is there, under the id that it had."""
        if self._runs_are_sound:
            return
        with memoryview(self._whole) as view, view[self._runs] as content:
            self._runs_are_sound = zlib.crc32(content) == self._runs_crc
        if not self._runs_are_sound:
            # Some line is not as it was written: the one that says so names it.
            for at, line in self._lines(self._runs.start, self._runs.stop):
                self._text(line, at, "runs")
            raise self._damaged(self._runs.start, "runs")

    def _other_tables(self) -> dict[str, dict[int, Document]]:
        if self._other is None:
            content = self._whole[self._others]
            if zlib.crc32(content) != self._others_crc:
                raise self._damaged(self._others.start, "others")
            found = json.loads(b"{%s}" % content[1:])
            self._other = {
                table: {int(key): document for key, document in documents.items()}
                for table, documents in found.items()
            }
        return self._other

    def _indexed(self) -> dict[str, int]:
        """The offset of every run's line. Ids are unique; of two, the later line would win."""
        self._demand_runs()
        index: dict[str, int] = {}
        for at, line in self._lines(self._runs.start, self._runs.stop):
            found = RUN_LINE.match(line)
            if found is None:
                raise self._damaged(at, "runs")
            run_id = found[2]
            index[json.loads(b'"%s"' % run_id) if b"\\" in run_id else run_id.decode()] = at
        return index

    def _search(self, prefix: str, *, exact: bool) -> list[tuple[int, Document]]:
        # Inside a text of JSON every quote is escaped: the needle is a key and its value.
        text = json.dumps(prefix).encode()
        needle = b'":{"run_id":' + (text if exact else text[:-1])
        found = []
        at = self._whole.find(needle, self._runs.start, self._runs.stop)
        while at >= 0:
            begins = self._whole.rfind(b"\n", self._runs.start - 1, at) + 1
            found.append(self._run_at(begins))
            at = self._whole.find(needle, at + 1, self._runs.stop)
        return found

    def _run_at(self, offset: int) -> tuple[int, Document]:
        end = self._whole.find(b"\n", offset)
        key, text = self._text(self._whole[offset:end], offset, "runs")
        return key, parse_document(text)

    def _lines(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        while start < stop:
            end = self._whole.find(b"\n", start, stop)
            if end < 0:
                end = stop
            yield start, self._whole[start:end]
            start = end + 1

    def _text(self, line: bytes, at: int, table: str) -> tuple[int, bytes]:
        """The id and the text of a document, checked."""
        key, _, text = line.removesuffix(b",").partition(b":")
        body = text[:-CRC_WIDTH] + b"}"
        doc_id = int(key[1:-1]) if KEY.fullmatch(key) else 0
        if not doc_id or text[-CRC_WIDTH:] != crc_of(doc_id, body):
            raise self._damaged(at, table)
        return doc_id, body

    def _damaged(self, at: int, table: str) -> StateDamaged:
        line = self._whole[at : at + 40].partition(b":")[0].decode("ascii", "replace")
        where = f'offset {at} (document {line} of table "{table}")'
        return StateDamaged(self._path, where, "it does not match its checksum")
