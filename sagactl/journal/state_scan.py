"""A state file read for all that is sound in it, past every place that is not.

Where it has the layout it is read line by line, with or without its first line: a document's
checksum tells by itself whether it is sound. In any other layout it is read as JSON or not at all.
"""

import json
import mmap
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sagactl.journal.codec import FORMAT
from sagactl.journal.document import text_of
from sagactl.journal.finding import Damage, Found, names_in
from sagactl.journal.line import checksum
from sagactl.journal.log import MISMATCH
from sagactl.journal.loose import OURS, UNCHECKED, Tables, is_as_written, read_tables
from sagactl.journal.refusal import StateDamaged
from sagactl.journal.snapshot import (
    AFTER_RUNS,
    BEFORE_EVENTS,
    BEFORE_RUNS,
    END,
    HEADER_WIDTH,
    META,
)

Content = mmap.mmap | bytes

DOCUMENT = re.compile(rb'"([1-9]\d{0,17})":(\{.*),"crc":"([0-9a-f]{8})"\},?')
BEFORE_DOCUMENT = re.compile(rb'"\d{1,18}":(?=\{"run)')
LABEL = re.compile(rb'"(\d{1,18})":\{"run(_id)?"')
LOOSE_RUN = re.compile(rb'"run(?:_id)?":\s*("(?:[^"\\]|\\.)*")(?=,\s*"(?:seq|saga)"|[^:]{0,9}\Z)')

# The lines between the documents, where the first line does not say where the tables are.
FRAMES = (b"", b'"events":{', b"},", b'"runs":{', b"}}")


class StateScan(Protocol):
    """A state file. `format` and `position` are None where it does not say them any more."""

    format: int | None
    position: int | None
    damages: list[Damage]
    has_others: bool  # tables that are not ours
    has_offsets: bool

    def found(self) -> Iterator[Found]:
        """Every sound document; afterwards `damages` are known."""

    def text(self, offset: int, size: int) -> bytes:
        """The text of a document that was found."""

    def between(self, start: int, stop: int) -> Iterator[Found]:
        """The sound documents between two offsets."""


def scan_state(path: Path, content: Content) -> StateScan:
    """What scans this file; raises StoreRefused for a newer format."""
    packed = PackedScan(path, content)
    if packed.format == FORMAT or packed.is_laid_out():
        return packed
    return LooseScan(path, content[:])


