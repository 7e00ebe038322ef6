"""Environment values and secrets: collected before anything is sent, secrets never kept."""

import os
from collections.abc import Mapping
from pathlib import Path

from sagactl.cli.refusal import Refused
from sagactl.definition.model import Saga
from sagactl.definition.policy import names_under

PREFIX = "SAGACTL_SECRET_"
# What a secret is in the sandbox, where nobody asks for the right one.
SANDBOX_SECRET = "played-by-the-sandbox"


def read_env(saga: Saga, kept: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment values that the definition reads; Refused where one is missing.

    What is `kept` of a run counts before what the environment says now.
    """
    wanted = names_under(saga, "env")
    known = {**os.environ, **(kept or {})}
    missing = [name for name in wanted if name not in known]
    if missing:
        raise Refused(
            *(
                f'{wanted[name].place}: the environment variable "{name}" is not set'
                for name in missing
            )
        )
    return {name: known[name] for name in wanted}


def read_secrets(saga: Saga, file: Path | None, *, sandbox: bool) -> dict[str, str]:
    """The secrets that the definition reads; Refused where one is missing."""
    known = _from_file(file) if file is not None else {}
    wanted = names_under(saga, "secrets")
    found = {name: known.get(name, os.environ.get(PREFIX + name.upper())) for name in wanted}
    if sandbox:
        found = {name: SANDBOX_SECRET if value is None else value for name, value in found.items()}
    missing = [name for name, value in found.items() if value is None]
    if missing:
        raise Refused(
            *(
                f'{wanted[name].place}: the secret "{name}" is missing: '
                f"set {PREFIX}{name.upper()}, or give a --secrets-file"
                for name in missing
            )
        )
    return {name: value for name, value in found.items() if value is not None}


def _from_file(file: Path) -> dict[str, str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file}: cannot be read: {error}") from None
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            # The line itself may be a secret, so it is not shown.
            raise Refused(f"{file}:{number}: a line is NAME=value")
        found[name.strip()] = value.strip()
    return found
