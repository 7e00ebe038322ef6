"""Why the journal says no: a run that is not there, or not to be had, and a disk that refuses.

Every message is one line for a person to read. What exit status follows is the command line's
business.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path


class RunNotFound(Exception):
    """No run has this id, nor one that begins with it."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f'there is no run "{run_id}"')
        self.run_id = run_id


class RunAmbiguous(Exception):
    """More than one run's id begins with this prefix."""

    def __init__(self, prefix: str, candidates: Sequence[str]) -> None:
        shown = ", ".join(f'"{candidate}"' for candidate in candidates[:5])
        more = f" and {len(candidates) - 5} more" if len(candidates) > 5 else ""
        super().__init__(f'"{prefix}" could be any of {len(candidates)} runs: {shown}{more}')
        self.prefix = prefix
        self.candidates = tuple(candidates)


class RunHeld(Exception):
    """Another process has the run; who it says it is, as far as that can be read."""

    def __init__(self, run_id: str, pid: int | None, host: str | None, since: float | None) -> None:
        by = "another process" if pid is None else f"process {pid}"
        on = "" if host is None else f' on "{host}"'
        at = "" if since is None else _since(since)
        super().__init__(f'run "{run_id}" is held by {by}{on}{at}')
        self.run_id = run_id
        self.pid = pid
        self.host = host
        self.since = since


class StoreRefused(Exception):
    """The state cannot be read or written, and nothing may be sent on the strength of it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f'cannot use the state "{path}": {reason}')
        self.path = path
        self.reason = reason

    def again(self) -> "StoreRefused":
        """What every later append gets: a failed write is final until the state is read anew."""
        return StoreRefused(self.path, f"nothing more is written since it said: {self.reason}")


class StateDamaged(StoreRefused):
    """The state can be read but is not what was written; it is left as it is."""

    def __init__(self, path: Path, where: str, reason: str) -> None:
        super().__init__(path, f"it is damaged at {where}: {reason}")
        self.where = where


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Whatever the operating system refuses in here becomes StoreRefused about `path`."""
    try:
        yield
    except OSError as error:
        raise StoreRefused(path, _in_words(error)) from error


def _in_words(error: OSError) -> str:
    if error.errno is None:
        return str(error) or type(error).__name__
    if error.errno == errno.ELOOP:  # what O_NOFOLLOW answers
        return "it is a symbolic link, and none is followed (ELOOP)"
    name = errno.errorcode.get(error.errno, str(error.errno))
    return f"{os.strerror(error.errno).lower()} ({name})"


def _since(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime(" since %Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):  # anybody can write anything into a lock's file
        return ""
