"""Time, and waiting for it.

A clock never runs backwards and never jumps: it starts from the wall clock and then counts by
itself, suspended hours included, so that an hour set back neither revives a deadline nor fires a
timer twice.
"""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...

    async def sleep_until(self, at: float) -> None: ...


class SystemClock:
    """The real time, anchored to the wall clock once, and never before `not_before`.

    A run that goes on must not find itself in front of its own past: where the wall clock was set
    back meanwhile, a wait of a second would become one of an hour. `behind_s` says by how much.
    """

    # A suspended machine stops asyncio's timers; waking up this often finds out that time went by.
    LONGEST_NAP_S = 30.0

    def __init__(self, not_before: float = 0.0) -> None:
        now = time.time()
        self.behind_s = max(0.0, not_before - now)
        self._anchor = now + self.behind_s - _elapsed()

    def now(self) -> float:
        return self._anchor + _elapsed()

    async def sleep_until(self, at: float) -> None:
        while (left := at - self.now()) > 0:
            await asyncio.sleep(min(left, self.LONGEST_NAP_S))


def _elapsed() -> float:
    # CLOCK_BOOTTIME counts a suspended laptop's night; only Linux has it.
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)
