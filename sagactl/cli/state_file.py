"""Where runs are kept, and how one is found again.

Real runs and sandboxed ones live in two files of one folder, so that neither can be taken for the
other. An ID is looked for in the real ones first.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sagactl.cli.refusal import Refused
from sagactl.cli.state_path import DEFAULT, ledger_path, sandbox_path
from sagactl.definition.loader import rebuild
from sagactl.journal.store import RunNotFound, Store
from sagactl.machine.event import Event
from sagactl.machine.plan import Plan, make_plan
from sagactl.machine.run import Run, replay
from sagactl.source.place import Source

if TYPE_CHECKING:
    from sagactl.journal.export import ExportStore
    from sagactl.journal.tinydb_store import TinyDBStore


@dataclass(frozen=True)
class StateFiles:
    """The two state files and the sandbox's ledger."""

    real: Path
    option: str = ""  # how a command names them, where they are not found by themselves
    allow_network: bool = False

    @property
    def sandbox(self) -> Path:
        return sandbox_path(self.real)

    @property
    def ledger(self) -> Path:
        return ledger_path(self.real)

    def path(self, *, sandbox: bool) -> Path:
        return self.sandbox if sandbox else self.real

    @contextmanager
    def open(self, *, sandbox: bool, create: bool = False) -> Iterator[Store]:
        store = self._store(sandbox=sandbox, create=create)
        try:
            yield store
        finally:
            store.close()

    def _store(self, *, sandbox: bool, create: bool) -> "ExportStore | TinyDBStore":
        """An export is known by its first bytes; it is for those who look, and has no sandbox."""
        from sagactl.journal.export import ExportStore, is_export, unwritable

        if is_export(self.real):
            if create:
                raise unwritable(self.real)
            if not sandbox:
                return ExportStore(self.real)
        from sagactl.journal.tinydb_store import TinyDBStore

        path = self.path(sandbox=sandbox)
        return TinyDBStore(path, create=create, allow_network=self.allow_network)


def state_files(option: Path | None, *, allow_network: bool = False) -> StateFiles:
    """The files that `--state`, else SAGACTL_STATE, else the working directory name."""
    path = option if option is not None else Path(os.environ.get("SAGACTL_STATE") or DEFAULT)
    if path.is_dir():
        raise Refused(f"{path}: the state is a file, and this is a folder")
    named = f" --state {shlex.quote(str(option))}" if option is not None else ""
    return StateFiles(path, named, allow_network)


@dataclass(frozen=True)
class Kept:
    """A run as it is kept, with the plan it began with."""

    run: Run
    plan: Plan
    events: tuple[Event, ...]
    sandbox: bool


def find_run(files: StateFiles, prefix: str) -> Kept:
    """The run whose ID begins with `prefix`; RunNotFound, RunAmbiguous."""
    try:
        return _read(files, prefix, sandbox=False)
    except RunNotFound:
        try:
            return _read(files, prefix, sandbox=True)
        except RunNotFound:
            pass
        raise


def _read(files: StateFiles, prefix: str, *, sandbox: bool) -> Kept:
    with files.open(sandbox=sandbox) as store:
        return read_run(store, store.find(prefix))


def read_run(store: Store, run_id: str) -> Kept:
    """The run with exactly this ID."""
    events = store.read(run_id)
    run = replay(events)
    return Kept(run, plan_of(run), events, run.sandbox)


def plan_of(run: Run) -> Plan:
    """The plan of the definition that the run began with, whatever the file says now."""
    return _plan(run.definition, tuple(run.children.items()), run.sandbox)


@lru_cache(maxsize=16)
def _plan(definition: Source, children: tuple[tuple[str, str], ...], sandbox: bool) -> Plan:
    """One plan for all runs of one definition: of a batch there may be thousands."""
    saga = rebuild(definition, dict(children))
    if sandbox:
        from sagactl.rehearsal.stage import staged

        saga = staged(saga)
    return make_plan(saga)
