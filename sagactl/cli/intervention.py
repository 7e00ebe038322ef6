"""The verbs for a saga that needs a person, as they are typed."""

from typing import Annotated

import typer

from sagactl.cli import completion, option
from sagactl.cli.form import Format


def resolve(
    run_id: option.RunId,
    step: Annotated[
        str,
        typer.Argument(
            metavar="STEP",
            help="The step that is known about.",
            autocompletion=completion.doubtful_steps,
        ),
    ],
    outcome: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="OUTCOME",
            help="completed, failed or compensated.",
            autocompletion=completion.resolutions,
        ),
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the history.")],
    result: Annotated[
        str | None, typer.Option("--result", metavar="JSON", help="What a completed step gave.")
    ] = None,
    state: option.State = None,
    allow_network_state: option.NetworkState = False,
    output: option.Output = Format.TABLE,
) -> None:
    """Tell a saga what you found out about a step, or did by hand. Sends nothing; then resume.

    completed: it took place. failed: it did not. compensated: it is undone.

    Example: sagactl resolve 3fk2 process_payment --as compensated --reason "refunded by hand"
    """
    from sagactl.cli import intervening
    from sagactl.cli.state_file import state_files

    files = state_files(state, allow_network=allow_network_state)
    intervening.resolve(files, run_id, step, outcome, result, reason, output)


def abandon(
    run_id: option.RunId,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the history.")],
    state: option.State = None,
    allow_network_state: option.NetworkState = False,
    output: option.Output = Format.TABLE,
) -> None:
    """Close a saga as it stands, for ever. Undoes nothing, and tells what stays in the world.

    Example: sagactl abandon 3fk2 --reason "settled with the customer, ticket 4711"
    """
    from sagactl.cli import intervening
    from sagactl.cli.state_file import state_files

    files = state_files(state, allow_network=allow_network_state)
    intervening.abandon(files, run_id, reason, output)


def explain(
    run_id: option.RunId, state: option.State = None, output: option.Output = Format.TABLE
) -> None:
    """Say why a saga stands where it does, what comes next, and what each verb would do now.

    Example: sagactl explain 3fk2
    """
    from sagactl.cli import explaining
    from sagactl.cli.state_file import state_files

    explaining.explain_run(run_id, state_files(state), output)
