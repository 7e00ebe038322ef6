"""The journal in one TinyDB file and its log: three tables, and the Store over them.

`meta` says which format this is, `runs` has one document per run (its summary, and how many events
it has), `events` one per event (`run`, `seq` from 1, `event`). A commit adds the events of some
runs to the log and their new summaries behind them; after a compaction `TinyDB(path)` of anybody
reads the same tables.

TinyDB's own file storage is deliberately not used: it writes in place, all of it for each change,
and a crash on the way leaves a file that nobody can read.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

from sagactl.journal import disk, lock
from sagactl.journal.codec import build, decode, plain_record
from sagactl.journal.document import Document, parse_document
from sagactl.journal.refusal import RunAmbiguous, RunHeld, RunNotFound, StateDamaged, refusing
from sagactl.journal.store import Append, Summary, demand_distinct, newest_first, summary_after
from sagactl.journal.tinydb_table import JournalDB, JournalStorage, numbered
from sagactl.journal.volume import Mark, Volume
from sagactl.journal.writer import Writer
from sagactl.machine.event import Event

SUMMARY_FIELDS = tuple(field.name for field in fields(Summary))


class Standing(NamedTuple):
    """How far a run has come: what a list shows of it, and how many events it has."""

    state: str
    events: int
    updated_at: float


class TinyDBStore:
    """A Store in the file at `path`; where that is missing, `create` says whether to make it.

    Nothing is made before the first `append` or `hold`. Its log and its locks lie beside it.
    """

    def __init__(self, path: Path, *, create: bool, allow_network: bool = False) -> None:
        self._path = path
        self._writer = Writer(path, create=create, allow_network=allow_network)
        self._storage = JournalStorage(path, self._writer)
        self._db = JournalDB(storage=lambda: self._storage)

    def append(self, run_id: str, events: Sequence[Event], state: str) -> None:
        self.append_all([Append(run_id, events, state)])

    def append_all(self, appends: Sequence[Append]) -> None:
        if any(append.events for append in appends):
            self.write(appends)
            self.sync()

    def write(self, appends: Sequence[Append]) -> None:
        """Hand a commit to the system: it counts when `sync` has returned, and only then.

        Between the two nothing may be written; what is read is as if the commit counted.
        """
        demand_distinct(appends)
        records = [[plain_record(event) for event in append.events] for append in appends]
        with self._writer.failing():
            try:
                self._writer.begin()
                for append, its_records in zip(appends, records, strict=True):
                    if its_records:
                        self._stage(append, its_records)
                self._writer.write()
            finally:
                self._storage.forget()

    def sync(self) -> None:
        """Have the disk say that it has the commit."""
        with self._writer.failing():
            self._writer.sync()

    def reserve(self, size: int) -> None:
        """Have the disk promise room for `size` bytes of events; raises StoreRefused."""
        self._writer.reserve(size)

    def read(self, run_id: str) -> tuple[Event, ...]:
        self._refresh()
        kept = self._kept(run_id)
        if kept is None:
            raise RunNotFound(run_id)
        count = kept[2]
        events = [(key, parse_document(text)) for key, text in self._volume.events(run_id).items()]
        for key, document in events:
            if type(document.get("seq")) is not int:
                raise self._damaged(f'document {key} of table "events"', 'it has no "seq"')
        if [document["seq"] for _, document in events] != list(range(1, count + 1)):
            reason = f'the {count} events of run "{run_id}" are not all there once'
            raise self._damaged('table "events"', reason)
        return tuple(
            decode(document.get("event"), self._path, f'document {key} of table "events"')
            for key, document in events
        )

    def summaries(self) -> list[Summary]:
        self._refresh()
        runs = self._volume.runs()
        return newest_first(self._summary(key, runs[key])[0] for key in sorted(runs))

    def summary(self, run_id: str) -> Summary:
        """The run as `summaries` has it; raises RunNotFound."""
        self._refresh()
        kept = self._kept(run_id)
        if kept is None:
            raise RunNotFound(run_id)
        return kept[1]

    def moved(self, since: Mark | None) -> tuple[dict[str, Standing], Mark]:
        """Where the runs stand that moved since a mark; at first all. See Volume.moved."""
        self._refresh()
        runs, mark = self._volume.moved(since)
        found = (self._summary(0, run) for run in runs)
        return {s.run_id: Standing(s.state, count, s.updated_at) for s, count in found}, mark

    def stamps(self) -> tuple[disk.Stamp | None, disk.Stamp | None]:
        """What tells the files from what they were; nothing of them is read."""
        with refusing(self._path):
            return disk.stamp(self._path), disk.stamp(self._volume.log_path)

    def find(self, prefix: str) -> str:
        self._refresh()
        found = self._volume.find(prefix, exact=False) if prefix else []
        names = sorted(str(run.get("run_id")) for _, run in found)
        if not names:
            raise RunNotFound(prefix)
        if len(names) > 1:
            raise RunAmbiguous(prefix, names)
        return names[0]

    def remove(self, run_ids: Sequence[str]) -> None:
        """Forget runs, in one commit; raises RunNotFound."""
        with self._storage.commit():
            for run_id in run_ids:
                kept = self._kept(run_id)
                if kept is None:
                    raise RunNotFound(run_id)
                self._db.table("runs").remove(doc_ids=[kept[0]])
                for key in self._volume.events(run_id):
                    self._storage.put("events", key, None)

    @contextmanager
    def hold(self, run_id: str) -> Iterator[None]:
        self._writer.prepare()
        locks = self._path.with_name(f"{self._path.name}.locks")
        with refusing(locks):
            disk.make_folder(locks)
            if locks.is_symlink():
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        with lock.holding(locks / lock.lock_name(run_id), run_id):
            yield

    def holder(self, run_id: str) -> RunHeld | None:
        """Who has the run now, None where nobody does; nothing is taken and nothing is made."""
        path = self._path.with_name(f"{self._path.name}.locks") / lock.lock_name(run_id)
        return lock.held_by(path, run_id) if path.is_file() else None

    def close(self) -> None:
        self._writer.close()

    @property
    def _volume(self) -> Volume:
        return self._writer.volume

    def _refresh(self) -> None:
        if not self._writer.is_open:
            self._volume.refresh()

    def _stage(self, append: Append, records: list[Document]) -> None:
        """Have the next commit hold the events, and the summary that they lead to."""
        run_id, events, state = append
        kept = self._kept(run_id)
        before, count = (kept[1], kept[2]) if kept else (None, 0)
        summary = summary_after(run_id, before, events, state, self._path)
        first = self._writer.next_id
        self._db.table("events").insert_multiple(
            numbered({"run": run_id, "seq": count + n + 1, "event": record}, first + n)
            for n, record in enumerate(records)
        )
        document: Document = {name: getattr(summary, name) for name in SUMMARY_FIELDS}
        document["events"] = count + len(records)
        runs = self._db.table("runs")
        if kept:
            runs.update(document, doc_ids=[kept[0]])
        else:
            runs.insert(numbered(document, self._writer.next_id))

    def _kept(self, run_id: str) -> tuple[int, Summary, int] | None:
        """The id of the run's document, its summary and the number of its events."""
        found = self._volume.find(run_id, exact=True)
        if len(found) > 1:
            raise self._damaged('table "runs"', f'run "{run_id}" is there {len(found)} times')
        if not found:
            return None
        [(doc_id, document)] = found
        self._storage.known["runs", doc_id] = document
        return (doc_id, *self._summary(doc_id, document))

    def _summary(self, doc_id: int, document: Document) -> tuple[Summary, int]:
        at = f'document {doc_id} of table "runs"'
        count = document.get("events")
        if type(count) is not int or count < 1:
            raise self._damaged(at, 'a run has a number of "events"')
        try:
            # What has a checksum was written by us; listing a hundred thousand runs cannot wait.
            return Summary(**{name: document[name] for name in SUMMARY_FIELDS}), count
        except KeyError:
            known = ("events", "span")
            values = {key: value for key, value in document.items() if key not in known}
            return build(Summary, values, self._path, at), count

    def _damaged(self, at: str, reason: str) -> StateDamaged:
        return StateDamaged(self._path, at, reason)
