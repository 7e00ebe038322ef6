"""The state as a whole: what the snapshot holds, and what the log says since.

Reading takes no lock. The snapshot names the position up to which it knows the log, so that it
goes with the log it was made from as well as with the one that was begun after it: whichever pair
a reader meets, the two make one state. Only a log that begins behind that position does not fit,
and then somebody replaced the snapshot between the opening of the two.
"""

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from sagactl.journal import disk
from sagactl.journal.codec import FORMAT
from sagactl.journal.document import Document
from sagactl.journal.log import Log
from sagactl.journal.log_index import LogIndex, Place, run_of
from sagactl.journal.loose import OURS
from sagactl.journal.refusal import StateDamaged, StoreRefused, refusing
from sagactl.journal.snapshot import Snapshot, read_snapshot

# Document ids are positions, and TinyDB's begin at 1.
FIRST_POSITION = 1


def log_path(path: Path) -> Path:
    """Where the log of the state at `path` is."""
    return path.with_name(f"{path.name}.log")


class Mark(NamedTuple):
    """Up to where somebody has seen a state: a log as it was opened, and how many bytes of it."""

    log: Log | None
    size: int


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
        try:
            with refusing(self.path):
                self._look()
            if self.log is not None and self.snapshot is not None:
                with refusing(self.log_path):
                    self.log.follow(self.snapshot.position)
                self._demand_whole_log(self.log, self.snapshot)
        except BaseException:
            self.forget()  # whoever asks again is told again, and never given a half
            raise

    def forget(self) -> None:
        """Know nothing."""
        if self.log is not None:
            self.log.close()
        self.snapshot = self.log = None

    def find(self, prefix: str, *, exact: bool) -> list[tuple[int, Document]]:
        """The run with this id; without `exact`, where there is none, those that begin with it."""
        same = self._find(prefix, exact=True)
        return same if same or exact else self._find(prefix, exact=False)

    def _find(self, prefix: str, *, exact: bool) -> list[tuple[int, Document]]:
        found = {} if self.snapshot is None else dict(self.snapshot.find(prefix, exact=exact))
        if self.log is not None:
            index = self.log.index
            found = {key: run for key, run in found.items() if not index.is_gone("runs", key)}
            names = [prefix] if exact else [name for name in index.runs if name.startswith(prefix)]
            for kept in filter(None, map(index.run, names)):
                found[kept[0]] = self.log.document(kept[1])
        return list(found.items())

    def events(self, run_id: str) -> dict[int, bytes]:
        """The texts of a run's events by their ids, which are in the order of their keeping."""
        found: dict[int, bytes] = {}
        index = LogIndex() if self.log is None else self.log.index
        if self.snapshot is not None:
            for key, run in self.snapshot.find(run_id, exact=True):
                if not index.is_gone("runs", key):
                    found.update(self.snapshot.events(run))
            self._demand_own(run_id, found)
        found = {key: text for key, text in found.items() if not index.is_gone("events", key)}
        if self.log is not None:
            for key, place in index.events.get(run_id, {}).items():
                if not index.is_gone("events", key, place):
                    found[key] = self.log.change(place).text
        return dict(sorted(found.items()))

    def _demand_own(self, run_id: str, events: dict[int, bytes]) -> None:
        """Raise StateDamaged where another run's event stands among those of a run."""
        for key, text in events.items():
            if run_of(text) != run_id:
                where = f'document {key} of table "events"'
                raise StateDamaged(self.path, where, f'it does not belong to run "{run_id}"')

    def runs(self) -> dict[int, Document]:
        """The documents of all runs."""
        return self.documents("runs")

    def moved(self, since: Mark | None) -> tuple[list[Document], Mark]:
        """The runs that commits changed since a mark, and the mark to ask with next time.

        Where the log was opened anew, because of a compaction or of a commit that was taken back,
        it is all of them: whoever asks knows how many events of each were seen.
        """
        mark = Mark(self.log, 0 if self.log is None else self.log.size)
        if since is None or self.log is None or since.log is not self.log:
            return list(self.runs().values()), mark
        index, log = self.log.index, self.log
        places = [p for _, p in index.runs.values() if p.offset >= since.size]
        return [log.document(place) for place in places], mark

    def documents(self, table: str) -> dict[int, Document]:
        """Every document of a table."""
        found = {} if self.snapshot is None else self.snapshot.documents(table)
        if self.log is not None:
            index = self.log.index
            found = {key: kept for key, kept in found.items() if not index.is_gone(table, key)}
            for key, place in self._logged(table):
                if not index.is_gone(table, key, place):
                    found[key] = self.log.document(place)
        return found

    def document(self, table: str, doc_id: int) -> Document | None:
        """A document of a table that is not ours, None where it is not there."""
        if self.log is not None:
            place = self.log.index.others.get(table, {}).get(doc_id)
            if place is not None:
                return self.log.document(place)
            if self.log.index.is_gone(table, doc_id):
                return None
        return None if self.snapshot is None else self.snapshot.document(table, doc_id)

    def tables(self) -> set[str]:
        """The names of our tables, and of all others that have a document."""
        found = set() if self.snapshot is None else self.snapshot.tables()
        if self.log is not None:
            found |= set(self.log.index.others)
        return {name for name in found if name in OURS or self.documents(name)}

    def _logged(self, table: str) -> Iterable[tuple[int, Place]]:
        assert self.log is not None
        index = self.log.index
        match table:
            case "events":
                return (item for places in index.events.values() for item in places.items())
            case "runs":
                return index.runs.values()
        return index.others.get(table, {}).items()

    def _look(self) -> None:
        """Open the two files, where one of them is another than it was."""
        stamp = disk.stamp(self.path)
        is_same = self.snapshot is not None and self.snapshot.stamp == stamp
        if is_same and (self.log is None or self.log.is_current()):
            return
        # Both, although only one may be new: what goes with the old one is for `_open` to tell.
        self.forget()
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

    def _demand_whole_log(self, log: Log, snapshot: Snapshot) -> None:
        # What is added to a log that ends too early would stand where nobody looks for it.
        if snapshot.format == FORMAT and log.end < snapshot.position:
            end = f"its end (record {log.end})"
            raise StateDamaged(self.log_path, end, f"the state was made from {snapshot.position}")

    def _open_log(self) -> None:
        path = self.log_path
        refused: OSError | None = None
        with refusing(path):
            try:
                fd = disk.open_file(path, os.O_RDWR)
            except FileNotFoundError:
                self._demand_no_log()
                return
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                    raise
                # Not to be written, but perhaps to be read; a writer will be told why not.
                refused = error
                fd = self._open_to_read(error)
            try:
                self.log = Log(path, fd, refused)
            except BaseException:
                disk.close(fd)
                raise
        if self.snapshot is None:
            is_first = self.log.begins == FIRST_POSITION and self.log.is_empty()
            self.forget()
            if not is_first:  # what a crash leaves of the making of a state
                raise StoreRefused(self.path, f'it is missing, and its log "{path.name}" is there')

    def _open_to_read(self, refused: OSError) -> int:
        try:
            return disk.open_file(self.log_path, os.O_RDONLY)
        except OSError:
            raise refused from None

    def _demand_no_log(self) -> None:
        if self.snapshot is None or self.snapshot.format != FORMAT:
            return
        raise StoreRefused(
            log_path(self.path),
            "it is missing, and with it what was kept since the last compaction",
        )
