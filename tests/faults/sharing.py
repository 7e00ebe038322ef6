"""One of a crowd that shares the sagas of one state: takes any that has not ended, and goes on.

`sharing.py DEFINITION` says `ready` and reads one JSON object: `runner` (its number), `count` (sagas
are `order-0` and so on, and the input of each lies in `0.json` and so on), `state` and `marks`.
Until every saga has ended, it has a forked child run sagactl on one, or on a batch of them, and
kills most of them at a random instant. Then, or where a child ends as none should, it says how
often each exit status was seen.

What a child does is marked in one file that all write to, each line by a single write: `begin` and
`end` inside the lock of a saga, `kept` with a number of events once they are acknowledged; and
`kill` before the child is killed, so that who begins behind it has not met one who lives.
"""

import ctypes  # noqa: F401
import getpass
import json
import os
import random
import select
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sagactl.cli import app
from sagactl.cli.exit import Exit
from sagactl.cli.loading import load_definition
from sagactl.journal.store import Append
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.machine.state import ENDED

# Most of them are after the same few sagas, so that they meet.
FEW = 3
BATCH = 6
KILLED = 0.6
EXPECTED = (Exit.OK, Exit.FAILED, Exit.HELD, -signal.SIGKILL)


class Marks:
    """The file of marks. `name` is whose they are."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.name = ""

    def __call__(self, *words: object) -> None:
        os.write(self._fd, (" ".join(map(str, [self.name, *words])) + "\n").encode())


def leave_marks(marks: Marks) -> None:
    """Have every store of this process mark what it holds, and what it has kept."""
    hold, write, sync = TinyDBStore.hold, TinyDBStore.write, TinyDBStore.sync
    written: list[Append] = []

    @contextmanager
    def marked_hold(self: TinyDBStore, run_id: str) -> Iterator[None]:
        with hold(self, run_id):
            marks("begin", run_id)
            try:
                yield
            finally:
                marks("end", run_id)

    def noted_write(self: TinyDBStore, appends: Sequence[Append]) -> None:
        write(self, appends)
        written[:] = appends

    def marked_sync(self: TinyDBStore) -> None:
        sync(self)
        for append in written:
            marks("kept", append.run_id, len(append.events))

    stores: Any = TinyDBStore
    stores.hold, stores.write, stores.sync = marked_hold, noted_write, marked_sync


class Crowded:
    """What this one of the crowd does."""

    def __init__(self, definition: str, job: dict[str, Any]) -> None:
        self._definition = definition
        self._runner: int = job["runner"]
        self._count: int = job["count"]
        self._state = Path(job["state"])
        self._marks = Marks(Path(job["marks"]))
        self._chance = random.Random(self._runner)
        self._took_ms = 200.0
        self._children = 0
        self.seen: Counter[int] = Counter()

    def work(self) -> None:
        while True:
            open_ones, begun = self._look()
            if not open_ones:
                return
            near = self._chance.random() < 0.8
            number = self._chance.choice(open_ones[:FEW] if near else open_ones)
            argv = self._order(number, open_ones, is_begun=number in begun)
            patience = self._chance.uniform(1, self._took_ms)
            status = self._run(argv, patience if self._chance.random() < KILLED else None)
            self.seen[status] += 1
            if status not in EXPECTED:
                return

    def _look(self) -> tuple[list[int], set[int]]:
        """The sagas that have not ended, and those that have begun; it reads while others write."""
        store = TinyDBStore(self._state, create=False)
        states = {int(s.run_id.removeprefix("order-")): s.state for s in store.summaries()}
        store.close()
        return [n for n in range(self._count) if states.get(n) not in ENDED], set(states)

    def _order(self, number: int, open_ones: list[int], *, is_begun: bool) -> list[str]:
        if self._chance.random() < 0.1:
            batch = Path(f"batch-{self._runner}.jsonl")
            chosen = self._chance.sample(open_ones, min(BATCH, len(open_ones)))
            batch.write_text("".join(Path(f"{n}.json").read_text() + "\n" for n in chosen))
            return ["run", self._definition, "--batch", str(batch), "--concurrency", "3"]
        if is_begun and self._chance.random() < 0.7:
            return ["resume", f"order-{number}"]
        return ["run", self._definition, "--input-file", f"{number}.json"]

    def _run(self, argv: list[str], kill_after_ms: float | None) -> int:
        self._children += 1
        name = f"{self._runner}.{self._children}"
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            self._marks.name = name
            child(argv, self._marks)
        watched = os.pidfd_open(pid)
        limit = None if kill_after_ms is None else kill_after_ms / 1000
        ended, _, _ = select.select([watched], [], [], limit)
        os.close(watched)
        if not ended:
            self._marks.name = name
            self._marks("kill")
            os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status in (Exit.OK, Exit.FAILED):
            self._took_ms = 0.7 * self._took_ms + 0.3 * (time.monotonic() - began) * 1000
        return status


def child(argv: list[str], marks: Marks) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    leave_marks(marks)
    sys.argv = ["sagactl", *argv]
    os._exit(app.run())


if __name__ == "__main__":
    load_definition(Path(sys.argv[1]))
    getpass.getuser()
    print("ready", flush=True)
    crowded = Crowded(sys.argv[1], json.loads(sys.stdin.readline()))
    crowded.work()
    print(json.dumps(crowded.seen))
