"""The verbs put together, and the one place where an exception becomes an exit code."""

import os
import platform
import sys
import traceback

import typer

from sagactl import __version__
from sagactl.cli import define, look, operate, rehearse
from sagactl.cli.exit import Exit
from sagactl.cli.loading import Invalid
from sagactl.cli.printing import print_problems
from sagactl.cli.refusal import Refused
from sagactl.definition.loader import DefinitionRejected
from sagactl.journal.store import RunAmbiguous, RunHeld, RunNotFound, StoreRefused

app = typer.Typer(
    name="sagactl",
    help="Sagas in YAML: lint them, rehearse their failures, run them, get a stuck one moving.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)
app.command()(define.init)
app.command()(define.lint)
app.command()(define.plan)
app.command()(operate.run)
app.command("list")(look.list_runs)
app.command()(look.show)
app.command()(look.history)
app.command()(operate.resume)
app.command()(operate.compensate)
app.command()(rehearse.sandbox)
app.command()(define.schema)


@app.command()
def version() -> None:
    """Print the version."""
    print(f"sagactl {__version__}")


def run() -> int:
    """Parse the command line, do it, and answer with the exit code."""
    try:
        # A child that inherits our umask must not make state readable for others.
        os.umask(os.umask(0) | 0o077)
        code = app(standalone_mode=False)
        return int(code or 0)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else Exit.USAGE
    except Exception as error:
        return _exit_of(error)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


def _exit_of(error: Exception) -> int:
    match error:
        case Invalid() | DefinitionRejected():
            print_problems(error.problems, sys.stderr)
            return Exit.USAGE
        case Refused():
            for line in error.lines:
                _say(line)
            return Exit.USAGE
        case RunNotFound() | RunAmbiguous():
            _say(str(error))
            return Exit.USAGE
        case RunHeld():
            _say(str(error))
            return Exit.HELD
        case StoreRefused():
            _say(str(error))
            return Exit.STATE
        case typer.Abort():
            return Exit.INTERRUPTED
        case BrokenPipeError():
            # Whoever read us has enough; Python must not complain about it while it shuts down.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return Exit.OK
    show = getattr(error, "show", None)
    if show is not None:  # a usage error of the command line, told by its parser
        show(file=sys.stderr)
        return Exit.USAGE
    _report(error)
    return Exit.BUG


def _say(line: str) -> None:
    print(f"sagactl: {line}", file=sys.stderr)


def _report(error: Exception) -> None:
    """A report to paste. Values stay out of it: a message or an argument may hold a secret."""
    print(
        f"sagactl: this is a bug of sagactl, please report it with these lines:\n"
        f"  sagactl {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"  {type(error).__name__}",
        file=sys.stderr,
    )
    for frame in traceback.extract_tb(error.__traceback__):
        name = frame.filename.rpartition("sagactl/")[2]
        print(f"    {name}:{frame.lineno} {frame.name}", file=sys.stderr)
