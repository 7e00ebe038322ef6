"""The log beside the state: read as far as it is sound, followed as it grows, and added to.

    9c0d12ff {"format":2,"begins":8192}
    5e3a01bc [0,1,"events",8192,{…}]
    …

What counts is whole commits. Bytes behind the last one are what a crash, or a writer in the middle
of its work, leaves: they were never acknowledged, readers pass over them and the next writer cuts
them off. Everything else that is not sound is damage, told with its offset and left alone.

The two are told apart by what a disk can do. It loses the last sectors of a write or some in its
midst, which leaves a line without its end, or zeros; it does not change a byte into another one.
And a commit is only begun when all before it is on the disk, so that no loss lies in front of a
commit that came later.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from sagactl.journal import disk
from sagactl.journal.codec import FORMAT
from sagactl.journal.document import Document, parse_document, uncollected
from sagactl.journal.line import (
    Change,
    Line,
    checksum,
    decode_header,
    decode_line,
    encode_commit,
)
from sagactl.journal.log_index import LogIndex, Place
from sagactl.journal.refusal import StateDamaged, StoreRefused, refusing

CHUNK = 1 << 22
MAX_HEADER = 128

# One zero may be a flipped blank; what a lost sector leaves is longer, but where a commit begins
# with the sector's last byte: and no digit is one bit away from a zero.
LOST = re.compile(rb"\0\0|\A\0")

MISMATCH = "it does not match its checksum"


class Log:
    """An open log. `begins` is the position of its first line, `end` where sound commits end."""

    def __init__(self, path: Path, fd: int, refused: OSError | None = None) -> None:
        self._path = path
        self._fd = fd
        self._refused = refused  # why it may only be read
        header = os.pread(fd, MAX_HEADER, 0).partition(b"\n")[0]
        told = decode_header(header)
        if told is None:
            raise StateDamaged(path, "offset 0", "it does not begin as a log does")
        log_format, self.begins = told
        if log_format > FORMAT:
            raise StoreRefused(path, f"it has format {log_format}; this sagactl reads {FORMAT}")
        self._first = len(header) + 1
        self.end = self.begins
        self._sure = self.begins  # what stands before is on the disk for good
        # Where the last commit is and its checksum, while it is not sure.
        self._last: tuple[Place, int] | None = None
        self.is_torn = False
        self.index = LogIndex()

    @property
    def size(self) -> int:
        """The length of the file as far as it is sound, in bytes."""
        return self._offset(self.end)

    def is_current(self) -> bool:
        """Whether the file still has its name, and the last commit that was read of it.

        A file that was replaced has no name. A commit that was read before its sync is taken back
        where that fails, and the next one stands in its place.
        """
        status = os.fstat(self._fd)
        if status.st_nlink == 0:
            return False
        if self._last is None or status.st_size < self._offset(self._sure):
            return True  # shorter than it can be: `follow` says so
        place, crc = self._last
        return checksum(disk.read_at(self._fd, *place), 0) == crc

    def is_empty(self) -> bool:
        """Whether there is nothing behind the header."""
        return os.fstat(self._fd).st_size == self._first

    def close(self) -> None:
        disk.close(self._fd)

    def follow(self, since: int) -> None:
        """Read the commits that were added; what stands before the position `since` is not kept."""
        # What is added from here on is for the next time: half of it may be there.
        size = os.fstat(self._fd).st_size
        if size < self.size:
            raise StateDamaged(self._path, f"offset {size}", "it has become shorter")
        self.is_torn = False
        if size > self.size:
            self._read(size, since)

    def change(self, place: Place) -> Change:
        """What the line at a place of the index says."""
        offset, size = place
        with refusing(self._path):
            line = disk.read_at(self._fd, offset, size)[:-1]
        found = decode_line(line, self._position(offset))
        if found is None:
            raise self._damaged(self._position(offset), MISMATCH)
        return found.change

    def document(self, place: Place) -> Document:
        return parse_document(self.change(place).text)

    def demand_writable(self) -> None:
        """Raise what the system said where the file may only be read."""
        if self._refused is not None:
            raise self._refused

    def heal(self) -> None:
        """Cut off what is behind the last sound commit, durably, before anything is added.

        A later tear must show zeros, never the bytes of an earlier one.
        """
        os.ftruncate(self._fd, self.size)
        os.fsync(self._fd)
        self.is_torn = False

    def write(self, changes: Sequence[Change]) -> None:
        """Add a commit; it is acknowledged by `sync`, and by nothing else."""
        lines = encode_commit(self.end, changes)
        disk.write_at(self._fd, b"".join(lines), self.size)
        for change, line in zip(changes, lines, strict=True):
            self.index.add(change, Place(self.size, len(line)))
            self.end += len(line)

    def sync(self) -> None:
        disk.sync(self._fd)
        self._sure, self._last = self.end, None

    def take_back(self, end: int) -> None:
        """Cut off a commit that failed: nobody knows what of it is on the disk."""
        os.ftruncate(self._fd, self._offset(end))

    def reserve(self, size: int) -> None:
        """Have the disk promise `size` more bytes; raises OSError where it cannot."""
        disk.reserve(self._fd, self.size, size)

    def read_from(self, position: int, until: int) -> Iterator[bytes]:
        """The bytes between two positions."""
        offset, stop = self._offset(position), self._offset(until)
        while offset < stop:
            chunk = disk.read_at(self._fd, offset, min(CHUNK, stop - offset))
            yield chunk
            offset += len(chunk)

    def _read(self, size: int, since: int) -> None:
        commit: list[tuple[Line, bytes]] = []
        last: list[tuple[Line, bytes]] = []
        position, stop = self.end, self._position(size)
        with open(self._fd, "rb", buffering=CHUNK, closefd=False) as file, uncollected():
            file.seek(self.size)
            while position < stop:
                raw = file.readline(stop - position)
                line = decode_line(raw[:-1], position) if raw.endswith(b"\n") else None
                if line is None or not _follows(commit, line):
                    self._demand_torn(size)
                    break
                commit.append((line, raw))
                position += len(raw)
                if line.rest == 0:
                    self._keep(commit, since)
                    self._sure, self.end = self.end, position
                    last, commit = commit, []
        if last:
            whole = b"".join(raw for _, raw in last)
            place = Place(self._offset(last[0][0].position), len(whole))
            self._last = place, checksum(whole, 0)
        self.is_torn = self.end < stop

    def _keep(self, commit: Sequence[tuple[Line, bytes]], since: int) -> None:
        for line, raw in commit:
            if line.position >= since:
                self.index.add(line.change, Place(self._offset(line.position), len(raw)))

    def _demand_torn(self, size: int) -> None:
        """Raise StateDamaged unless what is behind the sound commits was never acknowledged."""
        rest = disk.read_at(self._fd, self.size, size - self.size)
        at = damaged_at(rest, self.end)
        if at is not None:
            raise self._damaged(at, MISMATCH)

    def _offset(self, position: int) -> int:
        return position - self.begins + self._first

    def _position(self, offset: int) -> int:
        return offset - self._first + self.begins

    def _damaged(self, position: int, reason: str) -> StateDamaged:
        where = f"offset {self._offset(position)} (record {position})"
        return StateDamaged(self._path, where, reason)


def damaged_at(rest: bytes, begins: int) -> int | None:
    """Where the first damaged line is, behind sound commits that end at the position `begins`.

    None where `rest` is what a crash leaves.
    """
    position = begins
    broken: tuple[int, bytes] | None = None
    for raw in rest.split(b"\n"):
        # Behind what was lost, line end and all, may be the whole line of a commit that came later.
        lost = raw.rfind(b"\0") + 1
        line = decode_line(raw[lost:], position + lost)
        if broken is None and (lost or line is None or line.commit_at != begins):
            broken = position, raw
        if broken is not None and line is not None and line.commit_at > begins:
            return broken[0]
        position += len(raw) + 1
    if broken is None:
        return None
    at, text = broken
    is_last = at + len(text) == begins + len(rest)
    return None if _was_lost(text, at, is_last=is_last) else at


def _follows(commit: Sequence[tuple[Line, bytes]], line: Line) -> bool:
    """Whether a line is the next one of a commit, or the first of one."""
    if not commit:
        return line.commit_at == line.position
    before = commit[-1][0]
    return line.commit_at == before.commit_at and line.rest == before.rest - 1


def _was_lost(line: bytes, position: int, *, is_last: bool) -> bool:
    """Whether a line that is not sound is so because the disk lost a part of it."""
    if not is_last:
        return LOST.search(line) is not None
    # Whole but for its line end, and that is not missing but another: somebody changed it.
    return line[-1:] in (b"", b"\0") or decode_line(line[:-1], position) is None
