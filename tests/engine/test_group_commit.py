"""Many drivers, one disk: what waits together becomes durable together."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from journal.samples import passed, started

from sagactl.engine.group_commit import DirectCommit, GroupCommit
from sagactl.journal.store import Append, MemoryStore, StoreRefused


class SlowDisk(MemoryStore):
    """A store whose sync ends when the test says so, and which tells what was written with it."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[list[str]] = []
        self.may_sync = threading.Semaphore(0)
        self.is_full = False

    def write(self, appends: Sequence[Append]) -> None:
        super().write(appends)
        self.commits.append([append.run_id for append in appends])

    def sync(self) -> None:
        self.may_sync.acquire()
        if self.is_full:
            raise StoreRefused(self.path, "no space left on device (ENOSPC)")

    @property
    def path(self):  # type: ignore[no-untyped-def]
        from pathlib import Path

        return Path("state.json")


def begun(group: GroupCommit, run_id: str) -> "asyncio.Task[None]":
    return asyncio.create_task(group.append(run_id, [started(run_id)], "started"))


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_what_waits_together_shares_a_commit() -> None:
    async def story() -> list[list[str]]:
        disk = SlowDisk()
        group = GroupCommit(disk)
        first = [begun(group, name) for name in "abc"]
        await turns()
        later = [begun(group, name) for name in "de"]
        await turns()
        assert not any(task.done() for task in [*first, *later])
        disk.may_sync.release()
        await asyncio.gather(*first)
        assert not any(task.done() for task in later)
        disk.may_sync.release()
        await asyncio.gather(*later)
        await group.aclose()
        return disk.commits

    assert asyncio.run(story()) == [["a", "b", "c"], ["d", "e"]]


def test_a_failure_is_everybodys() -> None:
    async def story() -> list[object]:
        disk = SlowDisk()
        disk.is_full = True
        group = GroupCommit(disk)
        tasks = [begun(group, name) for name in "abc"]
        disk.may_sync.release()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        await group.aclose()
        return list(ended)

    assert [type(error) for error in asyncio.run(story())] == [StoreRefused] * 3


def test_who_no_longer_waits_does_not_disturb_the_others() -> None:
    async def story() -> SlowDisk:
        disk = SlowDisk()
        group = GroupCommit(disk)
        gone, stays = begun(group, "gone"), begun(group, "stays")
        await turns()
        gone.cancel()
        disk.may_sync.release()
        await stays
        await group.aclose()
        return disk

    # What was handed over is kept: nobody can say any more that it was not.
    assert asyncio.run(story()).read("gone") == (started("gone"),)


def test_a_commit_that_was_begun_ends_before_the_group_is_closed() -> None:
    async def story() -> tuple[bool, int]:
        disk = SlowDisk()
        group = GroupCommit(disk)
        task = begun(group, "a")
        await turns()
        disk.may_sync.release()
        await group.aclose()
        await task
        return task.done(), len(disk.commits)

    assert asyncio.run(story()) == (True, 1)


def test_a_run_that_is_alone_asks_the_store_itself() -> None:
    async def story() -> MemoryStore:
        store = MemoryStore()
        commit = DirectCommit(store)
        await commit.append("a", [started("a")], "started")
        await commit.append("a", [passed(2000.0)], "pending")
        return store

    assert asyncio.run(story()).read("a") == (started("a"), passed(2000.0))


def test_a_store_that_refused_is_asked_no_more() -> None:
    async def story() -> None:
        disk = SlowDisk()
        group = GroupCommit(disk)
        with pytest.raises(StoreRefused, match="is not in it"):
            await group.append("nobody", [passed(1.0)], "pending")
        with pytest.raises(StoreRefused, match="nothing more is written"):
            await group.append("a", [started("a")], "started")
        await group.aclose()

    asyncio.run(story())
