"""What is typed for a live test, and that it goes with nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagactl.cli.exit import Exit
from sagactl.cli.form import Format, TestFormat
from sagactl.cli.refusal import Refused


@dataclass(frozen=True)
class Typed:
    """What is typed for a live test alone."""

    services: Sequence[str] | None
    skip: Sequence[str] | None
    yes: bool
    inputs: Sequence[str] | None
    input_file: str | None
    verbose: bool
    env_file: list[Path] | None
    secrets_file: Path | None


def live_test_of(paths: Sequence[Path], typed: Typed, form: TestFormat) -> Exit:
    """A live test as it is typed; Refused for several definitions, or a form it does not have."""
    from sagactl.cli import live_testing
    from sagactl.cli.env_file import add_environment

    if len(paths) != 1:
        raise Refused("--live asks the services of one definition: name its file")
    try:
        output = Format(form.value)
    except ValueError:
        raise Refused(f"--live prints a table, json or yaml, not {form}") from None
    add_environment(typed.env_file or [])
    wish = live_testing.Wish(
        paths[0],
        typed.inputs or (),
        typed.input_file,
        typed.services or (),
        typed.skip or (),
        typed.secrets_file,
        typed.yes,
        typed.verbose,
    )
    return live_testing.live_test(wish, output)


def demand_none(typed: Typed) -> None:
    """Refuse what has no meaning where nothing is sent."""
    names = ("--service", "--skip", "--yes", "-i", "--input-file", "-v", "--env-file")
    given = dict(zip((*names, "--secrets-file"), vars(typed).values(), strict=True))
    odd = next((name for name, value in given.items() if value), None)
    if odd is not None:
        raise Refused(f"{odd} goes with --live: without it nothing is sent")


def demand_alone(given: Mapping[str, object]) -> None:
    """Refuse what has no meaning where real services are asked; `given` is by option."""
    odd = next((name for name, value in given.items() if value), None)
    if odd is not None:
        raise Refused(f"{odd} goes without --live: nothing is rehearsed with it")
