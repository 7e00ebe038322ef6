"""Many sagas and much of a history (row S17 of the catalogue).

What it costs is counted and never timed: the bytes that a process reads and writes, by the kernel's
own count, the calls that its Python makes, and the memory that it is allowed to have.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import Cli
from journal.samples import began, passed, started, succeeded, unknown

from sagactl.journal import compaction
from sagactl.journal.compaction import compact
from sagactl.journal.store import Append
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.journal.volume import log_path

FEW, MANY = 100, 10_000
CHUNK = 500
GIB = 1 << 30

# What a Python with sagactl in it takes is a quarter of this.
LISTING_RSS = 150 << 20
# What the kernel says of a child begins with the process it was forked from, which this test suite
# must not be: a small one is put between, and writes on standard error.
MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
# Private and writable memory: a file that is mapped to be read does not count.
LITTLE_DATA = 128 << 20


@pytest.fixture(autouse=True)
def _no_other_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log grows as long as it may, so that nobody replaces it while the work is counted."""
    monkeypatch.setattr(compaction, "SMALL_LOG", 1 << 50)


def run_id(number: int) -> str:
    return f"order-{number:06}"


def waiting(number: int, more: str = "") -> Append:
    """A saga that waits to send its request again; `more` is in what it sends."""
    name = run_id(number)
    sent = replace(began(), body=json.dumps({"amount": number, "more": more}))
    return Append(name, [started(name, 1000.0 + number), sent, unknown()], "pending")


def add(path: Path, numbers: range, more: str = "", chunk: int = CHUNK) -> None:
    store = TinyDBStore(path, create=True)
    for begin in range(numbers.start, numbers.stop, chunk):
        some = range(begin, min(begin + chunk, numbers.stop))
        store.append_all([waiting(number, more) for number in some])
    store.close()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, bytes]]:
    """States of few and of many sagas: a part of them in the log, as after a compaction."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "SMALL_LOG", 1 << 50)
        for count in (FEW, MANY):
            path = tmp_path_factory.mktemp(f"of-{count}") / "state.json"
            add(path, range(count - FEW // 2))
            assert compact(path)
            add(path, range(count - FEW // 2, count))
            found[count] = {p.name: p.read_bytes() for p in (path, log_path(path))}
    return found


@pytest.fixture
def states(tmp_path: Path, kept: dict[int, dict[str, bytes]]) -> dict[int, Path]:
    """The states of few and of many sagas, this test's own."""
    found = {}
    for count, files in kept.items():
        folder = tmp_path / str(count)
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
            (folder / name).chmod(0o600)  # else the first writer changes it, and all is read anew
        found[count] = folder / "state.json"
    return found


class Work(NamedTuple):
    """What some code cost: system calls, bytes, and calls of Python or C functions."""

    read_bytes: int
    written_bytes: int
    reads: int
    writes: int
    calls: int


@contextmanager
def counted() -> Iterator[list[Work]]:
    """One Work, once it is over."""
    found: list[Work] = []
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before, profile = accounted(), sys.getprofile()
    sys.setprofile(count)
    try:
        yield found
    finally:
        sys.setprofile(profile)
        after = accounted()
        names = ("rchar", "wchar", "syscr", "syscw")
        read, written, reads, writes = (after[name] - before[name] for name in names)
        found.append(Work(read, written, reads, writes, calls))


def accounted() -> dict[str, int]:
    lines = Path("/proc/self/io").read_text().splitlines()
    return {name: int(number) for name, number in (line.split(": ") for line in lines)}


def cost(state: Path, action: Callable[[Path], object]) -> Work:
    with counted() as found:
        action(state)
    return found[0]


def demand_same(few: Work, many: Work) -> None:
    """But for the digits of greater numbers."""
    assert few.calls > 50
    for before, after in zip(few, many, strict=True):
        assert after <= 1.1 * before + 100, (few, many)


# --- A transition


def test_S17_a_transition_costs_the_same_among_ten_thousand_sagas(states: dict[int, Path]) -> None:
    costs = {}
    for count, path in states.items():
        store = TinyDBStore(path, create=False)
        # The first looks, and the first few decide that an index is worth it.
        for number in range(20):
            store.append(run_id(number), [passed(1.0)], "pending")

        def move_thirty(_: Path, store: TinyDBStore = store) -> None:
            for number in range(20, 50):
                store.append(run_id(number), [succeeded()], "pending")

        costs[count] = cost(path, move_thirty)
        store.close()
    demand_same(costs[FEW], costs[MANY])
    assert costs[MANY].written_bytes > 30 * 100


def test_S17_a_process_that_opens_ten_thousand_sagas_to_move_one_reads_as_little(
    states: dict[int, Path],
) -> None:
    for path in states.values():
        move(path, run_id(7))  # makes the folder of the locks
    costs = {
        count: cost(path, lambda path: move(path, run_id(8))) for count, path in states.items()
    }
    demand_same(costs[FEW], costs[MANY])


