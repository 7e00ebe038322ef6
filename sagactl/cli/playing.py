"""What sandbox does: the services of a definition, played on loopback until Ctrl-C."""

import asyncio
import errno
import json
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sagactl.cli.fault_order import ordered_faults
from sagactl.cli.form import Format
from sagactl.cli.loading import load_definition
from sagactl.cli.printing import Unprintable, has_colour, note, print_lines
from sagactl.cli.refusal import Refused
from sagactl.cli.secret import PREFIX, SANDBOX_SECRET
from sagactl.definition.model import Saga
from sagactl.definition.policy import names_under
from sagactl.machine.played import PlayedCall, call_document
from sagactl.rehearsal.fault import Fault, FaultKind
from sagactl.rehearsal.ledger import Ledger
from sagactl.rehearsal.operation import operations
from sagactl.rehearsal.server import LEDGER_PATH, Sandbox
from sagactl.rehearsal.whereabouts import whereabouts
from sagactl.views.calls import CallLines, whom
from sagactl.views.diagram import ledger_lines


@dataclass(frozen=True)
class Wish:
    """What is to be played, and how; `port` 0 is any that is free."""

    file: Path
    port: int
    fail: list[str]
    fail_file: Path | None
    ledger: Path | None
    output: Format


def sandbox(wish: Wish) -> None:
    if wish.output is Format.YAML:
        raise Refused("calls are told one a line: -o takes table or json here")
    saga = load_definition(wish.file)
    faults = ordered_faults(saga, wish.fail, wish.fail_file)
    _check_reachable(faults)
    asyncio.run(_serve(saga, faults, wish))


async def _serve(saga: Saga, faults: list[Fault], wish: Wish) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A shell starts background jobs with SIGINT ignored, and nohup with SIGHUP: so be it.
        if signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
    ledger = Ledger(wish.ledger)
    before = len(ledger.calls())
    played = Sandbox(saga, ledger, faults, on_call=_Log(saga, wish.output).hear)
    try:
        host, port = await played.start(port=wish.port)
    except OSError as error:
        raise Refused(_said(wish.port, error)) from None
    _tell_where(saga, f"http://{host}:{port}")
    await ended.wait()
    await played.close()
    print_lines(ledger_lines(ledger.left(), ledger.calls()[before:]), sys.stderr)


def _check_reachable(faults: list[Fault]) -> None:
    for fault in faults:
        if fault.kind is FaultKind.REFUSED:
            raise Refused(
                f'"{fault}" is for run --sandbox: here a call is known only once the connection '
                "stands, and then it is refused no more; 429 says as surely that nothing was done"
            )


def _said(port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is taken: give another --port, or none for any that is free"
        case errno.EACCES:
            return f"port {port} is not for everybody: give a --port from 1024 on"
    return f"port {port}: {os.strerror(error.errno or 0).lower()}"


def _tell_where(saga: Saga, root: str) -> None:
    found = whereabouts(saga)
    note(f"{saga.name} is played until Ctrl-C; what was called is at {root}{LEDGER_PATH}")
    for name, path in found.others.items():
        note(f'"{name}" is at {root}{path}: the definition writes its URL out')
    if found.variables:
        note("whoever calls needs this:")
        print_lines(_exports(saga, root, found.variables), sys.stderr)


def _exports(saga: Saga, root: str, variables: dict[str, str]) -> Iterator[str]:
    """What to paste into a shell, so that a run finds the sandbox."""
    for name, path in variables.items():
        yield f"export {name}={shlex.quote(root + path)}"
    for name in names_under(saga, "secrets"):
        yield f"export {PREFIX}{name.upper()}={SANDBOX_SECRET}"


class _Log:
    """Tells each call on stdout. Nobody who stops reading stops the sandbox."""

    def __init__(self, saga: Saga, output: Format) -> None:
        phases = (whom(one.path, one.phase) for one in operations(saga))
        self._lines = CallLines(phases, colour=has_colour(sys.stdout))
        self._output = output
        self._is_read = True

    def hear(self, call: PlayedCall) -> None:
        if not self._is_read:
            return
        if self._output is Format.JSON:
            line = json.dumps(call_document(call), separators=(",", ":"))
        else:
            line = self._lines.line(call)
        try:
            print_lines([line])
        except Unprintable as error:
            self._is_read = False
            note(f"{error}; the services are played on")
