"""A process that meets animals one after the other and says what each cost it.

`zoo_child.py TIMEOUT_S URL…` prints one JSON object per URL: its outcome, by how much it outlived
its deadline in seconds, and by how much this process has grown since it began, in bytes.
"""

import asyncio
import json
import sys
import threading
import time
from pathlib import Path

from participants.calls import call

from sagactl.definition.model import OutcomeKind
from sagactl.machine.command import Outcome
from sagactl.participants.web import Web


class Deadline(threading.Thread):
    """When the deadline is over on this machine, as busy as it is; not by the loop's own clock."""

    def __init__(self, after_s: float) -> None:
        super().__init__(daemon=True)
        self.after_s = after_s
        self.over_at = float("inf")
        self.start()

    def run(self) -> None:
        time.sleep(self.after_s)
        self.over_at = time.monotonic()


def peak() -> int:
    # Not ru_maxrss: that begins with what the process was before it became this program.
    lines = Path("/proc/self/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


async def meet(web: Web, url: str, timeout_s: float) -> tuple[Outcome, float]:
    deadline = Deadline(timeout_s)
    outcome = await web.send(call(url, timeout_s=timeout_s, needs_body=True))
    return outcome, max(0.0, time.monotonic() - deadline.over_at)


async def story(timeout_s: float, first: str, urls: list[str]) -> None:
    web = Web({"TOKEN": "canary-1"})
    outcome, _ = await meet(web, first, 60.0)
    assert outcome.kind is OutcomeKind.APPLIED  # from here on nothing is imported any more
    before = peak()
    for url in urls:
        outcome, late_s = await meet(web, url, timeout_s)
        told = {"outcome": outcome.kind, "late_s": late_s, "grown": peak() - before}
        print(json.dumps({**told, "detail": outcome.detail}), flush=True)
        del outcome  # or it counts as what the next one takes
    await web.aclose()


if __name__ == "__main__":
    asyncio.run(story(float(sys.argv[1]), sys.argv[2], sys.argv[3:]))
