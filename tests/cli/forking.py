"""sagactl in a forked child, over and over, so that a start costs milliseconds and can be killed.

`forking.py DEFINITION` reads one JSON object per line: `argv`, `env`, and `kill_after_ms`, null for
never. It answers with one: the exit `status`, negative where a signal ended it, and how long it
took. Everything a run imports is imported before and the definition was read once, so that a kill
strikes at work, and not at what every start does.
"""

import ctypes  # noqa: F401
import getpass
import json
import os
import select
import signal
import sys
import time
from pathlib import Path

from sagactl.cli import app
from sagactl.cli.loading import load_definition


def child(argv: list[str], environment: dict[str, str]) -> None:
    os.environ.update(environment)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    sys.argv = ["sagactl", *argv]
    os._exit(app.run())


def run(order: dict[str, object]) -> int:
    pid = os.fork()
    if pid == 0:
        child(order["argv"], order["env"])  # type: ignore[arg-type]
    limit = order["kill_after_ms"]
    watched = os.pidfd_open(pid)
    ended, _, _ = select.select([watched], [], [], None if limit is None else limit / 1000)  # type: ignore[operator]
    os.close(watched)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


load_definition(Path(sys.argv[1]))
getpass.getuser()
for line in sys.stdin:
    began = time.monotonic()
    status = run(json.loads(line))
    took_ms = (time.monotonic() - began) * 1000
    print(json.dumps({"status": status, "took_ms": took_ms}), flush=True)
