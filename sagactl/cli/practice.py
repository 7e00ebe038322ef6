"""The verb `test` as it is typed: failure, practised before production does."""

from pathlib import Path
from typing import Annotated

import typer

from sagactl.cli import option
from sagactl.cli.option import TestFormat

Tested = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Definitions, files of tests, or folders to search (default: .).", metavar="PATH…"
    ),
]
Word = Annotated[
    str | None,
    typer.Option("-k", metavar="WORD", help="Only written tests with WORD in their names."),
]
Depth = Annotated[
    int, typer.Option("--depth", min=0, max=5, help="How many troubles come together.")
]
Most = Annotated[
    int,
    typer.Option("--max-states", min=1, help="Walk no more states than this of a definition."),
]
Explained = Annotated[
    str | None,
    typer.Option("--explain", metavar="STEP.TROUBLE", help="The story of one cell."),
]
Covered = Annotated[
    bool, typer.Option("--coverage", help="Tell what was walked of machine and definition.")
]
Begun = Annotated[
    str | None,
    typer.Option("--from", metavar="ID", help="What can still happen to a saga that was begun."),
]
Reports = Annotated[
    list[Path] | None,
    typer.Option(
        "--report", metavar="FILE", help="Write .html, .xml (JUnit), .md or .json too; repeatable."
    ),
]
Live = Annotated[
    bool, typer.Option("--live", help="Ask the real services what they keep of their contract.")
]
Staging = Annotated[
    list[str] | None,
    typer.Option("--service", metavar="NAME=URL", help="With --live: where it is; repeatable."),
]
Skipped = Annotated[
    list[str] | None,
    typer.Option("--skip", metavar="STEP", help="With --live: leave a step out; repeatable."),
]
Output = Annotated[
    TestFormat, typer.Option("-o", "--output", help="How what came of it is printed.")
]


def rehearse(
    paths: Tested = None,
    word: Word = None,
    depth: Depth = 2,
    max_states: Most = 100_000,
    explain: Explained = None,
    coverage: Covered = False,
    begun: Begun = None,
    report: Reports = None,
    live: Live = False,
    service: Staging = None,
    skip: Skipped = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --live: do not ask first.")] = False,
    inputs: option.Inputs = None,
    input_file: option.InputFile = None,
    verbose: option.Verbose = False,
    env_file: option.EnvFile = None,
    secrets_file: option.SecretsFile = None,
    state: option.State = None,
    output: Output = TestFormat.TABLE,
) -> None:
    """Rehearse every failure of a definition, without a network, and judge its compensations.

    Every schedule of troubles and crashes is walked by the machine that runs sagas; a hole is told
    by the shortest story that leads to it. Tests that are written beside definitions are played
    too. Exit 1 where there is a hole, or something came otherwise. With --live, real services in a
    staging environment are asked what they keep of what a saga relies on.

    Example: sagactl test order.yaml --explain charge.unknown-done
    """
    from sagactl.cli.env_file import add_environment

    if live:
        from sagactl.cli import live_testing

        add_environment(env_file or [])
        wish = live_testing.Wish(
            live_testing.the_one_file(paths or []), inputs or [], input_file, service or [],
            skip or [], secrets_file, yes, verbose,
        )  # fmt: skip
        raise typer.Exit(live_testing.live_test(wish, live_testing.format_of(output)))
    from sagactl.cli import testing
    from sagactl.cli.refusal import Refused

    asked = {"--service": service, "--skip": skip, "--yes": yes, "-i": inputs,
             "--input-file": input_file, "-v": verbose, "--env-file": env_file,
             "--secrets-file": secrets_file}  # fmt: skip
    odd = [name for name, given in asked.items() if given]
    if odd:
        raise Refused(f"{odd[0]} goes with --live: without it nothing is sent")
    asked_for = testing.Wish(
        paths=paths,
        word=word,
        depth=depth,
        max_states=max_states,
        explain=explain,
        coverage=coverage,
        begun=begun,
        reports=report or [],
        state=state,
        form=output,
    )
    raise typer.Exit(testing.rehearse(asked_for))
