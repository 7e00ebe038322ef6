"""A participant that answers from a script, and a clock that stands still until somebody waits."""

import asyncio
from collections.abc import Callable

from sagactl.definition.model import OutcomeKind
from sagactl.machine.command import Call, Outcome

Answer = Outcome | Callable[[Call], Outcome]

APPLIED = Outcome(OutcomeKind.APPLIED, "200 OK", 200, result={"id": "x"})
REJECTED = Outcome(OutcomeKind.REJECTED, "422 Unprocessable Content", 422)
NOT_SENT = Outcome(OutcomeKind.NOT_SENT, "connection refused")
UNKNOWN = Outcome(OutcomeKind.UNKNOWN, "read timed out")


class StillClock:
    """Waiting for a time makes it that time."""

    def __init__(self, at: float = 1_000_000.0) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    async def sleep_until(self, at: float) -> None:
        # Whoever is in flight ends first: only when all else waits does time go by.
        for _ in range(50):
            await asyncio.sleep(0)
        self.at = max(self.at, at)


class Scripted:
    """Answers `"step phase"` in order, the last one for ever; applied where nothing is said."""

    def __init__(self, script: dict[str, list[Outcome]] | None = None) -> None:
        self.script = {key: list(value) for key, value in (script or {}).items()}
        self.calls: list[Call] = []

    async def send(self, call: Call) -> Outcome:
        self.calls.append(call)
        await asyncio.sleep(0)
        answers = self.script.get(f"{call.step} {call.phase}")
        if not answers:
            return APPLIED
        return answers.pop(0) if len(answers) > 1 else answers[0]

    @property
    def told(self) -> list[str]:
        return [f"{call.step} {call.phase}" for call in self.calls]
