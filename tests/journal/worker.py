"""Another process with the journal in its hands: it appends, holds, and can be killed.

`append PATH RUN COUNT`: begins the run where it is not there, appends COUNT deadlines one by one,
and prints the number of each once it is acknowledged.
`die PATH RUN N`: appends one event and kills itself with SIGKILL at the Nth system call of that.
`hold PATH RUN`: prints `held` and keeps the run until its stdin ends, or `refused PID HOST`.
`hold-with-child PATH RUN`: the same, with a child of its own that outlives it; prints its pid.
`contend PATH RUN MARK COUNT`: enters and leaves the run COUNT times, leaving a mark inside; prints
how often somebody else's mark was there already.
"""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from journal.samples import passed, started

from sagactl.journal.store import RunHeld
from sagactl.journal.tinydb_store import TinyDBStore

DEADLY = (
    "open", "write", "pwrite", "pread", "fsync", "fdatasync", "rename", "unlink", "close", "mkdir",
    "stat", "fstat", "ftruncate",
)  # fmt: skip


def say(*words: object) -> None:
    print(*words, flush=True)


def append(path: Path, run_id: str, count: str) -> None:
    store = TinyDBStore(path, create=True)
    if run_id not in [summary.run_id for summary in store.summaries()]:
        store.append(run_id, [started(run_id)], "started")
    sys.stdin.readline()
    kept = len(store.read(run_id))
    for number in range(kept, kept + int(count)):
        store.append(run_id, [passed(float(number))], "pending")
        say(number)


def die(path: Path, run_id: str, nth: str) -> None:
    store = TinyDBStore(path, create=True)
    left = int(nth)

    def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return counted

    kept = len(store.read(run_id))
    for name in DEADLY:
        setattr(os, name, deadly(getattr(os, name)))
    fcntl.flock = deadly(fcntl.flock)
    store.append(run_id, [passed(float(kept))], "pending")
    say("survived")


def hold(path: Path, run_id: str) -> None:
    try:
        with TinyDBStore(path, create=True).hold(run_id):
            say("held")
            sys.stdin.read()
    except RunHeld as held:
        say("refused", held.pid, held.host)


def hold_with_child(path: Path, run_id: str) -> None:
    with TinyDBStore(path, create=True).hold(run_id):
        # The child inherits what may be inherited, and ends when the test closes our stdin.
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], close_fds=False
        )
        say("held", child.pid)
        signal.pause()


def contend(path: Path, run_id: str, mark: str, count: str) -> None:
    store = TinyDBStore(path, create=True)
    entered = clashes = 0
    while entered < int(count):
        try:
            with store.hold(run_id):
                entered += 1
                try:
                    os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
                    os.unlink(mark)
                except FileExistsError:
                    clashes += 1
        except RunHeld:
            pass
    say(clashes)


if __name__ == "__main__":
    verb, state, *rest = sys.argv[1:]
    globals()[verb.replace("-", "_")](Path(state), *rest)
