"""A log read for all that is sound in it, past every place that is not.

What the log's own reader takes for a tear is one here too, and nothing in it counts. Elsewhere the
lines that are not sound are gaps: the names that can still be read in them tell whom they concern,
but never whom else.
"""

import re
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from sagactl.journal.codec import FORMAT
from sagactl.journal.finding import Damage, Found, names_in
from sagactl.journal.line import Line, decode_header, decode_line, encode_header
from sagactl.journal.log import MAX_HEADER, MISMATCH, damaged_at
from sagactl.journal.refusal import StoreRefused

BEFORE_DOCUMENT = re.compile(rb'"(?:events|runs)",\d{1,18},(?=\{)')

# What a line is written in.
PRINTABLE = string.printable.encode()


@dataclass
class Gap:
    """Bytes between sound lines, from one position to another."""

    offset: int
    begins: int
    last_good: str
    ends: int
    lines: int = 0
    names: set[str] = field(default_factory=set)
    is_text: bool = True
    is_within: bool = False  # sound lines of its commit stand beside it

    def add(self, raw: bytes) -> None:
        self.names |= names_in(raw, BEFORE_DOCUMENT)
        self.lines += max(1, len(BEFORE_DOCUMENT.findall(raw)))  # a line end may be lost
        # A single byte may be anything. What a disk lost, or has of another file, is more.
        self.is_text &= len(raw.translate(None, PRINTABLE)) < 2
        self.ends += len(raw)

    @property
    def hides(self) -> bool:
        """Whether what happened to a saga may have stood here and left no other trace.

        A commit has two lines for each of its sagas, an event and the summary behind it: of a
        single line that is not sound the other one tells. Of more nobody knows what they were.
        """
        return not (self.is_text and self.is_within and self.lines == 1)

    def damage(self, path: Path) -> Damage:
        size = self.ends - self.begins
        reason = MISMATCH if self.lines == 1 else f"its {size} bytes do not match their checksums"
        record, names = f"record {self.begins}", tuple(sorted(self.names))
        return Damage(path, self.offset, size, record, reason, names, self.last_good)


class LogScan:
    """A log as far as it goes now. `begins` is None where nobody can say where it begins.

    `candidates` are positions at which it may begin where its first line does not say so.
    """

    def __init__(self, path: Path, file: BinaryIO, size: int, candidates: Iterable[int]) -> None:
        self._path = path
        self._file = file
        self._size = size
        self.gaps: list[Gap] = []
        self.damages: list[Damage] = []
        self.torn_at: int | None = None
        self.begins: int | None
        file.seek(0)
        header = file.readline(MAX_HEADER)
        told = decode_header(header[:-1]) if header.endswith(b"\n") else None
        if told is not None:
            if told[0] > FORMAT:
                reason = f"it has format {told[0]}; this sagactl reads {FORMAT}"
                raise StoreRefused(path, reason)
            self.begins, self._first = told[1], len(header)
        else:
            self.begins = next(filter(self._fits, candidates), None)
            self._first = 0 if self.begins is None else len(encode_header(FORMAT, self.begins))
            reason = "it does not begin as a log does"
            self.damages.append(Damage(path, 0, self._first or size, "its first line", reason))

    @property
    def ends(self) -> int | None:
        """The position behind the last byte that counts."""
        if self.begins is None:
            return None
        return self._position(self._size if self.torn_at is None else self.torn_at)

    def found(self) -> Iterator[Found]:
        """Every line that counts; afterwards `gaps`, `damages` and `torn_at` are known."""
        if self.begins is None:
            return
        end = position = self.begins
        lines: list[Found] = []  # since the last commit that is whole
        gaps: list[Gap] = []
        before: Line | None = None  # the sound line right in front
        is_whole = False
        last_good = ""
        for raw in self._lines(self._first):
            line = decode_line(raw[:-1], position) if raw.endswith(b"\n") else None
            if line is None:
                if not (gaps and gaps[-1].ends == position):
                    gap = Gap(self._offset(position), position, last_good, position)
                    gap.is_within = before is not None and before.rest > 0
                    gaps.append(gap)
                gaps[-1].add(raw)
                is_whole = False
            else:
                if gaps and gaps[-1].ends == position:
                    gaps[-1].is_within |= line.commit_at <= gaps[-1].begins
                is_whole = line.commit_at == position or (is_whole and _follows(before, line))
                lines.append(self._found(line, len(raw)))
                last_good = f"record {position} at offset {self._offset(position)}"
            position += len(raw)
            before = line
            if is_whole and line is not None and line.rest == 0:
                yield from lines
                self.gaps += gaps
                end, lines, gaps = position, [], []
        yield from self._last(end, lines, gaps)
        self.damages += [gap.damage(self._path) for gap in self.gaps]

    def read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def _last(self, end: int, lines: list[Found], gaps: list[Gap]) -> Iterator[Found]:
        """What stands behind the last whole commit: a tear, of which nothing counts, or damage."""
        tail = self._offset(end)
        if tail == self._size:
            return
        self._file.seek(tail)
        if damaged_at(self._file.read(self._size - tail), end) is None:
            self.torn_at = tail
            return
        self.gaps += gaps
        yield from lines

    def _found(self, line: Line, size: int) -> Found:
        table, doc_id, text = line.change
        position = line.position
        return Found(table, doc_id, text, position, self._offset(position), size)

    def _fits(self, begins: int) -> bool:
        """Whether any line is sound if the log begins there."""
        position = begins
        for raw in self._lines(len(encode_header(FORMAT, begins))):
            if decode_line(raw[:-1], position) is not None:
                return True
            position += len(raw)
        return False

    def _lines(self, offset: int) -> Iterator[bytes]:
        self._file.seek(offset)
        rest = self._size - offset
        while rest > 0 and (raw := self._file.readline(rest)):
            yield raw
            rest -= len(raw)

    def _offset(self, position: int) -> int:
        assert self.begins is not None
        return position - self.begins + self._first

    def _position(self, offset: int) -> int:
        assert self.begins is not None
        return offset - self._first + self.begins


def _follows(before: Line | None, line: Line) -> bool:
    if before is None:
        return False
    return line.commit_at == before.commit_at and line.rest == before.rest - 1
