"""What keeping a saga's state costs, and how that grows with what is kept already.

The sagas are those of order.yaml, each with its definition and with three of its four steps done. A
transition is what a round of a run adds: one step's outcome and the intent of the next, on the disk
when `append` returns. What is compared is done in turn, one after the other, and medians are taken
round by round. The stock TinyDB keeps one document a saga, without the definition: less than we do.

    PYTHONPATH=.:tests python tests/bench/state.py [--sagas N] [--rounds N] [--folder DIR]

At 100,000 sagas it takes some minutes, 2 GiB of disk and 4 GiB of memory.
"""

import argparse
import gc
import json
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

import accounted
from ideal import ORDER, STEPS
from report import Goal, goal_table, machine_words, spread, table
from throughput import DEFINITION, PYTHONPATH
from tinydb import TinyDB
from tinydb.table import Document

from sagactl.journal.codec import plain_record
from sagactl.journal.compaction import compact
from sagactl.journal.store import Append
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.machine.event import ActionBegan, ActionSucceeded, Event, RunStarted

FEW = 100
IN_FLIGHT = 64
SINGLES, GROUPS = 60, 10  # a round
BARE_RECORD = b"x" * 299 + b"\n"
REPLY = {
    "id": "7f0c2a4e-1b9d-4c55-9e0a-3d2f6b8a9c10",
    "state": "accepted",
    "amount": 4200,
    "currency": "EUR",
    "at": "2026-01-02T03:04:05Z",
    "note": "accepted by the target of the benchmark",
}

Result = TypeVar("Result")
Series = dict[str, list[float]]


def run_id(number: int) -> str:
    return f"order-{number:08}"


def began(name: str, step: str) -> ActionBegan:
    key = f"{name}:{step}:0123456789abcdef"
    body = json.dumps({"saga_id": name, "step": step, "order": ORDER, "key": key})
    url = f"http://127.0.0.1:8080/{step}"
    return ActionBegan(
        at=1001.0,
        step=step,
        attempt=1,
        key=key,
        method="POST",
        url=url,
        content_type="application/json",
        body=body,
    )


def succeeded(step: str) -> ActionSucceeded:
    return ActionSucceeded(
        at=1002.0, step=step, attempt=1, status=200, detail="200 OK", result=REPLY
    )


def transition(number: int) -> Append:
    name = run_id(number)
    return Append(name, [succeeded(STEPS[-2]), began(name, STEPS[-1])], "pending")


def story(number: int) -> list[Event]:
    """A saga up to the intent of its last step."""
    name = run_id(number)
    started = RunStarted(
        at=1000.0 + number / 1000,
        run_id=name,
        saga="bench-order",
        version=1,
        definition=DEFINITION.read_text(),
        definition_name=DEFINITION.name,
        digest="0f" * 32,
        input={"order_id": name, "order": ORDER, "last": STEPS[-1]},
        env={"TARGET_URL": "http://127.0.0.1:8080"},
        sandbox=False,
        faults=[],
        sagactl="0.1.0",
    )
    events: list[Event] = [started, began(name, STEPS[0])]
    for step, following in pairwise(STEPS):
        events += [succeeded(step), began(name, following)]
    return events


def add_sagas(path: Path, numbers: range) -> None:
    store = TinyDBStore(path, create=True)
    for start in range(numbers.start, numbers.stop, 250):
        chunk = range(start, min(start + 250, numbers.stop))
        store.append_all([Append(run_id(n), story(n), "pending") for n in chunk])
    store.close()


def compact_now(path: Path) -> None:
    while not compact(path):
        time.sleep(0.2)  # one was begun by the store


def stock(path: Path, sagas: int) -> TinyDB:
    """A TinyDB as it comes, with as many sagas."""
    with path.open("w") as file:
        file.write('{"_default": {')
        for number in range(sagas):
            file.write(f'{", " if number else ""}"{number + 1}": {json.dumps(document(number))}')
        file.write("}}")
    return TinyDB(path)


def document(number: int) -> dict[str, object]:
    records = [plain_record(event) for event in story(number)]
    del records[0]["definition"]
    return {"run_id": run_id(number), "state": "pending", "events": records}


def timed(action: Callable[[], Result]) -> float:
    """Microseconds that it takes."""
    began_at = time.perf_counter()
    action()
    return (time.perf_counter() - began_at) * 1e6


def timed_with_cpu(action: Callable[[], Result]) -> tuple[float, float]:
    """Microseconds that it takes, and those of them that the processor is at it."""
    cpu_began = time.thread_time()
    wall = timed(action)
    return wall, (time.thread_time() - cpu_began) * 1e6


