"""Virtual time: it stands still while anything can move, and leaps when nothing can.

Theory of operation
-------------------
Nothing in a simulated run waits for anything outside of it: no socket, no thread, no timer of
asyncio's. So the event loop asks its selector to wait without a limit exactly when every task waits
for a time, and only then the earliest of these times becomes now. A day's sleep takes no time, and
the order of what happens is the same whenever it is told again.
"""

import asyncio
import heapq
import itertools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class NothingMoves(RuntimeError):
    """Everything waits, and nothing for a time: it would be for ever."""


class LeapingClock:
    """A clock whose times come as soon as nothing else can happen before them."""

    def __init__(self, at: float) -> None:
        self._now = at
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    async def sleep_until(self, at: float) -> None:
        if at <= self._now:
            return
        due = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (at, next(self._order), due))
        await due

    def leap(self) -> None:
        """Make it the earliest time that somebody waits for."""
        while self._waiting:
            at, _, due = heapq.heappop(self._waiting)
            if not due.done():  # whoever waited for it may have been cancelled
                self._now = at
                due.set_result(None)
                return
        raise NothingMoves


def run_leaping(clock: LeapingClock, main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in the time of `clock`."""
    with asyncio.Runner(loop_factory=lambda: _loop(clock.leap)) as runner:
        return runner.run(main)


def _loop(leap: Callable[[], None]) -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(_Leaping(leap))


class _Leaping(selectors.SelectSelector):
    """A selector that has the clock leap where it would wait without end."""

    def __init__(self, leap: Callable[[], None]) -> None:
        super().__init__()
        self._leap = leap

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            self._leap()
            timeout = 0.0
        return super().select(timeout)
