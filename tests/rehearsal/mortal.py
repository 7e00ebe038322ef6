"""sagactl in a forked child that dies, by SIGKILL, while a chosen request is with its service.

Reads one JSON object a line: `argv`, the folder `cwd` to be in, the file `out` for what it says,
and `deaths`: a list of [step, phase, attempt, moment]. The sandbox that it plays for itself kills
it right before it takes such a request in, or right behind it, when its effect is on the disk and
its reply has not left. Answers with the exit `status`, negative where a signal ended it, and `died`:
how far down that list the one stands that struck, or null.

Its clock stands still while the program does not wait: what is due is then due in the very moment
in which it is found out, and whoever follows its journal need not guess what came in between.
Everything a run imports is imported before, so that a start costs milliseconds.
"""

import asyncio
import getpass
import json
import os
import signal
import sys
from typing import Any

from sagactl.cli import (  # noqa: F401
    app,
    ending,
    fault_order,
    looking,
    menu,
    performance,
    resuming,
    running,
)
from sagactl.engine.clock import SystemClock
from sagactl.participants import tls, transport, web  # noqa: F401
from sagactl.rehearsal import fault_file, server, stage, unreachable  # noqa: F401
from sagactl.rehearsal.participant import Participant, Played, Turn
from sagactl.views import document, summary  # noqa: F401

play = Participant.play
now = SystemClock.now


class Standing:
    """A clock's time, read once in each turn of the event loop."""

    def __init__(self) -> None:
        self._at: float | None = None

    def read(self, clock: SystemClock) -> float:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return now(clock)
        if self._at is None:
            self._at = now(clock)
            loop.call_soon(self._go_on)
        return self._at

    def _go_on(self) -> None:
        self._at = None


def child(order: dict[str, Any], told: int) -> None:
    os.chdir(order["cwd"])
    deaths = {tuple(death): number for number, death in enumerate(order["deaths"])}

    def dying_play(self: Participant, turn: Turn) -> Played:
        place = None
        if turn.match is not None:
            place = (turn.match.instance, turn.match.operation.phase, turn.attempt)
        die(place, "before")
        played = play(self, turn)
        die(place, "behind")
        return played

    def die(place: tuple[Any, ...] | None, moment: str) -> None:
        number = None if place is None else deaths.get((*place, moment))
        if number is not None:
            os.write(told, str(number).encode())
            os.kill(os.getpid(), signal.SIGKILL)

    Participant.play = dying_play  # type: ignore[method-assign]
    standing = Standing()
    SystemClock.now = lambda clock: standing.read(clock)  # type: ignore[method-assign]
    out = os.open(order["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), out, out)):
        os.dup2(file, number)
    sys.argv = ["sagactl", *order["argv"]]
    status = app.run()
    sys.stdout.flush()
    os._exit(status)


def run(order: dict[str, Any]) -> dict[str, int | None]:
    heard, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        child(order, told)
    os.close(told)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    died = os.read(heard, 16)
    os.close(heard)
    return {"status": status, "died": int(died) if died else None}


getpass.getuser()
for name in ("run", "resume", "show"):
    menu.menu(name)
for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
