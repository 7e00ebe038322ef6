"""What `--env-file` names: environment variables as `.env` files have them."""

import os
from collections.abc import Iterable
from pathlib import Path

from sagactl.cli.refusal import Refused


def add_environment(files: Iterable[Path]) -> None:
    """Set the variables that the files name; Refused where a line cannot be read.

    What is set already stays, and an earlier file counts before a later one. Nothing is put
    together: `${OTHER}` in a value stays as it is written.
    """
    for file in files:
        for name, value in _variables(file):
            os.environ.setdefault(name, value)


def _variables(file: Path) -> list[tuple[str, str]]:
    from dotenv.parser import parse_stream

    try:
        with file.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file}: cannot be read: {error}") from None
    found = []
    for binding in bindings:
        if binding.error or (binding.key is not None and not _is_usable(binding.value)):
            # The line itself may be a secret, so it is not shown.
            line = binding.original.line + _blank_lines(binding.original.string)
            raise Refused(f"{file}:{line}: a line is NAME=value, with quotes closed")
        if binding.key is not None:
            assert binding.value is not None
            found.append((binding.key, binding.value))
    return found


def _is_usable(value: str | None) -> bool:
    return value is not None and "\0" not in value


def _blank_lines(text: str) -> int:
    """How many blank lines stand before the first that is none."""
    return text[: len(text) - len(text.lstrip())].count("\n")