@contextmanager
def opened(path: Path) -> Iterator[TinyDBStore]:
    store = TinyDBStore(path, create=False)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def transitions(few: Path, many: Path, sagas: int, rounds: int) -> Series:
    """Medians of a round: one transition at a time, and 64 in one commit."""
    found: Series = {}
    chance = random.Random(1)
    bare = os.open(few.with_name("bare"), os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def append_bare(count: int) -> None:
        os.write(bare, BARE_RECORD * count)
        os.fdatasync(bare)

    with opened(few) as small, opened(many) as large:
        for _ in range(rounds + 1):
            times: Series = {}

            def note(name: str, *values: float, times: Series = times) -> None:
                for kind, value in zip(("", ", CPU"), values, strict=False):
                    times.setdefault(name + kind, []).append(value)

            for _ in range(SINGLES):
                note("bare append", timed(partial(append_bare, 1)))
                for name, store, size in (("few", small, FEW), ("many", large, sagas)):
                    one = transition(chance.randrange(size))
                    note(name, *timed_with_cpu(partial(store.append, *one)))
            for _ in range(GROUPS):
                note("64 bare", timed(partial(append_bare, IN_FLIGHT)) / IN_FLIGHT)
                group = [transition(n) for n in chance.sample(range(sagas), IN_FLIGHT)]
                note("64 at once", timed(partial(large.append_all, group)) / IN_FLIGHT)
            for name, values in times.items():
                found.setdefault(name, []).append(statistics.median(values))
    os.close(bare)
    return {name: values[1:] for name, values in found.items()}  # the first warmed up


def stock_upserts(folder: Path, sagas: int, samples: int) -> float:
    """Microseconds of TinyDB's own upsert."""
    path = folder / "stock.json"
    with stock(path, sagas) as db:
        times = [timed(partial(db.upsert, Document(document(n), n + 1))) for n in range(samples)]
    path.unlink()
    return statistics.median(times)


def loads(path: Path, rounds: int) -> Series:
    """Microseconds to list every saga of a state, and to parse the file that it is kept in."""

    def listed() -> None:
        with opened(path) as store:
            store.summaries()

    found: Series = {"json.loads": [], "list": []}
    for _ in range(rounds):
        content = path.read_bytes()
        with uncollected():
            found["json.loads"].append(timed(partial(json.loads, content)))
        del content
        gc.collect()
        found["list"].append(timed(listed))
    return found


def looks(path: Path, sagas: int, rounds: int) -> Series:
    """Microseconds to open a state and read one saga: here, and by a command that is typed."""
    env = {**os.environ, "PYTHONPATH": PYTHONPATH}
    command = [sys.executable, "-m", "sagactl"]

    def read(name: str) -> None:
        with opened(path) as store:
            store.read(store.find(name))

    found: Series = {"read": [], "version": [], "show": []}
    for n in range(rounds):
        name = run_id(sagas * (n + 1) // (rounds + 1))
        found["read"].append(timed(partial(read, name)))
        for verb, more in (("version", []), ("show", [name, "--state", str(path)])):
            cost = accounted.run([*command, verb, *more], env=env)
            assert cost.status == 0, verb
            found[verb].append(cost.wall_s * 1e6)
    return found


def watch(path: Path, pipe: Connection) -> None:
    """The other process: reads a saga whenever it is told that there is news, and says when."""
    with opened(path) as store:
        while (name := pipe.recv()) is not None:
            events = store.read(name)
            pipe.send((len(events), time.clock_gettime(time.CLOCK_MONOTONIC)))


def visibility(path: Path, sagas: int, rounds: int) -> Series:
    """Medians of a round: until a transition is committed, and until another process has read it."""
    ours, theirs = multiprocessing.Pipe()
    start = multiprocessing.get_context("spawn").Process
    reader = start(target=watch, args=(path, theirs))
    reader.start()
    found: Series = {"committed": [], "seen": []}
    with opened(path) as store:
        for n in range(rounds + 1):
            committed, seen = [], []
            for number in range(n * SINGLES, (n + 1) * SINGLES):
                one = transition(number % sagas)
                before = len(store.read(one.run_id))
                began_at = time.clock_gettime(time.CLOCK_MONOTONIC)
                store.append(*one)
                committed.append((time.clock_gettime(time.CLOCK_MONOTONIC) - began_at) * 1e6)
                ours.send(one.run_id)
                count, seen_at = ours.recv()
                assert count == before + len(one.events)
                seen.append((seen_at - began_at) * 1e6)
            found["committed"].append(statistics.median(committed))
            found["seen"].append(statistics.median(seen))
    ours.send(None)
    reader.join()
    return {name: values[1:] for name, values in found.items()}


def ratios(of: Sequence[float], to: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(of, to, strict=True)]


def measure(folder: Path, sagas: int, rounds: int) -> tuple[list[list[str]], list[Goal]]:
    """Every figure, and the goals."""
    few, many = folder / "few.json", folder / "many.json"
    add_sagas(few, range(FEW))
    compact_now(few)
    # Nearly as much in the log as in the state: the most that a reader meets.
    add_sagas(many, range(sagas * 11 // 20))
    compact_now(many)
    add_sagas(many, range(sagas * 11 // 20, sagas))
    logged_mb = many.with_name("many.json.log").stat().st_size / 1e6
    before = looks(many, sagas, 3)
    compaction = timed(partial(compact_now, many))
    load = loads(many, rounds)
    look = looks(many, sagas, rounds)
    look_few = looks(few, FEW, rounds)
    moves = transitions(few, many, sagas, rounds)
    sight = visibility(many, sagas, rounds)
    upserts = {
        size: stock_upserts(folder, size, samples)
        for size, samples in ((FEW, 20), (sagas // 10, 3), (sagas, 1))
    }
    show_less_start = [s - v for s, v in zip(look["show"], look["version"], strict=True)]
    size_mb = many.stat().st_size / 1e6

    def row(words: str, values: Sequence[float]) -> list[str]:
        scale, unit = (1e3, "ms") if statistics.median(values) >= 1e4 else (1, "µs")
        return [words, f"{spread([value / scale for value in values])} {unit}"]

    rows = [
        row("a bare append of 300 B, and its fdatasync", moves["bare append"]),
        row(f"a transition, {FEW:,} sagas kept", moves["few"]),
        row("… its CPU", moves["few, CPU"]),
        row(f"a transition, {sagas:,} sagas kept", moves["many"]),
        row("… its CPU", moves["many, CPU"]),
        row("a bare append, 64 in one write, each", moves["64 bare"]),
        row("a transition, 64 in one commit, each", moves["64 at once"]),
        *(row(f"TinyDB's own upsert, {n:,} sagas kept", [us]) for n, us in upserts.items()),
        row(f"json.loads of state.json ({size_mb:.0f} MB), no garbage collector", load["json.loads"]),
        row(f"opening {sagas:,} sagas and listing them", load["list"]),
        row("opening them and reading one", look["read"]),
        row("sagactl show ID", look["show"]),
        row(f"sagactl show ID, {FEW} sagas kept", look_few["show"]),
        row("sagactl version", look["version"]),
        row(f"opening and reading one, {logged_mb:.0f} MB in the log", before["read"]),
        row(f"sagactl show ID, {logged_mb:.0f} MB in the log", before["show"]),
        row("a compaction, nobody waits for it", [compaction]),
        row("until a transition is committed", sight["committed"]),
        row("until another process has read it", sight["seen"]),
    ]  # fmt: skip
    kept = f"{sagas:,} sagas kept"
    goals = [
        Goal("G8", f"a transition at {sagas:,} sagas kept to one at {FEW}", 1.2, ratios(moves["many"], moves["few"]), at_most=True),
        Goal("G8", "… its CPU", 1.1, ratios(moves["many, CPU"], moves["few, CPU"]), at_most=True),
        Goal("G9", f"TinyDB's own upsert to a transition, {kept}", 10_000, [upserts[sagas] / us for us in moves["many"]]),
        Goal("G9", f"TinyDB's own upsert to a transition, {FEW} sagas kept", 10, [upserts[FEW] / us for us in moves["few"]]),
        Goal("G10", f"a transition to a bare append, {kept}", 1.5, ratios(moves["many"], moves["bare append"]), at_most=True),
        Goal("G10", "a transition of 64 in one commit to a bare append", 0.25, ratios(moves["64 at once"], moves["bare append"]), at_most=True),
        Goal("G11", f"opening and listing {sagas:,} sagas to json.loads", 1.2, ratios(load["list"], load["json.loads"]), at_most=True),
        Goal("G11", f"sagactl show ID less its start to json.loads, {kept}", 0.1, ratios(show_less_start, load["json.loads"]), at_most=True),
        Goal("G13", "until another process sees a transition to its commit", 2, ratios(sight["seen"], sight["committed"]), at_most=True),
    ]  # fmt: skip
    return rows, goals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sagas", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        rows, goals = measure(Path(name), options.sagas, options.rounds)
        print(table(["what", "median (least–greatest of the rounds)"], rows), end="\n\n")
        print(goal_table(goals), end="\n\n")
        print(f"{options.rounds} rounds on {machine_words(Path(name))}")


if __name__ == "__main__":
    main()
