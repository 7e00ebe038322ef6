"""How many requests may be under way at a service at once: its `max_concurrency`.

A request that has to wait is not begun: its intent is not written down, so that a crash while it
waits leaves nothing unknown. The count is this process's own.
"""

import asyncio
from collections import Counter, deque

from sagactl.definition.model import Service


class Gate:
    """The places at each service; those who wait for one are let in first come, first served."""

    def __init__(self) -> None:
        self._inside: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    def enter(self, service: Service | None) -> bool:
        """Take a place, if there is one."""
        if service is None or service.max_concurrency is None:
            return True
        if self._inside[service.name] >= service.max_concurrency:
            return False
        self._inside[service.name] += 1
        return True

    def leave(self, service: Service | None) -> None:
        """Give a place back."""
        if service is not None and service.max_concurrency is not None:
            self._inside[service.name] -= 1
            self.wake(service)

    def wait(self, service: Service) -> "asyncio.Future[None]":
        """Done when it may be worth to try again. Whoever then does not must `wake` another."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(service.name, deque()).append(waiting)
        return waiting

    def wake(self, service: Service) -> None:
        """Let as many try again as there are places."""
        assert service.max_concurrency is not None
        free = service.max_concurrency - self._inside[service.name]
        queue = self._waiting.get(service.name, deque())
        while free > 0 and queue:
            waiting = queue.popleft()
            if not waiting.done():
                waiting.set_result(None)
                free -= 1
