"""What a log holds, by table, run and document: places, not the documents themselves."""

import json
import re
from typing import NamedTuple

from sagactl.journal.line import REMOVED, Change

RUN = re.compile(rb'\{"run(?:_id)?":"((?:[^"\\]|\\.)*)"')


class Place(NamedTuple):
    """Where a line stands in its file: its offset and its length with the line end, in bytes."""

    offset: int
    size: int


class LogIndex:
    """The last line of every document that a log changed."""

    def __init__(self) -> None:
        self.runs: dict[str, tuple[int, Place]] = {}
        self.events: dict[str, dict[int, Place]] = {}
        self.others: dict[str, dict[int, Place]] = {}
        self._removed: dict[str, dict[int, int]] = {}  # by table and document: where it says so

    def add(self, change: Change, place: Place) -> None:
        """Take note of a line; later lines win."""
        if change.text == REMOVED:
            self._remove(_name_of(change.table), change.doc_id, place)
        elif change.table == b"events":
            self.events.setdefault(run_of(change.text), {})[change.doc_id] = place
        elif change.table == b"runs":
            self.runs[run_of(change.text)] = (change.doc_id, place)
        else:
            self.others.setdefault(_name_of(change.table), {})[change.doc_id] = place

    def run(self, run_id: str) -> tuple[int, Place] | None:
        """The id and the place of a run's document, None where the log does not have it."""
        found = self.runs.get(run_id)
        return None if found is None or self.is_gone("runs", *found) else found

    def is_gone(self, table: str, doc_id: int, place: Place | None = None) -> bool:
        """Whether a document was removed since it stood at a place, or in the snapshot."""
        removed_at = self._removed.get(table, {}).get(doc_id)
        return removed_at is not None and (place is None or place.offset < removed_at)

    def _remove(self, table: str, doc_id: int, place: Place) -> None:
        self._removed.setdefault(table, {})[doc_id] = place.offset
        self.others.get(table, {}).pop(doc_id, None)  # what comes back, comes back as the last


def _name_of(table: bytes) -> str:
    name: str = json.loads(b'"%s"' % table)
    return name


def run_of(text: bytes) -> str:
    """The run that the text of an event or of a run belongs to."""
    found = RUN.match(text)
    if found is None:  # somebody's TinyDB put the keys in an order of its own
        document = json.loads(text)
        return str(document.get("run_id", document.get("run")))
    run_id: str = json.loads(b'"%s"' % found[1]) if b"\\" in found[1] else found[1].decode()
    return run_id
