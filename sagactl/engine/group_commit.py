"""Between the drivers and the store: what was begun at the same time becomes durable at once.

Sixty-four runs that each wait for a disk of their own would wait for sixty-four syncs; here those
that ask while one sync is under way share the next. A run that is alone asks the store directly:
handing its sync to a thread would take longer than the sync.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sagactl.journal.store import Append, Store
from sagactl.machine.event import Event


class DirectCommit:
    """A commit for each append."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def append(self, run_id: str, events: Sequence[Event], state: str) -> None:
        """Keep the events, durable on return; raises StoreRefused."""
        self._store.append(run_id, events, state)


class GroupCommit:
    """A commit for all appends that wait. One failure is everybody's: nothing more is written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Append, asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "sync")

    async def append(self, run_id: str, events: Sequence[Event], state: str) -> None:
        """Keep the events, durable on return; raises StoreRefused."""
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append((Append(run_id, events, state), kept))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit())
        await kept

    async def aclose(self) -> None:
        """Wait for the commit that is under way."""
        if self._committing is not None:
            await self._committing
        self._thread.shutdown()

    async def _commit(self) -> None:
        # Everybody who is ready in this turn of the loop comes along.
        await asyncio.sleep(0)
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                self._store.write([append for append, _ in group])
                await asyncio.get_running_loop().run_in_executor(self._thread, self._store.sync)
            except Exception as error:
                for _, kept in group:
                    if not kept.done():
                        kept.set_exception(error)
            else:
                for _, kept in group:
                    if not kept.done():
                        kept.set_result(None)
        self._committing = None
