"""The verbs that show what goes on, as they are typed."""

from typing import Annotated

import typer

from sagactl.cli import option
from sagactl.cli.option import GraphFormat


def graph(
    subject: Annotated[
        str, typer.Argument(metavar="FILE|ID", help="A definition, or a saga's ID.")
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
