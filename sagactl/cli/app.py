"""From the command line to an exit code: the one place where an exception becomes one."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def run() -> int:
    """Parse the command line, do it, and answer with the exit code."""
    # Where an object is taken down that was never put up, Python prints a traceback of that too.
    sys.unraisablehook = lambda _: None
    try:
        # What we create is for its owner alone, whatever the shell's umask says.
        os.umask(os.umask(0o077) | 0o077)
        return _obeyed(sys.argv[1:])
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    except MemoryError:
        raise  # there is none to say anything with but what `main` has ready
    except (Exception, KeyboardInterrupt) as error:
        from sagactl.cli.ending import exit_of

        return exit_of(error)


def _obeyed(words: Sequence[str]) -> int:
    if words[:1] == ["lint"] and not any(word.startswith("-") for word in words):
        # Editors and hooks do this at every save: what parses options takes longer than lint.
        from sagactl.cli import linting

        return linting.lint(linting.Wish([Path(word) for word in words[1:]] or [Path()]))
    from sagactl.cli.menu import menu

    return int(menu(words[0] if words else "")(standalone_mode=False) or 0)
