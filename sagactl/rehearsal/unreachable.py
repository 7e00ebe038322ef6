"""A service that nobody reaches: the fault that strikes before there is a connection.

Whoever sends is asked first, because a service cannot refuse what it has let in. The call then goes
to a port on which nobody listens, so what comes of it is what comes of a service that is down.
"""

import socket

from sagactl.engine.driver import Participant
from sagactl.machine.command import Call, Outcome
from sagactl.rehearsal.server import Sandbox


class Unreachable:
    """Sends calls to the sandbox, but those that are to find nobody listening to nobody."""

    def __init__(self, sandbox: Sandbox, there: Participant, nowhere: Participant) -> None:
        self._sandbox = sandbox
        self._there = there
        self._nowhere = nowhere

    async def send(self, call: Call) -> Outcome:
        """Send the call once and say how it ended."""
        refuses = self._sandbox.refuses(call)
        return await (self._nowhere if refuses else self._there).send(call)


def silent_port() -> socket.socket:
    """A port of our own on which nobody listens, for as long as the socket is open."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound
