"""Locks between processes: a turn to write, and one lock per run for as long as it goes on.

Both are `flock` on a file of their own, which is never renamed and never deleted: a lock on a file
that is replaced, or made anew, is held by two at once. The kernel frees a lock when its holder
dies, however it dies, so no pid is ever looked at: the name in the file is for messages only.

Deliberately absent: timeouts, stealing, and locks over the network.
"""

import fcntl
import hashlib
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sagactl.journal.disk import close, open_file, write_all
from sagactl.journal.refusal import RunHeld, refusing


class Turn:
    """The right to write, which one process has at a time; waits for as long as it takes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def take(self) -> None:
        with refusing(self._path):
            if self._fd is None:
                self._fd = open_file(self._path, os.O_RDWR | os.O_CREAT)
            fcntl.flock(self._fd, fcntl.LOCK_EX)

    def give(self) -> None:
        if self._fd is None:
            return
        # Said aloud, and not left to close: a forked child may still have the descriptor.
        try:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        except OSError:
            self.close()  # that frees it as well, but for such a child

    def close(self) -> None:
        if self._fd is not None:
            _release(self._fd)
            self._fd = None

    @contextmanager
    def taken(self) -> Iterator[None]:
        self.take()
        try:
            yield
        finally:
            self.give()


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Whether nobody else is inside; nobody waits."""
    with refusing(path):
        fd = open_file(path, os.O_RDWR | os.O_CREAT)
    try:
        with refusing(path):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_alone = True
            except BlockingIOError:
                is_alone = False
        yield is_alone
    finally:
        _release(fd)


@contextmanager
def holding(path: Path, run_id: str) -> Iterator[None]:
    """Have the run's lock at `path`, or raise RunHeld at once."""
    with refusing(path):
        fd = open_file(path, os.O_RDWR | os.O_CREAT)
    try:
        with refusing(path):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _held(fd, run_id) from None
        _sign(fd)
        try:
            yield
        finally:
            with suppress(OSError):  # an old name in a free lock misleads nobody but a reader
                os.ftruncate(fd, 0)
    finally:
        _release(fd)


def held_by(path: Path, run_id: str) -> RunHeld | None:
    """Who has the run's lock at `path`, None where it is free: it is taken for a moment, shared."""
    with refusing(path):
        fd = open_file(path, os.O_RDONLY)
    try:
        with refusing(path):
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _held(fd, run_id)
        return None
    finally:
        _release(fd)


def lock_name(run_id: str) -> str:
    """A file name of the run's own: its id where that is a fit name, else a digest of it."""
    if re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}", run_id):
        return f"{run_id}.lock"
    digest = hashlib.sha256(run_id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"~{digest}.lock"


def _release(fd: int) -> None:
    # Said aloud, and not left to close: a forked child may still have the descriptor.
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_UN)
    close(fd)


def _sign(fd: int) -> None:
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
    # On a full disk the lock is as good without a name in it.
    with suppress(OSError):
        os.ftruncate(fd, 0)
        write_all(fd, json.dumps(holder).encode())


def _held(fd: int, run_id: str) -> RunHeld:
    """Who has it, as far as the file says; it may be about to be written, or say anything."""
    try:
        holder = json.loads(os.pread(fd, 4096, 0))
    except (OSError, ValueError, RecursionError):
        holder = None
    named = holder if isinstance(holder, dict) else {}
    pid, host, since = named.get("pid"), named.get("host"), named.get("since")
    return RunHeld(
        run_id,
        pid if isinstance(pid, int) else None,
        host if isinstance(host, str) else None,
        since if isinstance(since, float) else None,
    )
