"""The state as a whole: what the snapshot holds, and what the log says since.

Reading takes no lock. The snapshot names the position up to which it knows the log, so that it
goes with the log it was made from as well as with the one that was begun after it: whichever pair
a reader meets, the two make one state. Only a log that begins behind that position does not fit,
and then somebody replaced the snapshot between the opening of the two.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from sagactl.journal import disk
from sagactl.journal.codec import FORMAT
from sagactl.journal.document import Document
from sagactl.journal.log import Log
from sagactl.journal.refusal import StateDamaged, StoreRefused, refusing
from sagactl.journal.snapshot import Snapshot, read_snapshot

# Document ids are positions, and TinyDB's begin at 1.
FIRST_POSITION = 1


def log_path(path: Path) -> Path:
    """Where the log of the state at `path` is."""
    return path.with_name(f"{path.name}.log")


class Volume:
    """The state at a path, as of the last `refresh`; nothing is read before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log_path = log_path(path)
        self.snapshot: Snapshot | None = None
        self.log: Log | None = None

    @property
    def end(self) -> int:
        """The position behind everything that is kept."""
        if self.log is not None:
            return self.log.end
        return FIRST_POSITION if self.snapshot is None else self.snapshot.position

    def refresh(self) -> None:
        """See what is there now; raises StoreRefused and StateDamaged."""
        with refusing(self.path):
            stamp = disk.stamp(self.path)
            if self.snapshot is None or stamp != self.snapshot.stamp:
                self.forget()
                self._open()
            elif self.log is not None and not self.log.is_current():
                self.log.close()
                self.log = None
                self._open_log()
        if self.log is not None and self.snapshot is not None:
            with refusing(self.log_path):
                self.log.follow(self.snapshot.position)

    def forget(self) -> None:
        """Know nothing."""
        if self.log is not None:
            self.log.close()
        self.snapshot = self.log = None

    def find(self, prefix: str, *, exact: bool) -> list[tuple[int, Document]]:
        """The run with this id; without `exact`, where there is none, those that begin with it."""
        found = {} if self.snapshot is None else dict(self.snapshot.find(prefix, exact=exact))
        if self.log is not None:
            index = self.log.index
            found = {key: run for key, run in found.items() if key not in index.removed_runs}
            names = [prefix] if exact or prefix in index.runs else list(index.runs)
            for name in names:
                kept = index.run(name) if name.startswith(prefix) else None
                if kept is not None:
                    found[kept[0]] = self.log.document(kept[1])
        same = [(key, run) for key, run in found.items() if run.get("run_id") == prefix]
        return same or ([] if exact else list(found.items()))

    def events(self, run_id: str) -> dict[int, bytes]:
        """The texts of a run's events by their ids, which are in the order of their keeping."""
        found: dict[int, bytes] = {}
        if self.snapshot is not None:
            gone = set() if self.log is None else self.log.index.removed_runs
            for key, run in self.snapshot.find(run_id, exact=True):
                if key not in gone:
                    found.update(self.snapshot.events(run))
        if self.log is not None:
            index = self.log.index
            for key, place in index.events.get(run_id, {}).items():
                found[key] = self.log.change(place).text
            found = {key: text for key, text in found.items() if key not in index.removed_events}
        return dict(sorted(found.items()))

    def runs(self) -> dict[int, Document]:
        """The documents of all runs."""
        found = {} if self.snapshot is None else self.snapshot.documents("runs")
        if self.log is not None:
            for doc_id, place in self.log.index.runs.values():
                found[doc_id] = self.log.document(place)
            for doc_id in self.log.index.removed_runs:
                found.pop(doc_id, None)
        return found

    def documents(self, table: str) -> dict[int, Document]:
        """Every document of a table."""
        if table == "runs":
            return self.runs()
        found = {} if self.snapshot is None else self.snapshot.documents(table)
        if self.log is not None:
            found.update(self._logged(table))
            for doc_id in self._gone(table):
                found.pop(doc_id, None)
        return found

    def tables(self) -> set[str]:
        found = set() if self.snapshot is None else self.snapshot.tables()
        return found if self.log is None else found | set(self.log.index.others)

    def _logged(self, table: str) -> Iterator[tuple[int, Document]]:
        assert self.log is not None
        index = self.log.index
        if table == "events":
            for places in index.events.values():
                for doc_id, place in places.items():
                    yield doc_id, self.log.document(place)
            return
        for doc_id, kept in index.others.get(table, {}).items():
            if kept is not None:
                yield doc_id, self.log.document(kept)

    def _gone(self, table: str) -> set[int]:
        assert self.log is not None
        index = self.log.index
        if table == "events":
            return index.removed_events
        return {doc_id for doc_id, kept in index.others.get(table, {}).items() if kept is None}

    def _open(self) -> None:
        while True:
            self.snapshot = read_snapshot(self.path)
            self._open_log()
            if self.log is None or self.snapshot is None:
                break
            if self.log.begins <= self.snapshot.position:
                break
            # A compaction went by in between, or the two do not belong together.
            if disk.stamp(self.path) == self.snapshot.stamp:
                reason = f"the state ends at {self.snapshot.position}"
                begins = f"its beginning (record {self.log.begins})"
                self.forget()
                raise StateDamaged(self.log_path, begins, reason)
            self.forget()

    def _open_log(self) -> None:
        path = self.log_path
        with refusing(path):
            try:
                fd = disk.open_file(path, os.O_RDWR)
            except FileNotFoundError:
                self._demand_no_log()
                return
            except OSError:
                fd = disk.open_file(path, os.O_RDONLY)
            try:
                self.log = Log(path, fd)
            except BaseException:
                os.close(fd)
                raise
        if self.snapshot is None:
            self.forget()
            raise StoreRefused(self.path, f'it is missing, and its log "{path.name}" is there')

    def _demand_no_log(self) -> None:
        snapshot = self.snapshot
        if snapshot is None or snapshot.format != FORMAT or snapshot.position == FIRST_POSITION:
            return
        raise StoreRefused(
            log_path(self.path),
            "it is missing, and with it what was kept since the last compaction",
        )
