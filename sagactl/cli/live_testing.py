"""What `test --live` does: real services asked for what they promise, once somebody said yes."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import typer

from sagactl.cli.attempt_log import AttemptLog
from sagactl.cli.beginning import Begin
from sagactl.cli.exit import Exit
from sagactl.cli.form import Format
from sagactl.cli.input import example_input, fitting_input, gather_input
from sagactl.cli.loading import load_definition
from sagactl.cli.performance import Signals
from sagactl.cli.printing import (
    Unprintable,
    has_colour,
    note,
    print_lines,
    print_value,
)
from sagactl.cli.refusal import Refused
from sagactl.cli.secret import read_env, read_secrets
from sagactl.definition.model import Saga
from sagactl.engine.clock import SystemClock
from sagactl.machine.contract import Contract
from sagactl.machine.event import RunStarted
from sagactl.machine.plan import Plan, make_plan, unfolded
from sagactl.machine.request import path_as_written
from sagactl.participants.tls import TlsUnreadable, check_files
from sagactl.rehearsal.live.asking import Asker
from sagactl.rehearsal.live.programme import forecast
from sagactl.rehearsal.live.target import Targets, TargetUnknown, fenced, pointed
from sagactl.rehearsal.live.walk import Walk, fresh_id
from sagactl.source.node import Json
from sagactl.source.problem import nearest
from sagactl.views.promises import contract_document, contract_lines, forecast_lines
from sagactl.views.veil import Veil, veil_of

NOTHING_SENT = "nothing was sent"


@dataclass(frozen=True)
class Wish:
    """What somebody wants to have tested, and where: `services` are NAME=URL."""

    file: Path
    inputs: Sequence[str] = ()
    input_file: str | None = None
    services: Sequence[str] = ()
    skip: Sequence[str] = ()
    secrets_file: Path | None = None
    yes: bool = False
    verbose: bool = False


@dataclass(frozen=True)
class _Test:
    """All that is needed to begin; whatever can be wrong with it was told by now."""

    plan: Plan
    opening: RunStarted
    secrets: dict[str, str]
    targets: Targets
    skipped: frozenset[str]
    log: AttemptLog


def live_test(wish: Wish, output: Format) -> Exit:
    """Ask the services of a definition, and print what they keep; Refused before that."""
    test = _prepared(wish)
    _agree(test, yes=wish.yes)
    contract, veil, ended = asyncio.run(_perform(test))
    try:
        if output is Format.TABLE:
            print_lines(contract_lines(contract, veil, colour=has_colour(sys.stdout)))
        else:
            print_value(contract_document(contract, veil), output)
    except Unprintable as error:
        note(str(error))
    if ended is not None:
        return ended
    return Exit.OK if contract.is_kept else Exit.FAILED


def _prepared(wish: Wish) -> _Test:
    saga = load_definition(wish.file)
    try:
        saga = pointed(saga, _urls(wish.services))
        env = read_env(saga)
        targets = Targets(saga, env)
        check_files(saga)
    except (TargetUnknown, TlsUnreadable) as error:
        raise Refused(f"{error}; {NOTHING_SENT}") from None
    secrets = read_secrets(saga, wish.secrets_file, sandbox=False)
    plan = make_plan(saga)
    skipped = _skipped(plan, wish.skip)
    opening = _opening(plan, _given(saga, wish), env)
    log = AttemptLog(is_verbose=wish.verbose)
    return _Test(plan, opening, secrets, targets, skipped, log)


def _agree(test: _Test, *, yes: bool) -> None:
    """Tell what is going to happen, and go on only where somebody agrees."""
    foreseen = forecast(test.plan, test.targets, test.skipped)
    note(*forecast_lines(test.plan.saga.name, foreseen))
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(
            f"a live test sends real requests: say --yes, or start it in a terminal, which asks; "
            f"{NOTHING_SENT}"
        )
    if not typer.confirm("sagactl: go on?", err=True):
        raise Refused(NOTHING_SENT)


async def _perform(test: _Test) -> tuple[Contract, Veil, Exit | None]:
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        web = fenced(test.targets, test.secrets, clock.now)
        stack.push_async_callback(web.aclose)
        asker = Asker(test.plan, web, clock, test.log.hear)
        walk = Walk(test.plan, asker, test.targets, test.skipped, note)
        with Signals(walk, _Remarks()) as signals:
            contract = await walk.perform(test.opening)
    return contract, veil_of(test.plan, walk.run), signals.exit


class _Remarks:
    """What a signal does here, in words of its own."""

    def __init__(self) -> None:
        self._words = [
            "stopping: what was done is undone first; once more leaves it as it stands",
            "cut off; what may be left is told below",
        ]

    def say(self, text: str) -> None:
        note(self._words.pop(0) if self._words else text)


def _urls(pairs: Sequence[str]) -> dict[str, str]:
    urls = {}
    for pair in pairs:
        name, equals, url = pair.partition("=")
        if not equals or not name or not url:
            raise Refused(f'--service takes NAME=URL, not "{pair}"')
        urls[name] = url
    return urls


def _skipped(plan: Plan, names: Sequence[str]) -> frozenset[str]:
    known = tuple(dict.fromkeys(path_as_written(planned.name) for planned in unfolded(plan)))
    for name in names:
        if name not in known:
            close = nearest(name, known)
            meant = f'; did you mean "{close}"?' if close else f": there are {', '.join(known)}"
            raise Refused(f'--skip: "{name}" is no step of "{plan.saga.name}"{meant}')
    return frozenset(names)


def _given(saga: Saga, wish: Wish) -> Json:
    if not wish.inputs and wish.input_file is None:
        example = example_input(saga)
        if example is not None:
            note("no input given: the definition's example is used")
            return fitting_input(saga, example)
    return gather_input(saga, list(wish.inputs), wish.input_file)


def _opening(plan: Plan, value: Json, env: dict[str, str]) -> RunStarted:
    """A saga that is never kept; its ID is none that a definition would derive."""
    begin = Begin(plan.saga, plan, env, {}, (), sandbox=False)
    return begin.event(fresh_id(), value, SystemClock().now())
