"""The verb that tests, as it is typed."""

from typing import Annotated

import typer

from sagactl.cli import option
from sagactl.cli.option import Format

Staging = Annotated[
    list[str] | None,
    typer.Option("--service", metavar="NAME=URL", help="Where a service is; repeatable."),
]
Skipped = Annotated[
    list[str] | None,
    typer.Option("--skip", metavar="STEP", help="Leave a step out, and what needs it; repeatable."),
]


def rehearse(
    file: option.Definition,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the real services what they keep of their contract.")
    ] = False,
    inputs: option.Inputs = None,
    input_file: option.InputFile = None,
    service: Staging = None,
    skip: Skipped = None,
    yes: Annotated[bool, typer.Option("--yes", help="Send it without being asked.")] = False,
    verbose: option.Verbose = False,
    env_file: option.EnvFile = None,
    secrets_file: option.SecretsFile = None,
    output: option.Output = Format.TABLE,
) -> None:
    """Ask the services of a definition, in a staging environment, for what a saga relies on.

    With --live each step is carried out, repeated and undone for real, and exit 0 says that every
    promise asked for is kept. Only the hosts of the definition are contacted.

    Example: sagactl test --live order.yaml --env-file staging.env
    """
    from sagactl.cli.env_file import add_environment
    from sagactl.cli.refusal import Refused

    if not live:
        raise Refused("only --live is there yet")
    from sagactl.cli import live_testing

    add_environment(env_file or [])
    wish = live_testing.Wish(
        file,
        inputs or [],
        input_file,
        service or [],
        skip or [],
        secrets_file,
        yes,
        verbose,
    )
    raise typer.Exit(live_testing.live_test(wish, output))
