"""A sandbox in a process of its own: `sandbox_process.py LEDGER [FAULT…]`, to be killed."""

import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from rehearsal.play import ORDER, saga_of  # noqa: E402

from sagactl.rehearsal.fault import parse_fault  # noqa: E402
from sagactl.rehearsal.ledger import Ledger  # noqa: E402
from sagactl.rehearsal.server import Sandbox  # noqa: E402


async def serve(ledger: Path, faults: list[str]) -> None:
    played = Sandbox(saga_of(ORDER), Ledger(ledger), [parse_fault(text) for text in faults])
    host, port = await played.start()
    print(host, port, flush=True)
    await asyncio.Event().wait()


asyncio.run(serve(Path(sys.argv[1]), sys.argv[2:]))