def move(path: Path, name: str) -> None:
    """What a process does that goes on with one saga."""
    store = TinyDBStore(path, create=False)
    with store.hold(name):
        assert len(store.read(name)) == 3
        store.append(name, [succeeded()], "pending")
    store.close()


def test_S17_a_commit_of_many_costs_the_same_among_ten_thousand_sagas(
    states: dict[int, Path],
) -> None:
    costs = {}
    for count, path in states.items():
        store = TinyDBStore(path, create=False)
        store.append_all([Append(run_id(n), [passed(1.0)], "pending") for n in range(20)])
        many = [Append(run_id(n), [succeeded()], "pending") for n in range(20, 50)]
        costs[count] = cost(path, lambda _, store=store, many=many: store.append_all(many))  # type: ignore[misc]
        store.close()
    demand_same(costs[FEW], costs[MANY])


def test_S17_another_process_reads_no_more_than_what_is_new(states: dict[int, Path]) -> None:
    costs = {}
    for count, path in states.items():
        writer, reader = (TinyDBStore(path, create=False) for _ in range(2))
        for number in range(20):
            reader.read(run_id(number))
        for number in range(30):
            writer.append(run_id(number), [succeeded()], "pending")
        added = 30 * (log_path(path).stat().st_size // 30)

        def look(_: Path, reader: TinyDBStore = reader) -> None:
            for number in range(30):
                assert len(reader.read(run_id(number))) == 4

        costs[count] = cost(path, look)
        assert costs[count].read_bytes < 2 * added
        writer.close()
        reader.close()
    demand_same(costs[FEW], costs[MANY])


# --- A list


def listed(cli: Cli, state: Path, *more: str) -> tuple[list[dict[str, Any]], int]:
    """What `list` says of a state, and how much memory it had at most."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            MEASURED,
            *cli.command("list", "--state", state, "-o", "json", *more),
        ],
        cwd=cli.folder,
        env=cli.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    return json.loads(done.stdout), int(done.stderr) * 1024


def test_S17_ten_thousand_waiting_sagas_are_listed(cli: Cli, states: dict[int, Path]) -> None:
    every, rss = listed(cli, states[MANY], "--status", "pending", "--limit", str(2 * MANY))
    assert [saga["id"] for saga in every] == [run_id(n) for n in range(MANY)][::-1]
    assert {saga["state"] for saga in every} == {"pending"}
    assert rss < LISTING_RSS
    newest, _ = listed(cli, states[MANY])
    assert newest == every[:100]
    none, _ = listed(cli, states[MANY], "--status", "completed")
    assert none == []


def test_S17_a_list_of_what_was_never_compacted_takes_no_more_memory(
    cli: Cli, tmp_path: Path
) -> None:
    path = tmp_path / "state.json"
    add(path, range(MANY))
    assert log_path(path).stat().st_size > 100 * path.stat().st_size
    every, rss = listed(cli, path, "--limit", str(MANY))
    assert len(every) == MANY
    assert rss < LISTING_RSS


# --- A gigabyte


def with_little_memory(cli: Cli, *arguments: str | Path) -> str:
    """What a Python says that may have so much memory of its own, and no more."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cli.folder,
        env=cli.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (LITTLE_DATA, LITTLE_DATA)),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def work_with(cli: Cli, path: Path, count: int) -> None:
    """Everything that is done with one saga, and the list of them all."""
    named = ("-m", "sagactl")
    state = ("--state", path)
    told = with_little_memory(cli, *named, "list", *state, "-o", "json", "--limit", str(count))
    assert [saga["id"] for saga in json.loads(told)] == [run_id(n) for n in range(count)][::-1]
    for number in (0, count // 2, count - 1):
        shown = with_little_memory(cli, *named, "history", run_id(number), *state, "-o", "json")
        assert len(json.loads(shown)) == 3


def test_S17_a_compaction_takes_no_more_memory_than_a_saga(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    add(path, range(300), "x" * 500_000, chunk=20)
    assert log_path(path).stat().st_size > LITTLE_DATA
    with_little_memory(cli, "-m", "sagactl.journal.compaction", path)
    assert path.stat().st_size > LITTLE_DATA
    work_with(cli, path, 300)


@pytest.mark.long
def test_S17_a_gigabyte_of_history_is_worked_with(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    add(path, range(MANY), "x" * 110_000, chunk=100)
    assert log_path(path).stat().st_size > GIB
    work_with(cli, path, MANY)
    with_little_memory(cli, "-m", "sagactl.journal.compaction", path)
    assert path.stat().st_size > GIB
    work_with(cli, path, MANY)
    few = tmp_path / "few.json"
    add(few, range(FEW), "x" * 110_000)
    assert compact(few)
    for state in (few, path):
        move(state, run_id(7))
    demand_same(*(cost(state, lambda state: move(state, run_id(8))) for state in (few, path)))
