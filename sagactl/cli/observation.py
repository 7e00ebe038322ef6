"""The verbs that show what goes on, as they are typed."""

from typing import Annotated

import typer

from sagactl.cli import completion, option
from sagactl.cli.form import Format, GraphFormat


def graph(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="FILE|ID",
            help="A definition, or a saga's ID.",
            autocompletion=completion.files_and_run_ids,
        ),
    ],
    form: Annotated[
        GraphFormat, typer.Option("--format", help="tree, mermaid, dot, or svg by Graphviz.")
    ] = GraphFormat.TREE,
    state: option.State = None,
) -> None:
    """Draw a saga: its order, what needs what, and the way back; of an ID, what happened to it.

    Example: sagactl graph order.yaml --format mermaid
    """
    from sagactl.cli import drawing

    drawing.graph(subject, state, form)


def watch(
    ids: option.RunIds = None,
    sandbox: option.Sandboxed = False,
    state: option.State = None,
    output: option.Output = Format.TABLE,
) -> None:
    """Follow sagas while they run, whoever runs them; without an ID all of them, until Ctrl-C.

    Ends when every saga named has ended, or needs a person, and exits as run would.

    Example: sagactl watch 3fk2
    """
    from sagactl.cli import watching

    raise typer.Exit(watching.watch(ids or [], state, output, sandbox=sandbox))
