"""The verbs put together, and the one place where an exception becomes an exit code."""

import os
import sys

import typer

from sagactl.cli import intervention, observation, practice, verbs

app = typer.Typer(
    name="sagactl",
    help="Sagas in YAML: lint them, rehearse their failures, run them, get a stuck one moving.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=True,
)
app.command()(verbs.init)
app.command()(verbs.lint)
app.command()(verbs.plan)
app.command()(observation.graph)
app.command("test")(practice.rehearse)
app.command()(verbs.run)
app.command("list")(verbs.list_runs)
app.command()(verbs.show)
app.command()(verbs.history)
app.command()(observation.watch)
app.command()(verbs.resume)
app.command()(verbs.compensate)
app.command()(intervention.resolve)
app.command()(intervention.abandon)
app.command()(intervention.explain)
app.command()(verbs.export)
app.command()(verbs.prune)
app.command()(verbs.doctor)
app.command()(verbs.sandbox)
app.command()(verbs.schema)
app.command()(verbs.version)


def run() -> int:
    """Parse the command line, do it, and answer with the exit code."""
    # Where an object is taken down that was never put up, Python prints a traceback of that too.
    sys.unraisablehook = lambda _: None
    try:
        # What we create is for its owner alone, whatever the shell's umask says.
        os.umask(os.umask(0o077) | 0o077)
        return int(app(standalone_mode=False) or 0)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    except MemoryError:
        raise  # there is none to say anything with but what `main` has ready
    except (Exception, KeyboardInterrupt) as error:
        from sagactl.cli.ending import exit_of

        return exit_of(error)
