"""An attempt from its beginning to its end, for whoever keeps a log of them."""

from dataclasses import dataclass

from sagactl.machine.command import Call, Outcome
from sagactl.machine.plan import Plan
from sagactl.machine.run import Run


@dataclass(frozen=True, slots=True)
class Attempted:
    """A call that was sent, and how it ended; times in seconds since 1970-01-01 UTC."""

    plan: Plan
    run: Run
    call: Call
    outcome: Outcome
    began_at: float
    ended_at: float
