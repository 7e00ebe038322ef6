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
        self.removed_runs: set[int] = set()
        self.removed_events: set[int] = set()
        self.others: dict[str, dict[int, Place | None]] = {}

    def add(self, change: Change, place: Place) -> None:
        """Take note of a line; later lines win."""
        if change.table == b"events" and change.text != REMOVED:
            self.events.setdefault(run_of(change.text), {})[change.doc_id] = place
        elif change.table == b"runs" and change.text != REMOVED:
            self.runs[run_of(change.text)] = (change.doc_id, place)
        elif change.table == b"events":
            self.removed_events.add(change.doc_id)
        elif change.table == b"runs":
            self.removed_runs.add(change.doc_id)
        else:
            name = json.loads(b'"%s"' % change.table)
            gone = change.text == REMOVED
            self.others.setdefault(name, {})[change.doc_id] = None if gone else place

    def run(self, run_id: str) -> tuple[int, Place] | None:
        """The id and the place of a run's document, None where the log does not have it."""
        found = self.runs.get(run_id)
        return None if found is None or found[0] in self.removed_runs else found


def run_of(text: bytes) -> str:
    """The run that the text of an event or of a run belongs to."""
    found = RUN.match(text)
    if found is None:  # somebody's TinyDB put the keys in an order of its own
        document = json.loads(text)
        return str(document.get("run_id", document.get("run")))
    run_id: str = json.loads(b'"%s"' % found[1]) if b"\\" in found[1] else found[1].decode()
    return run_id
