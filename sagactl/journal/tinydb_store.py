"""The journal in one file that TinyDB reads: `TinyDB(path)` of anybody shows three tables.

`meta` says which format this is, `runs` has one document per run (its summary, and how many events
it has), `events` one per event (`run`, `seq` from 1, `event`). An append takes a short lock, reads
the file anew if another process changed it, and replaces it as a whole, so that it is durable when
it returns and no process loses what another wrote. Readers take no lock: they see the file as it
was before or after a write, never between.

TinyDB's own file storage is deliberately not used: it writes in place, and a crash on the way
leaves a file that nobody can read. Damage is told and never repaired. A damaged event concerns its
own run alone; every other run can still be read.
"""

import copy
import errno
import gc
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tinydb import TinyDB, where
from tinydb.storages import Storage as TinyStorage
from tinydb.table import Document

from sagactl.journal import disk, lock
from sagactl.journal.codec import FORMAT, build, canonical, decode, plain_record
from sagactl.journal.refusal import RunNotFound, StateDamaged, StoreRefused, refusing
from sagactl.journal.store import Summary, matching, newest_first, summary_after
from sagactl.machine.event import Event
from sagactl.source.node import Json

Tables = dict[str, dict[str, Json]]

TABLES = ("meta", "runs", "events")

# TinyDB makes numbers of them, and a second spelling of the same number would take its place.
DOCUMENT_ID = re.compile(r"[1-9][0-9]{0,17}")


class TinyDBStore:
    """A Store in the file at `path`; where that is missing, `create` says whether to make it.

    Nothing is made before the first `append` or `hold`. Its locks lie beside it.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self._path = path
        self._create = create
        self._file = StateFile(path)
        self._made_folder = False
        self._refusal: StoreRefused | None = None

    def append(self, run_id: str, events: Sequence[Event], state: str) -> None:
        if not events:
            return
        if self._refusal is not None:
            raise self._refusal.again()
        records = [plain_record(event) for event in events]
        try:
            self._prepare()
            with lock.exclusive(self._path.with_name(f"{self._path.name}.lock")):
                self._file.refresh()
                if self._file.read() is None:
                    self._keep_from_git()
                self._stage(run_id, events, records, state)
                self._file.commit()
        except BaseException as error:
            # Half an append may be staged, and only the disk knows what was kept.
            self._file.forget()
            if isinstance(error, StoreRefused):
                self._refusal = error
            raise

    def read(self, run_id: str) -> tuple[Event, ...]:
        self._file.refresh()
        kept = self._kept(run_id)
        if kept is None:
            raise RunNotFound(run_id)
        _, _, count = kept
        found = self._file.db.table("events").search(where("run") == run_id)
        in_order = sorted(found, key=self._seq)
        if [document["seq"] for document in in_order] != list(range(1, count + 1)):
            reason = f'the {count} events of run "{run_id}" are not all there once'
            raise self._damaged('table "events"', reason)
        return tuple(self._event(document) for document in in_order)

    def summaries(self) -> list[Summary]:
        self._file.refresh()
        oldest_first = sorted(self._file.db.table("runs"), key=lambda document: document.doc_id)
        return newest_first([self._summary(document)[0] for document in oldest_first])

    def find(self, prefix: str) -> str:
        return matching(prefix, [summary.run_id for summary in self.summaries()])

    @contextmanager
    def hold(self, run_id: str) -> Iterator[None]:
        self._prepare()
        locks = self._path.with_name(f"{self._path.name}.locks")
        with refusing(locks):
            disk.make_folder(locks)
            if locks.is_symlink():
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        with lock.holding(locks / lock.lock_name(run_id), run_id):
            yield

    def close(self) -> None:
        """Let go of what is in memory; what is on the disk needs no closing."""
        self._file.forget()

    def _prepare(self) -> None:
        with refusing(self._path):
            if not self._create and disk.stamp(self._path) is None:
                raise StoreRefused(self._path, "there is no such file")
            self._made_folder |= disk.make_folder(self._path.parent)

    def _stage(self, run_id: str, events: Sequence[Event], records: list[Json], state: str) -> None:
        """Change the tables in memory."""
        kept = self._kept(run_id)
        before, count = (kept[1], kept[2]) if kept else (None, 0)
        summary = summary_after(run_id, before, events, state, self._path)
        db = self._file.db
        db.table("events").insert_multiple(
            {"run": run_id, "seq": seq, "event": record}
            for seq, record in enumerate(records, count + 1)
        )
        document = {**asdict(summary), "events": count + len(records)}
        if kept:
            db.table("runs").update(document, doc_ids=[kept[0]])
        else:
            db.table("runs").insert(document)
        if not len(db.table("meta")):
            db.table("meta").insert({"format": FORMAT})

    def _keep_from_git(self) -> None:
        """States hold what customers sent; only a folder of our own is told to git like this."""
        if not self._made_folder and self._path.parent.name != ".sagactl":
            return
        ignore = self._path.with_name(".gitignore")
        with refusing(ignore):
            disk.write_where_empty(ignore, b"*\n")

    def _kept(self, run_id: str) -> tuple[int, Summary, int] | None:
        """The id of the run's document, its summary and the number of its events."""
        found = self._file.db.table("runs").search(where("run_id") == run_id)
        if len(found) > 1:
            raise self._damaged('table "runs"', f'run "{run_id}" is there {len(found)} times')
        return (found[0].doc_id, *self._summary(found[0])) if found else None

    def _summary(self, document: Document) -> tuple[Summary, int]:
        at = f'document {document.doc_id} of table "runs"'
        values = dict(document)
        count = values.pop("events", None)
        if type(count) is not int or count < 1:
            raise self._damaged(at, 'a run has a number of "events"')
        return build(Summary, values, self._path, at), count

    def _seq(self, document: Document) -> int:
        seq = document.get("seq")
        if type(seq) is not int:
            raise self._damaged(f'document {document.doc_id} of table "events"', 'it has no "seq"')
        return seq

    def _event(self, document: Document) -> Event:
        at = f'document {document.doc_id} of table "events"'
        # A copy, or whoever changes what they were given changes what is written next.
        return decode(copy.deepcopy(document.get("event")), self._path, at)

    def _damaged(self, at: str, reason: str) -> StateDamaged:
        return StateDamaged(self._path, at, reason)


