"""The verb `test` as it is typed: failure, practised before production does."""

from pathlib import Path
from typing import Annotated

import typer

from sagactl.cli import option
from sagactl.cli.form import TestFormat

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
First = Annotated[
    bool, typer.Option("-x", "--exitfirst", help="Stop at the first hole of a definition.")
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
    at_first: First = False,
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

    Every schedule of troubles and crashes is walked; a hole is told by its shortest story, exit 1.
    Tests written beside definitions are played too. --live asks real services in staging.

    Example: sagactl test order.yaml --explain charge.unknown-done
    """
    from sagactl.cli import staging, testing

    typed = staging.Typed(service, skip, yes, inputs, input_file, verbose, env_file, secrets_file)
    if live:
        staging.demand_alone(
            {"-k": word, "-x": at_first, "--explain": explain, "--coverage": coverage,
             "--from": begun, "--report": report}
        )  # fmt: skip
        raise typer.Exit(staging.live_test_of(paths or [], typed, output))
    staging.demand_none(typed)
    bounds = testing.Most(depth, max_states, at_first)
    wish = testing.Wish(paths, word, bounds, explain, coverage, begun, report or [], state, output)
    raise typer.Exit(testing.rehearse(wish))
