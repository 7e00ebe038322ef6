"""The journal as its users see it: append, read, list, find, hold.

An append keeps all of its events or none, and they are durable when it returns. After one refusal
a store refuses every later append: what a failed write left behind is only known after reading
anew. `MemoryStore` keeps the same promises but for the disk. A store is used from one thread.

The state in a summary is handed in by the caller and kept only to make listing cheap: where a run
stands is seen in its events, and nowhere else.
"""

import json
import os
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from sagactl.journal.codec import NOWHERE, canonical, decode, plain_record
from sagactl.journal.refusal import (
    RunAmbiguous,
    RunHeld,
    RunNotFound,
    StateDamaged,
    StoreRefused,
)
from sagactl.machine.event import Event, RunStarted

__all__ = [
    "Append",
    "MemoryStore",
    "RunAmbiguous",
    "RunHeld",
    "RunNotFound",
    "StateDamaged",
    "Store",
    "StoreRefused",
    "Summary",
]


@dataclass(frozen=True, slots=True)
class Summary:
    """One line of a list of runs; times in seconds since 1970-01-01 UTC."""

    run_id: str
    saga: str
    version: int | str
    state: str
    started_at: float
    updated_at: float
    sandbox: bool
    tags: dict[str, str] = field(default_factory=dict)


class Append(NamedTuple):
    """Events of one run, and the state in which they leave it."""

    run_id: str
    events: Sequence[Event]
    state: str


class Store(Protocol):
    """Where the events of all runs are kept."""

    def append(self, run_id: str, events: Sequence[Event], state: str) -> None:
        """Keep all of `events` or none, durable on return; `state` is where they leave the run.

        Raises StoreRefused where the disk or the state does not allow it, and ValueError for
        events that could not be read back: values beyond JSON, a run that begins twice.
        """

    def append_all(self, appends: Sequence[Append]) -> None:
        """As `append`, for many runs at once, each of them once: all is kept or none."""

    def write(self, appends: Sequence[Append]) -> None:
        """The first half of `append_all`: it counts when `sync` has returned, and only then."""

    def sync(self) -> None:
        """The second half; it may be called from another thread, while nobody calls `write`."""

    def reserve(self, size: int) -> None:
        """See to it that the next `size` bytes of events find room; raises StoreRefused."""

    def read(self, run_id: str) -> tuple[Event, ...]:
        """Every event of the run, oldest first; raises RunNotFound."""

    def summaries(self) -> list[Summary]:
        """Every run, the newest first."""

    def find(self, prefix: str) -> str:
        """The one id that is `prefix`, or begins with it; raises RunNotFound or RunAmbiguous."""

    def hold(self, run_id: str) -> AbstractContextManager[None]:
        """Be the only one that goes on with the run; raises RunHeld where another is.

        Hold first, then read: what was read before may be old.
        """


class MemoryStore:
    """A store that ends with its process, for rehearsals and tests."""

    def __init__(self) -> None:
        self._summaries: dict[str, Summary] = {}
        # The very text a file would hold, so that a rehearsal resumes from what a real run would.
        self._texts: dict[str, list[str]] = {}
        self._held: dict[str, float] = {}
        self._refusal: StoreRefused | None = None

    def append(self, run_id: str, events: Sequence[Event], state: str) -> None:
        self.append_all([Append(run_id, events, state)])

    def append_all(self, appends: Sequence[Append]) -> None:
        self.write(appends)
        self.sync()

    def write(self, appends: Sequence[Append]) -> None:
        if self._refusal is not None:
            raise self._refusal.again()
        demand_distinct(appends)
        summaries: dict[str, Summary] = {}
        texts: dict[str, list[str]] = {}
        for run_id, events, state in appends:
            if not events:
                continue
            texts[run_id] = [canonical(plain_record(event)) for event in events]
            try:
                before = self._summaries.get(run_id)
                summaries[run_id] = summary_after(run_id, before, events, state, NOWHERE)
            except StoreRefused as refusal:
                self._refusal = refusal
                raise
        self._summaries.update(summaries)
        for run_id, its_texts in texts.items():
            self._texts.setdefault(run_id, []).extend(its_texts)

    def sync(self) -> None:
        pass

    def reserve(self, size: int) -> None:
        pass

    def read(self, run_id: str) -> tuple[Event, ...]:
        if run_id not in self._texts:
            raise RunNotFound(run_id)
        return tuple(decode(json.loads(text)) for text in self._texts[run_id])

    def summaries(self) -> list[Summary]:
        return newest_first(self._summaries.values())

    def find(self, prefix: str) -> str:
        return matching(prefix, self._summaries)

    @contextmanager
    def hold(self, run_id: str) -> Iterator[None]:
        if run_id in self._held:
            raise RunHeld(run_id, os.getpid(), socket.gethostname(), self._held[run_id])
        self._held[run_id] = time.time()
        try:
            yield
        finally:
            del self._held[run_id]


def demand_distinct(appends: Sequence[Append]) -> None:
    """Raise ValueError where a run is appended to twice."""
    if len({append.run_id for append in appends}) < len(appends):
        raise ValueError("a commit takes one append of a run")


def summary_after(
    run_id: str, before: Summary | None, events: Sequence[Event], state: str, path: Path
) -> Summary:
    """The summary of a run once `events` are appended; says no where they cannot follow."""
    first = events[0]
    begins = [event for event in events if isinstance(event, RunStarted)]
    if before is not None and begins:
        raise ValueError(f'run "{run_id}" has begun already')
    if before is None:
        if not isinstance(first, RunStarted):
            # The state was there when the run was read: somebody took it away underneath.
            raise StoreRefused(path, f'run "{run_id}" is not in it')
        if len(begins) > 1 or first.run_id != run_id:
            raise ValueError(f'run "{run_id}" cannot begin as "{begins[-1].run_id}"')
        before = Summary(
            run_id, first.saga, first.version, state, first.at, first.at, first.sandbox, first.tags
        )
    updated_at = max(before.updated_at, *(event.at for event in events))
    return replace(before, state=state, updated_at=updated_at)


def newest_first(oldest_first: Iterable[Summary]) -> list[Summary]:
    """By the time of their beginning; of two that began at once, the later one kept is newer."""
    by_age = sorted(oldest_first, key=lambda summary: summary.started_at)
    return by_age[::-1]


def matching(prefix: str, run_ids: Iterable[str]) -> str:
    """The id that is `prefix`, else the only one that begins with it."""
    candidates = [run_id for run_id in run_ids if run_id.startswith(prefix)]
    if prefix in candidates:
        return prefix
    if not candidates or not prefix:
        raise RunNotFound(prefix)
    if len(candidates) > 1:
        raise RunAmbiguous(prefix, sorted(candidates))
    return candidates[0]
