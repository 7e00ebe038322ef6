"""What sandbox does: the services of a definition, played on loopback until Ctrl-C."""

import asyncio
import signal
import sys
from pathlib import Path

from sagactl.cli.loading import load_definition
from sagactl.cli.refusal import Refused
from sagactl.definition.model import Saga


def sandbox(file: Path, port: int, fail: list[str], ledger: Path | None) -> None:
    saga = load_definition(file)
    try:
        asyncio.run(_serve(saga, port, fail, ledger))
    except OSError as error:
        raise Refused(f"port {port}: {error.strerror or error}") from None


async def _serve(saga: Saga, port: int, fail: list[str], ledger: Path | None) -> None:
    from sagactl.rehearsal.fault import FaultRejected, check_faults, parse_fault
    from sagactl.rehearsal.ledger import Ledger
    from sagactl.rehearsal.server import Sandbox

    try:
        faults = [parse_fault(text) for text in fail]
        check_faults(faults, saga)
    except FaultRejected as error:
        raise Refused(str(error)) from None
    played = Sandbox(saga, Ledger(ledger), faults, on_call=lambda call: print(call, flush=True))
    host, bound = await played.start(port=port)
    for name in saga.services:
        print(f"{name}: http://{host}:{bound}/{name}", file=sys.stderr, flush=True)
    print(f"ledger: http://{host}:{bound}/_ledger", file=sys.stderr, flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await played.close()
