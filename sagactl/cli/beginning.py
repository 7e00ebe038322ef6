"""How a run begins, or is gone on with: its ID, its first events, the run that has it already."""

import getpass
import hashlib
import os
import re
import secrets as chance
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sagactl import __version__
from sagactl.cli.refusal import Refused
from sagactl.cli.state_file import Kept, read_run
from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.loader import texts_of
from sagactl.definition.model import Saga
from sagactl.definition.template import evaluate_text
from sagactl.journal.store import RunNotFound, Store
from sagactl.machine.event import Event, RunResumed, RunStarted
from sagactl.machine.plan import Plan
from sagactl.machine.run import Run, reopenings
from sagactl.source.node import Json

# The id goes into headers and names a lock file.
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
TAG_KEY = re.compile(r"[a-z0-9_.-]{1,63}")


@dataclass(frozen=True)
class Begin:
    """What the runs of one definition begin with, besides their inputs."""

    saga: Saga
    plan: Plan
    env: dict[str, str]
    tags: dict[str, str]
    faults: tuple[str, ...]
    sandbox: bool

    def event(self, run_id: str, value: Json, at: float) -> RunStarted:
        """The first event of a run."""
        saga, children = self.saga, texts_of(self.saga)
        return RunStarted(
            at=at,
            run_id=run_id,
            saga=saga.name,
            version=saga.version,
            definition=saga.source.text,
            definition_name=saga.source.name,
            digest=digest_of(saga.source.text, children),
            children=children,
            input=value,
            env=self.env,
            sandbox=self.sandbox,
            faults=list(self.faults),
            sagactl=__version__,
            tags=self.tags,
        )


def resumed_events(run: Run, now: float, deadline_at: float | None) -> list[Event]:
    """What a run goes on with when somebody resumes it."""
    resumed = RunResumed(at=now, operator=operator(), deadline_at=deadline_at)
    return [resumed, *reopenings(run, now)]


def existing_run(store: Store, started: RunStarted) -> Kept | None:
    """The run that already has this ID; Refused where it is another saga's or another input's."""
    try:
        kept = read_run(store, started.run_id)
    except RunNotFound:
        return None
    differs = [
        what
        for what, same in (
            ("definition", kept.run.digest == started.digest),
            ("input", kept.run.input == started.input),
        )
        if not same
    ]
    if differs:
        raise Refused(
            f'a saga with the ID "{started.run_id}" exists, with another {" and ".join(differs)}: '
            f"see sagactl show {started.run_id}, or give another --id; nothing was sent"
        )
    return kept


def run_id_of(saga: Saga, given: str | None, value: Json, env: dict[str, str]) -> str:
    """The ID given, else the one that the saga derives from its input, else one by chance."""
    if given is None and saga.id is not None:
        try:
            given = evaluate_text(saga.id, {"input": value, "env": env})
        except ExpressionFailed as failure:
            raise Refused(f"{saga.id.node.place}: the saga's id: {failure}") from None
    if given is None:
        # 128 bits, so that nobody guesses or meets another's; the alphabet is easy to read out.
        return "".join(chance.choice("abcdefghjkmnpqrstvwxyz23456789") for _ in range(26))
    if not RUN_ID.fullmatch(given):
        raise Refused(
            f'the ID "{given}" must be 1 to 128 letters, digits, ".", "_", ":" or "-", '
            "beginning with a letter or digit"
        )
    return given


def parse_tags(pairs: list[str]) -> dict[str, str]:
    """The tags of `--tag key=value`; Refused for others."""
    tags = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not TAG_KEY.fullmatch(key):
            raise Refused(
                f'--tag takes key=value with a key of small letters, digits, "_", "." or "-", '
                f'not "{pair}"'
            )
        tags[key] = value
    return tags


def checked_faults(
    saga: Saga, texts: list[str], *, sandbox: bool, file: Path | None = None
) -> tuple[str, ...]:
    """The faults of `--fail` and `--fail-file`; Refused where they make no sense for this saga."""
    if not texts and file is None:
        return ()
    if not sandbox:
        option = "--fail" if texts else "--fail-file"
        raise Refused(f"{option} makes the sandbox misbehave: it goes with --sandbox")
    from sagactl.cli.fault_order import ordered_faults

    return tuple(map(str, ordered_faults(saga, texts, file)))


def digest_of(text: str, children: Mapping[str, str]) -> str:
    """What tells one definition, with all of its sub-sagas, from another."""
    digest = hashlib.sha256(text.encode())
    for name, child in sorted(children.items()):
        digest.update(f"\n{name}\n{child}".encode())
    return digest.hexdigest()


def operator() -> str:
    """Who is at the keyboard, for the history."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a container without an entry for its user
        return f"{os.getuid()}@{socket.gethostname()}"
