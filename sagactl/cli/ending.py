"""What an exception means for the process: an exit code, and words on stderr. Never a traceback."""

import errno
import os
import platform
import sys
import traceback

import typer

from sagactl import __version__
from sagactl.cli.exit import Exit
from sagactl.cli.loading import Invalid
from sagactl.cli.printing import Unprintable, note, print_problems
from sagactl.cli.refusal import Refused
from sagactl.definition.loader import DefinitionRejected
from sagactl.journal.refusal import RunAmbiguous, RunHeld, RunNotFound, StoreRefused

EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOSPC, errno.EDQUOT)


def exit_of(error: BaseException) -> Exit:
    """Tell what is wrong, and answer with the exit code."""
    match error:
        case KeyboardInterrupt() | typer.Abort():
            return Exit.INTERRUPTED
        case Invalid() | DefinitionRejected():
            print_problems(error.problems, sys.stderr)
            return Exit.USAGE
        case Refused():
            note(*error.lines)
            return Exit.USAGE
        case RunNotFound() | RunAmbiguous():
            note(str(error))
            return Exit.USAGE
        case RunHeld():
            note(str(error))
            return Exit.HELD
        case StoreRefused():
            note(str(error))
            return Exit.STATE
        case Unprintable():
            if error.is_left:
                return Exit.OK  # whoever read us has enough
            note(str(error))
            return Exit.USAGE
        case OSError() if error.errno in EXHAUSTED:
            note(f"the system has not enough left for us: {os.strerror(error.errno).lower()}")
            return Exit.STATE
    show = getattr(error, "show", None)
    if show is not None:  # the command line's parser tells its own mistakes
        show(file=sys.stderr)
        return Exit.USAGE
    _report(error)
    return Exit.BUG


def _report(error: BaseException) -> None:
    """A report to paste. Values stay out of it: a message or an argument may hold a secret."""
    note(
        "this is a bug of sagactl, please report it with these lines:",
        f"  sagactl {__version__}, Python {platform.python_version()}, {' '.join(os.uname()[::2])}",
        f"  {type(error).__name__}",
    )
    for frame in traceback.extract_tb(error.__traceback__):
        name = frame.filename.rpartition("sagactl/")[2]
        note(f"    {name}:{frame.lineno} {frame.name}")
