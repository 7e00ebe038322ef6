"""The verbs put together, in the order in which help lists them."""

from collections.abc import Callable, Mapping
from typing import Any

import typer

from sagactl.cli import intervention, observation, practice, verbs

VERBS: Mapping[str, Callable[..., Any]] = {
    "init": verbs.init,
    "lint": verbs.lint,
    "plan": verbs.plan,
    "graph": observation.graph,
    "test": practice.rehearse,
    "run": verbs.run,
    "list": verbs.list_runs,
    "show": verbs.show,
    "history": verbs.history,
    "watch": observation.watch,
    "resume": verbs.resume,
    "compensate": verbs.compensate,
    "resolve": intervention.resolve,
    "abandon": intervention.abandon,
    "explain": intervention.explain,
    "export": verbs.export,
    "prune": verbs.prune,
    "doctor": verbs.doctor,
    "sandbox": verbs.sandbox,
    "schema": verbs.schema,
    "version": verbs.version,
}


def menu(wanted: str) -> typer.Typer:
    """The program for a command line that begins with `wanted`.

    To read the options of a verb takes its time, so there are none but what is asked for: a single
    verb where one is named, names where all of them are only listed, and else everything.
    """
    app = typer.Typer(
        name="sagactl",
        help="Sagas in YAML: lint them, rehearse their failures, run them, get a stuck one moving.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        add_completion=True,
    )
    # With a single verb typer would take its name for an argument.
    names = {wanted, "version"} if wanted in VERBS else VERBS
    for name, verb in VERBS.items():
        if name in names:
            app.command(name)(_without_options(verb) if wanted == "--help" else verb)
    return app


def _without_options(verb: Callable[..., Any]) -> Callable[[], None]:
    def listed() -> None:
        """Stand in a list."""

    listed.__doc__ = verb.__doc__
    return listed
