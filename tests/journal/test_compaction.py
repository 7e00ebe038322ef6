"""A new state from the old one and its log: when, in whose time, and what becomes of the rest.

What a crash, a full disk or damage does to it is told in the tests of faults.
"""

import fcntl
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from faults.process import wait_until
from journal.samples import began, begun, count, passed, started, story
from tinydb import TinyDB, where

from sagactl.journal import compaction
from sagactl.journal.codec import FORMAT
from sagactl.journal.compaction import compact, is_due
from sagactl.journal.line import Change, decode_header
from sagactl.journal.lock import Turn, alone
from sagactl.journal.store import Append, StoreRefused
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.journal.tinydb_table import JournalDB
from sagactl.journal.volume import FIRST_POSITION, Volume, log_path

BIG = replace(began(), body="x" * 200_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".sagactl" / "state.json"


def lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.compaction.lock")


def header_of(path: Path) -> tuple[int, int]:
    told = decode_header(log_path(path).read_bytes().partition(b"\n")[0])
    assert told is not None
    return told


def names(path: Path) -> set[str]:
    return {child.name for child in path.parent.iterdir() if child.is_file()}


def content(path: Path) -> dict[str, object]:
    store = TinyDBStore(path, create=False)
    found: dict[str, object] = {s.run_id: store.read(s.run_id) for s in store.summaries()}
    found["list"] = store.summaries()
    store.close()
    return found


# --- What it makes


def test_everything_is_as_it_was(path: Path) -> None:
    store = TinyDBStore(path, create=True)
    store.append("order-1", story(), "completed")
    store.append("order-2", [started("order-2", 2000.0)], "started")
    before = content(path)
    for _ in range(3):
        assert compact(path)
        assert content(path) == before
        assert store.read("order-1") == tuple(story())


def test_the_log_begins_where_the_state_ends(path: Path) -> None:
    store = begun(path)
    assert header_of(path) == (FORMAT, FIRST_POSITION)
    end = FIRST_POSITION + len(log_path(path).read_bytes().partition(b"\n")[2])
    assert compact(path)
    assert header_of(path) == (FORMAT, end)
    assert log_path(path).read_bytes().count(b"\n") == 1
    with TinyDB(path) as db:
        assert db.table("meta").all()[0]["position"] == end
    store.append("order-1", [began()], "pending")
    with TinyDB(path) as db:
        assert len(db.table("events")) == 1  # the rest is in the log
    assert compact(path)
    assert header_of(path)[1] > end


def test_what_was_removed_takes_no_room(path: Path) -> None:
    store = begun(path, "order-1", "order-2")
    assert compact(path)
    size = path.stat().st_size
    store.remove(["order-1"])
    assert compact(path)
    assert path.stat().st_size < size
    assert b"order-1" not in path.read_bytes()
    assert b"order-1" not in log_path(path).read_bytes()
    assert [summary.run_id for summary in store.summaries()] == ["order-2"]


def test_ids_are_never_given_again(path: Path) -> None:
    store = begun(path, "order-1", "order-2")
    with TinyDB(path) as db:
        assert len(db.table("events")) == 0
    assert compact(path)
    with TinyDB(path) as db:
        before = {document.doc_id for table in ("events", "runs") for document in db.table(table)}
    store.remove(["order-1", "order-2"])
    assert compact(path)
    begun(path, "order-3")
    assert compact(path)
    with TinyDB(path) as db:
        after = {document.doc_id for table in ("events", "runs") for document in db.table(table)}
    assert min(after) > max(before)


@pytest.mark.parametrize("run_id", ['a\n"\\b', "ключ \u2028", "\x7f", "a" * 300, "}", "crc"])
def test_a_run_of_any_name_is_found_again(path: Path, run_id: str) -> None:
    store = begun(path, run_id, "order-2")
    assert compact(path)
    assert store.read(run_id) == (started(run_id),)
    assert store.find(run_id) == run_id
    store.append(run_id, [began()], "pending")
    assert compact(path)
    assert count(path, run_id) == 2
    with TinyDB(path) as db:
        assert {run["run_id"] for run in db.table("runs")} == {run_id, "order-2"}


def test_stock_tinydb_searches_what_it_made(path: Path) -> None:
    store = begun(path, *(f"order-{number}" for number in range(30)))
    store.append_all([Append(f"order-{n}", [began()], "pending") for n in range(0, 30, 3)])
    assert compact(path)
    with TinyDB(path) as db:
        runs, events = db.table("runs"), db.table("events")
        assert {run["run_id"] for run in runs.search(where("state") == "pending")} == {
            f"order-{n}" for n in range(0, 30, 3)
        }
        assert events.count(where("run") == "order-3") == 2
        assert events.count(where("event")["type"] == "action_began") == 10
        assert len(runs) == 30


@pytest.mark.parametrize("in_the_log", [False, True])
def test_the_tables_of_others_are_kept(path: Path, in_the_log: bool) -> None:
    store = begun(path)
    with JournalDB(path) as ours:
        ours.table("notes").insert_multiple([{"n": n, "of": {"s": "ü\n"}} for n in range(3)])
        ours.table('a,\n"b').insert({"n": 1.5, "none": None})
        ours.table("notes").remove(where("n") == 1)
    assert compact(path)
    if in_the_log:
        with JournalDB(path) as ours:
            ours.table("notes").update({"n": 7}, where("n") == 2)
        store.append("order-1", [began()], "pending")
        assert compact(path)
    with TinyDB(path) as db:
        assert db.tables() == {"meta", "runs", "events", "notes", 'a,\n"b'}
        kept = [{"n": 0, "of": {"s": "ü\n"}}, {"n": 7 if in_the_log else 2, "of": {"s": "ü\n"}}]
        assert db.table("notes").all() == kept
        assert db.table('a,\n"b').all() == [{"n": 1.5, "none": None}]
    assert count(path) == 1 + in_the_log


def test_what_stock_tinydb_added_is_kept_too(path: Path) -> None:
    begun(path)
    assert compact(path)
    with TinyDB(path) as db:
        db.table("notes").insert({"who": "somebody"})
        db.table("more").insert({"n": 1})
        db.drop_table("more")
    for _ in range(2):
        assert compact(path)
    with TinyDB(path) as db:
        assert db.tables() == {"meta", "runs", "events", "notes"}
        assert db.table("notes").all() == [{"who": "somebody"}]


def test_nothing_but_the_two_files_and_the_locks_is_left(path: Path) -> None:
    begun(path)
    assert compact(path)
    locks = {"state.json.lock", "state.json.compaction.lock"}
    assert names(path) == {"state.json", "state.json.log", ".gitignore"} | locks


# --- When


def test_where_there_is_nothing_nothing_is_made(path: Path) -> None:
    path.parent.mkdir()
    assert not compact(path)
    assert names(path) == {"state.json.compaction.lock"}


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Every process that was begun in the background, so that a test can wait for its end."""
    begun_ones: list[subprocess.Popen[bytes]] = []
    begin: Any = subprocess.Popen

    def noted(*arguments: Any, **how: Any) -> "subprocess.Popen[bytes]":
        child: subprocess.Popen[bytes] = begin(*arguments, **how)
        begun_ones.append(child)
        return child

    monkeypatch.setattr(subprocess, "Popen", noted)
    yield begun_ones
    for child in begun_ones:
        child.kill()
        child.wait()


Children = list["subprocess.Popen[bytes]"]


def test_it_is_due_once_the_log_outgrows_the_state(
    path: Path, children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "SMALL_LOG", 1000)
    volume = Volume(path)
    volume.refresh()
    assert not is_due(volume)  # there is nothing
    store = begun(path)
    for least in (1000, 0):  # a short log is left alone; then it is the state that it outgrows
        with alone(lock_of(path)) as is_alone:
            assert is_alone
            while log_path(path).stat().st_size <= max(least, path.stat().st_size):
                volume.refresh()
                assert not is_due(volume)
                store.append("order-1", [passed(1.0)], "pending")
            assert least or path.stat().st_size > 1000
            volume.refresh()
            assert is_due(volume)
            assert [child.wait() for child in children] == [0]
            children.clear()
        assert compact(path)
    volume.refresh()
    assert not is_due(volume)
    volume.forget()


def grown(path: Path) -> TinyDBStore:
    """A state whose log is about to be too long."""
    store = begun(path)
    while log_path(path).stat().st_size <= compaction.SMALL_LOG - 210_000:
        store.append("order-1", [BIG], "pending")
    return store


def test_it_begins_by_itself_in_another_process(path: Path, children: Children) -> None:
    store = grown(path)
    assert children == []
    while not children:
        store.append("order-1", [BIG], "pending")
    store.append("order-1", [began()], "pending")  # nobody waits for it
    kept = store.read("order-1")
    [child] = children
    assert child.wait() == 0
    assert path.stat().st_size > compaction.SMALL_LOG
    assert log_path(path).stat().st_size < compaction.SMALL_LOG
    assert store.read("order-1") == TinyDBStore(path, create=False).read("order-1") == kept
    for _ in range(3):
        store.append("order-1", [BIG], "pending")
    assert children == [child]  # the new log is short


def test_a_store_begins_it_once_for_a_log(path: Path, children: Children) -> None:
    store = grown(path)
    with alone(lock_of(path)) as is_alone:
        assert is_alone
        for _ in range(5):
            store.append("order-1", [BIG], "pending")
        assert [child.wait() for child in children] == [0]  # somebody is at it, as it seems
        store.append("order-1", [BIG], "pending")
        assert len(children) == 1
    assert header_of(path) == (FORMAT, FIRST_POSITION)
    # The next process sees to it.
    TinyDBStore(path, create=False).append("order-1", [BIG], "pending")
    assert [child.wait() for child in children] == [0, 0]
    assert header_of(path)[1] > FIRST_POSITION
    assert count(path) == len(store.read("order-1"))


def test_a_process_that_cannot_be_begun_fails_no_append(
    path: Path, children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = grown(path)
    monkeypatch.setattr(sys, "executable", str(path.with_name("nowhere")))
    for _ in range(3):
        store.append("order-1", [BIG], "pending")
    assert log_path(path).stat().st_size > compaction.SMALL_LOG
    assert (children, header_of(path)) == ([], (FORMAT, FIRST_POSITION))
    assert count(path) == len(store.read("order-1"))


def test_one_is_at_it_at_a_time(path: Path) -> None:
    begun(path)
    before = path.read_bytes(), log_path(path).read_bytes()
    with alone(lock_of(path)) as is_alone:
        assert is_alone
        assert not compact(path)
    assert (path.read_bytes(), log_path(path).read_bytes()) == before
    assert compact(path)


def test_the_process_says_how_it_went(path: Path) -> None:
    command = [sys.executable, "-m", "sagactl.journal.compaction", str(path)]
    begun(path)
    assert subprocess.run(command, check=False).returncode == 0
    assert header_of(path)[1] > FIRST_POSITION
    log_path(path).unlink()
    refused = subprocess.run(command, check=False, capture_output=True)
    assert (refused.returncode, refused.stderr) == (7, b"")


# --- While others are at work


def test_what_is_added_during_it_is_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than may be copied while everybody waits, at each of the first moments; in order."""
    store, other = begun(path, "order-1", "order-2"), TinyDBStore(path, create=False)
    real, moments = os.fsync, 0

    def busy(fd: int) -> None:
        nonlocal moments
        real(fd)
        if moments < 3:  # then it has its turn
            moments += 1
            store.append("order-1", [BIG, passed(float(moments))], "pending")
            other.append("order-2", [BIG], "pending")

    monkeypatch.setattr(os, "fsync", busy)
    assert compact(path)
    assert moments == 3
    during = [event for moment in (1.0, 2.0, 3.0) for event in (BIG, passed(moment))]
    for reader in (store, other, TinyDBStore(path, create=False)):
        assert reader.read("order-1") == (started("order-1"), *during)
        assert reader.read("order-2") == (started("order-2"), BIG, BIG, BIG)
    assert log_path(path).stat().st_size > 6 * 200_000
    assert path.stat().st_size < 200_000  # the state is as of the beginning
    store.append("order-1", [began()], "pending")
    assert compact(path)
    assert count(path) == 8


def test_what_is_added_before_its_turn_comes_is_kept(path: Path) -> None:
    store = begun(path)
    with Turn(path.with_name("state.json.lock")).taken():
        child = forked(lambda: compact(path))
        wait_until(lambda: names(path) >= {"state.json.tmp", "state.json.log.tmp"})
        # What a store does once it has the turn.
        volume = Volume(path)
        volume.refresh()
        assert volume.log is not None
        volume.log.write([Change(b"notes", volume.end, b'{"who":"us"}')])
        volume.log.sync()
        volume.forget()
    assert ended(child) == 0
    assert header_of(path)[1] > FIRST_POSITION
    assert len(log_path(path).read_bytes().splitlines()) == 2
    with JournalDB(path) as ours:
        assert ours.table("notes").all() == [{"who": "us"}]
    assert store.read("order-1") == (started(),)


def test_a_log_that_is_replaced_during_it_is_left_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(path)
    real, is_first = os.fsync, True

    def replacing(fd: int) -> None:
        nonlocal is_first
        real(fd)
        if is_first:
            is_first = False
            log = log_path(path).read_bytes()
            log_path(path).unlink()
            log_path(path).write_bytes(log)

    monkeypatch.setattr(os, "fsync", replacing)
    before = path.read_bytes(), log_path(path).read_bytes()
    with pytest.raises(StoreRefused, match="its log was replaced"):
        compact(path)
    assert (path.read_bytes(), log_path(path).read_bytes()) == before
    assert compact(path)
    assert count(path) == 1
    assert not {name for name in names(path) if name.endswith(".tmp")}


def forked(work: Callable[[], object]) -> int:
    """A child that does it; its exit status says whether nothing went wrong."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    return pid


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def at_once(works: Sequence[Callable[[], object]]) -> list[int]:
    """Exit statuses of children that begin at the same moment."""
    gate, opening = os.pipe()

    def waiting(work: Callable[[], object]) -> None:
        os.close(opening)
        os.read(gate, 1)
        work()

    children = [forked(partial(waiting, work)) for work in works]
    os.close(opening)
    os.close(gate)
    return [ended(child) for child in children]


def test_S12_processes_compact_append_and_read_at_once(path: Path) -> None:
    rounds = 60
    runs = [f"order-{number}" for number in range(3)]
    begun(path, *runs)

    def appending(run_id: str) -> None:
        store = TinyDBStore(path, create=False)
        for number in range(rounds):
            store.append(run_id, [passed(float(number))], "pending")

    def compacting() -> None:
        for _ in range(rounds):
            compact(path)

    def reading() -> None:
        kept, seen = TinyDBStore(path, create=False), dict.fromkeys(runs, 1)
        while min(seen.values()) <= rounds:
            for store in (kept, TinyDBStore(path, create=False)):
                for run_id, least in seen.items():
                    seen[run_id] = len(store.read(run_id))
                    assert seen[run_id] >= least
                assert len(store.summaries()) == len(runs)

    works = [partial(appending, run_id) for run_id in runs]
    assert at_once([*works, compacting, compacting, reading]) == [0] * 6
    for run_id in runs:
        expected = (started(run_id), *(passed(float(number)) for number in range(rounds)))
        assert TinyDBStore(path, create=False).read(run_id) == expected
    assert header_of(path)[1] > FIRST_POSITION


def test_S12_the_first_processes_of_all_make_one_state(tmp_path: Path) -> None:
    for turn in range(8):
        path = tmp_path / str(turn) / "a" / "state.json"
        runs = [f"order-{number}" for number in range(8)]
        assert at_once([partial(begun, path, run_id) for run_id in runs]) == [0] * 8
        assert {run_id: count(path, run_id) for run_id in runs} == dict.fromkeys(runs, 1)
        assert header_of(path) == (FORMAT, FIRST_POSITION)
        assert names(path) == {"state.json", "state.json.log", "state.json.lock", ".gitignore"}


# --- Killed on the way

CALLS = ("open", "write", "pwrite", "pread", "fsync", "fdatasync", "rename", "unlink", "close",
         "mkdir", "stat", "fstat", "ftruncate")  # fmt: skip


def dying(work: Callable[[], object], nth: int) -> int:
    """Do it in a child that is killed right before its nth system call."""

    def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal nth
            nth -= 1
            if nth == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return counted

    def doomed() -> None:
        for name in CALLS:
            setattr(os, name, deadly(getattr(os, name)))
        fcntl.flock = deadly(fcntl.flock)
        work()

    return ended(forked(doomed))


def test_S2_a_compaction_killed_at_each_system_call_changes_nothing(path: Path) -> None:
    store = begun(path, "order-1", "order-2")
    with JournalDB(path) as ours:
        ours.table("notes").insert({"n": 1})
    store.append("order-1", [passed(1.0)], "pending")
    before, files = content(path), (path.read_bytes(), log_path(path).read_bytes())
    statuses: list[int] = []
    while 0 not in statuses:
        path.write_bytes(files[0])
        log_path(path).write_bytes(files[1])
        statuses.append(dying(lambda: compact(path), len(statuses) + 1))
        assert content(path) == before
        assert store.read("order-1") == (started(), passed(1.0))
        store.close()  # the test puts old files back
    assert set(statuses[:-1]) == {-signal.SIGKILL}
    assert len(statuses) > 30
    assert compact(path)
    with TinyDB(path) as db:
        assert db.table("notes").all() == [{"n": 1}]
    assert not {name for name in names(path) if name.endswith(".tmp")}


def test_S2_a_state_whose_making_is_killed_at_each_system_call_is_made_by_the_next(
    tmp_path: Path,
) -> None:
    statuses: list[int] = []
    kept = []
    while 0 not in statuses:
        path = tmp_path / str(len(statuses)) / ".sagactl" / "state.json"
        statuses.append(dying(lambda path=path: begun(path), len(statuses) + 1))  # type: ignore[misc]
        kept.append(len(TinyDBStore(path, create=False).summaries()))
        begun(path, "order-2")
        assert count(path, "order-2") == 1
        assert len(TinyDBStore(path, create=False).summaries()) == kept[-1] + 1
        assert (path.parent / ".gitignore").read_text() == "*\n"
    assert set(statuses[:-1]) == {-signal.SIGKILL}
    assert kept == sorted(kept)
    assert set(kept) == {0, 1}
    assert len(statuses) > 30