class StateFile(TinyStorage):
    """What TinyDB reads and writes: tables in memory, which only `commit` puts on the disk.

    TinyDB writes after each changed table, and an append changes several, all or none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tables: Tables | None = None
        self.forget()

    def read(self) -> Tables | None:
        return self._tables

    def write(self, data: Tables) -> None:
        self._tables = data

    def forget(self) -> None:
        """Know nothing: the next `refresh` reads."""
        self._known = False
        self._take(None, None)

    def refresh(self) -> None:
        """Read the file unless it is the very one that was read, or written, last."""
        with refusing(self._path):
            if self._known and disk.stamp(self._path) == self._stamp:
                return
            whole = disk.read_whole(self._path)
        if whole is None:
            self._take(None, None)
        else:
            content, stamp = whole
            self._take(_tables(self._path, content), stamp)
        self._known = True

    def commit(self) -> None:
        try:
            content = canonical(self._tables).encode("ascii")
        except ValueError as error:  # not from us: a 1e999 that somebody wrote into the file
            raise StateDamaged(self._path, "an unknown offset", str(error)) from None
        with refusing(self._path):
            disk.write_whole(self._path, content)
            self._stamp = disk.stamp(self._path)

    def _take(self, tables: Tables | None, stamp: disk.Stamp | None) -> None:
        self._tables = tables
        self._stamp = stamp
        # A new one each time: TinyDB remembers answers and the next free document id, and writes
        # over the document of another process if that is no longer free.
        self.db = TinyDB(storage=lambda: self)


def _tables(path: Path, content: bytes) -> Tables:
    """The tables of a state file, with the shape that TinyDB relies on; raises StateDamaged."""
    tables = _parsed(path, content)
    if not isinstance(tables, dict):
        raise StateDamaged(path, "its top", "a state is a map of tables")
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise StateDamaged(path, f'table "{name}"', "a table is a map of documents")
        for key, document in table.items():
            if not (DOCUMENT_ID.fullmatch(key) and isinstance(document, dict)):
                raise StateDamaged(
                    path, f'document {key} of table "{name}"', "it is a map under a number"
                )
    _demand_format(path, tables)
    for name in TABLES:
        if name not in tables:
            raise StateDamaged(path, "its top", f'there is no table "{name}"')
    return tables


def _parsed(path: Path, content: bytes) -> Json:
    if not content:
        raise StateDamaged(path, "offset 0", "the file is empty")
    collecting = gc.isenabled()
    gc.disable()  # so many new dicts, and no garbage: collecting makes it five times slower
    try:
        return json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise StateDamaged(path, f"offset {error.start}", "it is not UTF-8") from None
    except json.JSONDecodeError as error:
        at = f"offset {error.pos} (line {error.lineno}, column {error.colno})"
        raise StateDamaged(path, at, f"it is not JSON: {error.msg.lower()}") from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, a thousand brackets
        raise StateDamaged(path, "an unknown offset", str(error)) from None
    finally:
        if collecting:
            gc.enable()


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _demand_format(path: Path, tables: Tables) -> None:
    documents = list(tables.get("meta", {}).values())
    written = documents[0].get("format") if len(documents) == 1 else None
    if type(written) is not int or written < 1:
        raise StateDamaged(path, 'table "meta"', 'it does not say which "format" this is')
    if written > FORMAT:
        raise StoreRefused(
            path,
            f"it has format {written}, written by a newer sagactl; this one reads {FORMAT}",
        )
