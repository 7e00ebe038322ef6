"""Several processes at one state, and processes that are killed (rows S and P of the catalogue)."""

import fcntl
import json
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest
from journal.samples import began, begun, count, pipe, worker

from sagactl.journal.compaction import compact
from sagactl.journal.store import RunHeld
from sagactl.journal.tinydb_store import TinyDBStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".sagactl" / "state.json"


def killed(process: "subprocess.Popen[str]") -> str:
    """Kill it where it stands; what it had said until then."""
    process.kill()
    rest = pipe(process.stdout).read()  # not communicate, which forgets what readline read ahead
    pipe(process.stdout).close()
    pipe(process.stdin).close()
    assert process.wait() == -signal.SIGKILL
    return rest


def test_S1_a_kill_at_any_instant_loses_nothing_acknowledged(path: Path) -> None:
    chance = random.Random(1)
    kept = 1
    begun(path)
    for _ in range(20):
        writer = worker("append", path, "order-1", 100_000)
        pipe(writer.stdin).write("\n")
        pipe(writer.stdin).flush()
        acknowledged = [int(pipe(writer.stdout).readline()) for _ in range(chance.randrange(1, 6))]
        for _ in range(chance.randrange(20_000)):  # fall into another instant of the next append
            pass
        acknowledged += [int(line) for line in killed(writer).splitlines()]
        assert acknowledged == list(range(kept, kept + len(acknowledged)))
        after = count(path)
        # One append may have been durable with nobody left to say so.
        assert kept + len(acknowledged) <= after <= kept + len(acknowledged) + 1
        kept = after
    begun(path, "order-2")
    assert count(path) == kept


def test_S2_a_kill_at_each_system_call_leaves_old_or_new(path: Path) -> None:
    begun(path)
    seen = []
    for nth in range(1, 100):
        before = count(path)
        writer = worker("die", path, "order-1", nth)
        said, _ = writer.communicate()
        after = count(path)
        if said:
            break
        assert writer.returncode == -signal.SIGKILL
        seen.append(after - before)
    assert said == "survived\n"
    # Old until the write, new after it; and there were calls on both sides of it.
    assert seen == sorted(seen)
    assert set(seen) == {0, 1}
    assert len(seen) >= 10


def test_S11_a_second_process_is_refused_and_told_who(path: Path) -> None:
    holder = worker("hold", path, "order-1")
    assert pipe(holder.stdout).readline() == "held\n"
    with (
        pytest.raises(RunHeld) as refusal,
        TinyDBStore(path, create=True).hold("order-1"),
    ):
        pass
    assert refusal.value.pid == holder.pid
    said, _ = worker("hold", path, "order-1").communicate()
    assert said.split()[:2] == ["refused", str(holder.pid)]
    holder.communicate()
    with TinyDBStore(path, create=True).hold("order-1"):
        pass


def test_S11_of_many_processes_one_is_inside(path: Path, tmp_path: Path) -> None:
    crowd = [worker("contend", path, "order-1", tmp_path / "mark", 50) for _ in range(6)]
    assert [process.communicate()[0] for process in crowd] == ["0\n"] * 6


def test_S12_processes_with_different_runs_lose_nothing(path: Path) -> None:
    crowd = {
        f"order-{number}": worker("append", path, f"order-{number}", 15) for number in range(6)
    }
    for process in crowd.values():
        pipe(process.stdin).write("\n")
        pipe(process.stdin).flush()
    for process in crowd.values():
        process.communicate()
        assert process.returncode == 0
    assert {run_id: count(path, run_id) for run_id in crowd} == dict.fromkeys(crowd, 16)


def test_S12_a_reader_never_waits_for_a_writer(path: Path) -> None:
    begun(path)
    with path.with_name("state.json.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert count(path) == 1


def test_S13_the_locked_file_is_never_the_one_that_is_replaced(path: Path) -> None:
    store = begun(path)
    with store.hold("order-1"):
        locks = [path.with_name("state.json.lock"), *path.parent.glob("*.locks/*")]
        before = [lock.stat().st_ino for lock in locks]
        files = [path, path.with_name("state.json.log")]
        inodes = [file.stat().st_ino for file in files]
        store.append("order-1", [began()], "pending")
        assert compact(path)
        assert not set(inodes) & {file.stat().st_ino for file in files}
    with store.hold("order-1"):
        store.append("order-1", [began(2)], "pending")
    assert len(locks) == 2
    assert [lock.stat().st_ino for lock in locks] == before


def test_S14_the_kernel_frees_the_run_of_a_killed_holder(path: Path) -> None:
    holder = worker("hold", path, "order-1")
    assert pipe(holder.stdout).readline() == "held\n"
    killed(holder)
    with TinyDBStore(path, create=True).hold("order-1"):
        pass


def test_S14_a_forged_name_in_a_lock_holds_nothing(path: Path) -> None:
    store = begun(path)
    with store.hold("order-1"):
        [lock] = path.with_name("state.json.locks").iterdir()
    lock.write_text(json.dumps({"pid": 1, "host": "a-longer-name-than-ours" * 9, "since": 1.0}))
    with store.hold("order-1"):
        with pytest.raises(RunHeld) as refusal, store.hold("order-1"):
            pass
        assert refusal.value.pid == os.getpid()


def test_P9_a_child_does_not_inherit_the_run(path: Path) -> None:
    holder = worker("hold-with-child", path, "order-1")
    word, child = pipe(holder.stdout).readline().split()
    assert word == "held"
    holder.kill()
    holder.wait()
    os.kill(int(child), 0)  # it lives on, waiting for its stdin to end
    with TinyDBStore(path, create=True).hold("order-1"):
        pass
    holder.communicate()


def test_P9_a_fork_does_not_keep_what_its_parent_let_go(path: Path) -> None:
    store = TinyDBStore(path, create=True)
    end, ours = os.pipe()
    with store.hold("order-1"):
        child = os.fork()
        if child == 0:
            os.close(ours)
            os.read(end, 1)
            os._exit(0)
    with store.hold("order-1"):
        pass
    os.close(ours)
    os.close(end)
    os.waitpid(child, 0)
