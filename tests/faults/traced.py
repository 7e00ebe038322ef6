"""What is done to a state while its system calls are counted, killed and failed; and who does it.

A work is a few steps, told as data, so that two can read them: `traced.py`, which does them and
says after each one what the store said, and a test, which knows from them what must be there.

`traced.py` reads lines of a work's name and a state's path. For each it forks a child, that says
`pid N`, waits for a line, and says `ok`, `refused REASON` or `broken ERROR` of every step that it
came to; then `ended STATUS` comes from its parent, who outlives it. A start costs milliseconds so,
and of what a start does nothing is counted.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from journal.samples import began, begun, passed, started, story

from sagactl.journal import store
from sagactl.journal.compaction import compact
from sagactl.journal.refusal import StoreRefused
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.journal.volume import log_path
from sagactl.machine.event import Event

GOLDEN = Path(__file__).parent.parent / "journal" / "golden"
PATIENCE_S = 30

# linux/prctl.h: where only ancestors may trace a process, this one lets everybody.
PR_SET_PTRACER = 0x59616D61
PR_SET_PTRACER_ANY = ctypes.c_ulong(-1)

Content = dict[str, tuple[tuple[Event, ...], str]]


@dataclass(frozen=True)
class Append:
    """Events of some runs, in one commit."""

    appends: tuple[store.Append, ...]


@dataclass(frozen=True)
class Remove:
    run_ids: tuple[str, ...]


@dataclass(frozen=True)
class Reserve:
    size: int


@dataclass(frozen=True)
class Compact:
    """By another volume than the store's, as another process does it."""


@dataclass(frozen=True)
class Hold:
    run_id: str


Step = Append | Remove | Reserve | Compact | Hold


def add(*events: Event, to: str = "order-1") -> Append:
    return Append((store.Append(to, events, "pending"),))


def do(step: Step, to: TinyDBStore, path: Path) -> None:
    match step:
        case Append(appends):
            to.append_all(appends)
        case Remove(run_ids):
            to.remove(run_ids)
        case Reserve(size):
            to.reserve(size)
        case Compact():
            if not compact(path):
                raise AssertionError("there was nothing to compact")
        case Hold(run_id):
            with to.hold(run_id):
                pass
        case _:
            assert_never(step)


def after(step: Step, content: Content) -> Content:
    """What a state holds once the step is done."""
    match step:
        case Append(appends):
            added = {
                run_id: ((*content.get(run_id, ((), ""))[0], *events), state)
                for run_id, events, state in appends
            }
            return {**content, **added}
        case Remove(run_ids):
            return {run_id: run for run_id, run in content.items() if run_id not in run_ids}
    return content


def is_final(step: Step) -> bool:
    """Whether the writer is at its end where the step is refused."""
    return isinstance(step, Append | Remove | Reserve)


def content(path: Path) -> Content:
    """Every run's events, and the state it is in, as the next process will read them."""
    reader = TinyDBStore(path, create=False)
    found = {each.run_id: (reader.read(each.run_id), each.state) for each in reader.summaries()}
    reader.close()
    return found


def nothing(path: Path) -> None:
    pass


def with_log(path: Path) -> None:
    """A state with a snapshot and a log, neither of them empty."""
    begun(path, "order-1", "order-2").append("order-1", story()[1:3], "pending")
    compact(path)
    begun(path, "order-3").append("order-2", [began(number) for number in range(9)], "pending")


def torn(path: Path) -> None:
    with_log(path)
    with log_path(path).open("ab") as file:
        file.write(b"0123abcd [0,1,")


def half_created(path: Path) -> None:
    """What a crash leaves of the making of a state: its empty log."""
    begun(path)
    log = log_path(path)
    log.write_bytes(log.read_bytes().partition(b"\n")[0] + b"\n")
    path.unlink()


def half_compacted(path: Path) -> None:
    """The new state and the old log, and what was to be the new one."""
    with_log(path)
    old = log_path(path).read_bytes()
    compact(path)
    shutil.copyfile(log_path(path), path.with_name(f"{path.name}.log.tmp"))
    log_path(path).write_bytes(old)


def first_format(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes((GOLDEN / "format-1.json").read_bytes())


def wide(path: Path) -> None:
    """A state that others may read, which its writer takes away from them."""
    with_log(path)
    for there in (path, log_path(path)):
        there.chmod(0o644)


@dataclass(frozen=True)
class Work:
    prepare: Callable[[Path], None]
    steps: tuple[Step, ...]


MANY = Append(
    (
        *(store.Append(f"new-{n}", (started(f"new-{n}"),), "started") for n in range(5)),
        store.Append("order-1", (passed(1.0), passed(2.0)), "failed"),
    )
)
ONE, OTHER, LAST = add(passed(1.0)), add(began(3), passed(2.0)), add(passed(3.0))

WORKS = {
    "creation": Work(nothing, (Hold("order-1"), add(*story()[:2]), ONE)),
    "creation-again": Work(half_created, (add(*story()[:2]), ONE)),
    "append": Work(with_log, (ONE, add(started("new-1"), to="new-1"), OTHER)),
    "append-of-many": Work(with_log, (MANY, OTHER)),
    "append-behind-a-tear": Work(torn, (ONE, OTHER)),
    "append-to-a-wide-state": Work(wide, (ONE, OTHER)),
    "reservation": Work(with_log, (Reserve(1 << 16), ONE, Reserve(1 << 12), OTHER)),
    "compaction": Work(with_log, (ONE, Compact(), OTHER, Compact(), LAST)),
    "compaction-again": Work(half_compacted, (Compact(), ONE)),
    "upgrade": Work(first_format, (ONE, OTHER)),
    "removal": Work(with_log, (ONE, Remove(("order-2", "order-3")), OTHER, Remove(("order-1",)))),
}  # fmt: skip


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def work(steps: tuple[Step, ...], path: Path) -> None:
    writer = TinyDBStore(path, create=True)
    for step in steps:
        try:
            do(step, writer, path)
        except StoreRefused as refusal:
            say("refused", str(refusal).replace("\n", " "))
        except BaseException:
            say("broken", repr(traceback.format_exc()))
        else:
            say("ok")


def child(name: str, path: Path) -> None:
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)
    signal.alarm(PATIENCE_S)  # whoever waits for a lock that nobody gives back dies of it
    say("pid", os.getpid())
    sys.stdin.readline()
    work(WORKS[name].steps, path)
    os._exit(0)


def serve() -> None:
    for order in iter(sys.stdin.readline, ""):
        name, _, path = order.rstrip("\n").partition(" ")
        pid = os.fork()
        if pid == 0:
            child(name, Path(path))
        say("ended", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    serve()
