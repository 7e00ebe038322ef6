"""One line of the log: a change of one document, with its checksum and its place in its commit.

    5e3a01bc [112,1,"events",4711,{"run":"order-7","seq":3,"event":{…}}]

The checksum is the CRC-32 of the brackets and what is between, begun with the line's position, so
that bytes which stand in a place that is not theirs do not pass for sound. `112` is how far back
the commit begins, `1` how many of its lines follow, `4711` the document's id; in the place of a
document `null` says that it was removed.

A position counts bytes since the state began. It goes on through every compaction and never comes
back, which makes it a document id that no two processes give twice.
"""

import re
import zlib
from collections.abc import Sequence
from typing import NamedTuple

LINE = re.compile(
    rb'([0-9a-f]{8}) \[(\d{1,18}),(\d{1,18}),"((?:[^"\\]|\\.)*)",(\d{1,18}),(?=null\]|\{)'
)
HEADER = re.compile(rb'([0-9a-f]{8}) (\{"format":(\d{1,9}),"begins":(\d{1,18})\})')

REMOVED = b"null"

CRC_DIGITS = 8

LOW_BITS = 0xFFFFFFFF


class Change(NamedTuple):
    """A document as it is from now on: its JSON text, or REMOVED."""

    table: bytes  # as JSON writes it, without the quotes
    doc_id: int
    text: bytes


class Line(NamedTuple):
    """A sound line. `commit_at` is the position at which its commit begins."""

    position: int
    commit_at: int
    rest: int
    change: Change


def encode_commit(position: int, changes: Sequence[Change]) -> list[bytes]:
    """The lines of one commit, whose first byte stands at `position`."""
    lines: list[bytes] = []
    back = 0
    for rest, (table, doc_id, text) in zip(range(len(changes) - 1, -1, -1), changes, strict=True):
        inner = b'[%d,%d,"%s",%d,%s]' % (back, rest, table, doc_id, text)
        line = b"%08x %s\n" % (checksum(inner, position + back), inner)
        lines.append(line)
        back += len(line)
    return lines


def decode_line(line: bytes, position: int) -> Line | None:
    """What a line without its line end says, None where it is not as it was written."""
    found = LINE.match(line)
    if found is None:
        return None
    crc, back, rest, table, doc_id = found.groups()
    if int(crc, 16) != zlib.crc32(line[CRC_DIGITS + 1 :], position & LOW_BITS):
        return None
    change = Change(table, int(doc_id), line[found.end() : -1])
    return Line(position, position - int(back), int(rest), change)


def encode_header(log_format: int, begins: int) -> bytes:
    inner = b'{"format":%d,"begins":%d}' % (log_format, begins)
    return b"%08x %s\n" % (checksum(inner, 0), inner)


def decode_header(line: bytes) -> tuple[int, int] | None:
    """The format of a log and the position of the first byte behind its header."""
    found = HEADER.fullmatch(line)
    if found is None or int(found[1], 16) != checksum(found[2], 0):
        return None
    return int(found[3]), int(found[4])


def checksum(content: bytes, begin: int) -> int:
    """The CRC-32 of a content, begun with a number that belongs to it."""
    return zlib.crc32(content, begin & LOW_BITS)
