"""Where attempts are logged: `--log-file`, a JSON line for each, and `-v`, a line on stderr.

A file that cannot be written is refused before anything is sent. One that fails later is told of
once and stops no saga; each line is tried anew, for there may be room again.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sagactl.cli.printing import note
from sagactl.cli.refusal import Refused
from sagactl.cli.state_file import StateFiles
from sagactl.journal.volume import log_path
from sagactl.machine.attempted import Attempted
from sagactl.source.node import Json

if TYPE_CHECKING:
    from sagactl.views.attempts import AttemptView

OWNER_ONLY = 0o600
# O_NONBLOCK: a pipe that nobody reads must not make a saga wait.
FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass
class AttemptLog:
    """Hears of every attempt once it has ended. Without a file and not verbose it does nothing."""

    path: Path | None = None
    is_verbose: bool = False
    _fd: int = -1
    _is_torn: bool = False  # the last line in the file has no end
    _is_told: bool = False
    _view: "AttemptView | None" = None

    def hear(self, attempted: Attempted) -> None:
        """Log an attempt; never raises but for a bug."""
        if self.path is None and not self.is_verbose:
            return
        from sagactl.views.attempts import AttemptView, attempt_line

        self._view = self._view or AttemptView()
        document = self._view.document(attempted)
        if self.is_verbose:
            note(attempt_line(document))
        if self.path is not None:
            self._write(document)

    def open(self) -> None:
        """Open the file; Refused where that cannot be."""
        assert self.path is not None
        try:
            self._fd = os.open(self.path, FLAGS, OWNER_ONLY)
        except OSError as error:
            raise Refused(
                f"{self.path}: the log cannot be written: {error.strerror}; nothing was sent"
            ) from None

    def _write(self, document: dict[str, Json]) -> None:
        line = json.dumps(document).encode() + b"\n"
        if self._is_torn:
            line = b"\n" + line
        try:
            # In one piece, so that the lines of several processes do not get into each other.
            written = os.write(self._fd, line)
        except OSError as error:
            self._tell(error.strerror or str(error))
            return
        self._is_torn = written < len(line)
        if self._is_torn:
            self._tell("it takes no more")

    def _tell(self, why: str) -> None:
        if not self._is_told:
            self._is_told = True
            note(f"{self.path}: the log cannot be written: {why}; the saga goes on")


def attempt_log(path: Path | None, files: StateFiles, *, verbose: bool) -> AttemptLog:
    """The log that the options of that name ask for, open; Refused where it cannot be written."""
    log = AttemptLog(path, verbose)
    if path is not None:
        if path.resolve() in _ours(files):
            raise Refused(f"{path}: this is sagactl's own file, and no place for a log")
        log.open()
    return log


def _ours(files: StateFiles) -> set[Path]:
    states = (files.real, files.sandbox)
    return {path.resolve() for path in (*states, *map(log_path, states), files.ledger)}