class PackedScan:
    """A file in the layout that `snapshot` tells, or one that had it."""

    has_offsets = True

    def __init__(self, path: Path, content: Content) -> None:
        self._path = path
        self._content = content
        self.format: int | None = None
        self.position: int | None = None
        self.damages: list[Damage] = []
        self.has_others = False
        self._last_good: tuple[int, bytes, int] | None = None
        self._as_of = 0
        self._numbers: list[int] | None = None  # of the first line; None where it is of no use
        found = META.fullmatch(content[:HEADER_WIDTH])
        if found is None or int(found[13], 16) != checksum(found[1] + b"}", 1):
            return
        numbers = [int(found[group]) for group in range(2, 13)]
        self.format, self.position = numbers[:2]
        self._as_of = self.position - 1
        size = len(content)
        if numbers[2] == size:
            self._numbers = numbers
        else:
            reason = f"it was {numbers[2]} bytes long, and is {size}"
            self._tell(min(numbers[2], size), abs(numbers[2] - size), "its end", reason)

    def is_laid_out(self) -> bool:
        """Whether any line is a document of the layout."""
        return any(DOCUMENT.fullmatch(line) for _, line in self._lines(0, len(self._content)))

    def found(self) -> Iterator[Found]:
        if self._numbers is None:
            if self.format is None:
                self._tell(
                    0, HEADER_WIDTH, "its first line", "it does not say where the tables are"
                )
            begins = self._content.find(b"\n", 0, 2 * HEADER_WIDTH) + 1
            yield from self._documents(begins, len(self._content))
            return
        events, runs, others = (self._numbers[at : at + 2] for at in (3, 5, 8))
        ends = [start + size for start, size in (events, runs, others)]
        yield from self._documents(events[0], ends[0])
        before = len(self.damages)
        yield from self._documents(runs[0], ends[1])
        if len(self.damages) == before:
            self._check(runs[0], ends[1], self._numbers[7], 'table "runs"')
        self._check(others[0], ends[2], self._numbers[10], "the tables of others")
        self.has_others = others[1] > 0
        frames = (
            (HEADER_WIDTH, events[0], BEFORE_EVENTS),
            (ends[0], runs[0], BEFORE_RUNS),
            (ends[1], others[0], AFTER_RUNS),
            (ends[2], len(self._content), END),
        )
        for start, stop, text in frames:
            if self._content[start:stop] != text:
                self._tell(start, stop - start, "the frame of a table", "it is another")

    def text(self, offset: int, size: int) -> bytes:
        found = DOCUMENT.fullmatch(self._content[offset : offset + size])
        assert found is not None
        return found[2] + b"}"

    def between(self, start: int, stop: int) -> Iterator[Found]:
        for at, line in self._lines(start, stop):
            found = self._sound(DOCUMENT.fullmatch(line), at)
            if found is not None:
                yield found

    def _documents(self, start: int, stop: int) -> Iterator[Found]:
        unsound: list[bytes] = []
        place = start, self._last_good
        for at, line in self._lines(start, stop):
            found = self._sound(DOCUMENT.fullmatch(line), at)
            if found is not None:
                if unsound:
                    self._tell_lines(unsound, *place)
                    unsound = []
                yield found
            elif unsound or self._numbers is not None or line not in FRAMES:
                place = place if unsound else (at, self._last_good)
                unsound.append(line)
        if unsound:
            self._tell_lines(unsound, *place)

    def _sound(self, found: "re.Match[bytes] | None", at: int) -> Found | None:
        if found is None:
            return None
        doc_id, text = int(found[1]), found[2] + b"}"
        if int(found[3], 16) != checksum(text, doc_id):
            return None
        table = b"runs" if text.startswith(b'{"run_id"') else b"events"
        offset = at + found.start()
        self._last_good = doc_id, table, offset
        size = found.end(3) + len(b'"}') - found.start()
        return Found(table, doc_id, text, self._as_of, offset, size)

    def _tell_lines(
        self, lines: list[bytes], at: int, last_good: tuple[int, bytes, int] | None
    ) -> None:
        good = ""
        if last_good is not None:
            doc_id, table, offset = last_good
            good = f'document {doc_id} of table "{table.decode()}" at offset {offset}'
        names = sorted(set().union(*(names_in(line, BEFORE_DOCUMENT) for line in lines)))
        label = LABEL.match(lines[0])
        record = "a line"
        if label is not None:
            record = f'document {int(label[1])} of table "{"runs" if label[2] else "events"}"'
        size = sum(map(len, lines)) + len(lines) - 1
        reason = MISMATCH if len(lines) == 1 else f"{len(lines)} lines do not match their checksums"
        self.damages.append(Damage(self._path, at, size, record, reason, tuple(names), good))

    def _check(self, start: int, stop: int, crc: int, record: str) -> None:
        if zlib.crc32(self._content[start:stop]) != crc:
            self._tell(start, stop - start, record, MISMATCH)

    def _tell(self, at: int, size: int, record: str, reason: str) -> None:
        self.damages.append(Damage(self._path, at, size, record, reason))

    def _lines(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        content = self._content
        while start < stop:
            end = content.find(b"\n", start, stop)
            if end < 0:
                end = stop
            yield start, content[start:end]
            start = end + 1


class LooseScan:
    """A file in any other layout; what it calls an offset is the number of a document."""

    has_offsets = False

    def __init__(self, path: Path, content: bytes) -> None:
        self._path = path
        self._texts: list[bytes] = []
        self._tables: Tables = {}
        self.format: int | None = None
        self.position: int | None = None
        self.damages: list[Damage] = []
        try:
            self._tables, self.format = read_tables(path, content)
        except StateDamaged as refusal:
            names = tuple(sorted(_names(content)))
            self._tell(refusal.where, refusal.reason.partition(": ")[2], names)
        self.has_others = bool(self._tables.keys() - set(OURS))

    def found(self) -> Iterator[Found]:
        if self.format is None:
            return
        for name in OURS:
            if name not in self._tables:
                self._tell("its top", f'there is no table "{name}"')
        sound = [
            (name, key, document)
            for name in OURS
            for key, document in self._tables.get(name, {}).items()
            if self.format == UNCHECKED or self._is_sound(name, key)
        ]
        for name, _, document in sound:
            if name == "meta" and type(document.get("position")) is int:
                self.position = document["position"]
        as_of = (self.position or 1) - 1
        for name, key, document in sound:
            if name != "meta":
                text = text_of(document)
                yield Found(name.encode(), key, text, as_of, len(self._texts), len(text))
                self._texts.append(text)

    def text(self, offset: int, size: int) -> bytes:
        return self._texts[offset]

    def between(self, start: int, stop: int) -> Iterator[Found]:
        raise NotImplementedError("its offsets are none")

    def _is_sound(self, name: str, key: int) -> bool:
        document = self._tables[name][key]
        if is_as_written(key, document):
            return True
        run_id = document.get("run_id" if name == "runs" else "run")
        runs = (run_id,) if isinstance(run_id, str) else ()
        self._tell(f'document {key} of table "{name}"', MISMATCH, runs)
        return False

    def _tell(self, record: str, reason: str, runs: tuple[str, ...] = ()) -> None:
        self.damages.append(Damage(self._path, None, 0, record, reason, runs))


def _names(content: bytes) -> set[str]:
    """The runs that a file names which is no JSON any more."""
    names = set()
    for found in LOOSE_RUN.finditer(content):
        with suppress(ValueError):
            names.add(str(json.loads(found[1])))
    return names
