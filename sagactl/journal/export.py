"""Sagas on their way elsewhere: JSON Lines, and a store that looks at them and writes nothing.

    {"format":"sagactl-export","version":1,"exported_at":1764000000.0,"sagas":2}
    {"summary":{"run_id":"order-7",…},"events":[{"type":"run_started",…},…]}
    …

The words are those of the tables in state.json; the oldest saga comes first. The first line says
how many follow, so that a file which was cut off is not taken for a shorter one. What is in it is
what a view may show: whoever writes it has veiled the events before.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple, NoReturn

from sagactl.journal import disk
from sagactl.journal.codec import build, decode, encode
from sagactl.journal.document import text_of
from sagactl.journal.refusal import RunNotFound, StateDamaged, StoreRefused, refusing
from sagactl.journal.store import Append, Summary, matching, newest_first
from sagactl.machine.event import Event, RunStarted
from sagactl.source.node import Json

VERSION = 1
MARK = b'{"format":"sagactl-export",'
BEFORE_SUMMARY = b'{"summary":'


def first_line(sagas: int, exported_at: float) -> str:
    """What an export of so many sagas begins with."""
    rest = text_of({"version": VERSION, "exported_at": exported_at, "sagas": sagas})
    return (MARK + rest[1:]).decode()


def saga_line(summary: Summary, events: Sequence[Event]) -> str:
    """One saga, whole."""
    records = b",".join(text_of(encode(event)) for event in events)
    line = b'%s%s,"events":[%s]}' % (BEFORE_SUMMARY, text_of(asdict(summary)), records)
    return line.decode()


def is_export(path: Path) -> bool:
    """Whether a file begins as an export does; one that cannot be read does not."""
    try:
        fd = disk.open_file(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return disk.read_at(fd, 0, len(MARK)) == MARK
    except OSError:
        return False
    finally:
        os.close(fd)


class _Entry(NamedTuple):
    number: int  # of the line
    offset: int
    size: int
    summary: Summary


class ExportStore:
    """A Store over an export, for those who look: whatever would change it is refused."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        with refusing(path):
            self._fd = disk.open_file(path, os.O_RDONLY)
        self._known: dict[str, _Entry] | None = None

    def read(self, run_id: str) -> tuple[Event, ...]:
        entry = self._entries().get(run_id)
        if entry is None:
            raise RunNotFound(run_id)
        with refusing(self._path):
            line = disk.read_at(self._fd, entry.offset, entry.size)
        value = self._parsed(line, entry.number)
        records = value.get("events") if isinstance(value, dict) else None
        if not isinstance(records, list):
            raise self._damaged(entry.number, "it has no events")
        where = f"line {entry.number}"
        events = tuple(decode(record, self._path, where) for record in records)
        if not (events and isinstance(events[0], RunStarted) and events[0].run_id == run_id):
            raise self._damaged(entry.number, f'its events are not those of run "{run_id}"')
        return events

    def summaries(self) -> list[Summary]:
        return newest_first(entry.summary for entry in self._entries().values())

    def find(self, prefix: str) -> str:
        return matching(prefix, self._entries())

    def append(self, run_id: str, events: Sequence[Event], state: str) -> None:
        self._refuse()

    def append_all(self, appends: Sequence[Append]) -> None:
        self._refuse()

    def write(self, appends: Sequence[Append]) -> None:
        self._refuse()

    def sync(self) -> None:
        self._refuse()

    def reserve(self, size: int) -> None:
        self._refuse()

    @contextmanager
    def hold(self, run_id: str) -> Iterator[None]:
        self._refuse()
        yield

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def __del__(self) -> None:
        self.close()

    def _refuse(self) -> NoReturn:
        raise unwritable(self._path)

    def _entries(self) -> dict[str, _Entry]:
        if self._known is None:
            with refusing(self._path):
                self._known = self._indexed()
        return self._known

    def _indexed(self) -> dict[str, _Entry]:
        """Where each saga stands; its events are not looked at."""
        found: dict[str, _Entry] = {}
        with open(self._fd, "rb", closefd=False) as file:
            file.seek(0)
            head = file.readline()
            wanted = self._count(head)
            offset = len(head)
            for number, line in enumerate(file, 2):
                summary = self._summary(line, number)
                if summary.run_id in found:
                    raise self._damaged(number, f'run "{summary.run_id}" is there twice')
                found[summary.run_id] = _Entry(number, offset, len(line), summary)
                offset += len(line)
        if len(found) != wanted:
            reason = f"it should have {wanted} sagas and has {len(found)}"
            raise self._damaged(len(found) + 1, reason)
        return found

    def _count(self, line: bytes) -> int:
        head = self._parsed(line, 1)
        version, count = (
            (head.get("version"), head.get("sagas")) if isinstance(head, dict) else ("", 0)
        )
        if type(version) is int and version > VERSION:
            reason = (
                f"it has version {version}, written by a newer sagactl; this one reads {VERSION}"
            )
            raise StoreRefused(self._path, reason)
        if type(version) is not int or type(count) is not int:
            raise self._damaged(1, "it does not begin as an export does")
        return count

    def _summary(self, line: bytes, number: int) -> Summary:
        if not line.endswith(b"}\n"):
            raise self._damaged(number, "it is cut off")
        try:
            if not line.startswith(BEFORE_SUMMARY):
                raise ValueError
            value, _ = json.JSONDecoder().raw_decode(line.decode(), len(BEFORE_SUMMARY))
        except (ValueError, RecursionError):
            raise self._damaged(number, "it does not begin with a summary") from None
        if not isinstance(value, dict):
            raise self._damaged(number, "a summary is a map")
        return build(Summary, value, self._path, f"line {number}")

    def _parsed(self, line: bytes, number: int) -> Json:
        try:
            return json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._damaged(number, f"it is not JSON: {error}") from None

    def _damaged(self, number: int, reason: str) -> StateDamaged:
        return StateDamaged(self._path, f"line {number}", reason)


def unwritable(path: Path) -> StoreRefused:
    """What everyone is told who would change an export."""
    return StoreRefused(path, "it is an export: list, show and history look at it, nothing else")
