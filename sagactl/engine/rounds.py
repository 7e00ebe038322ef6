"""What happens between two waits of a driver, without hands: no clock, no disk, no request.

The loop has two halves. Here is the one that decides: which facts are to be recorded, which calls
begin, when there is more to do, and how a run goes on after a crash. The driver adds the hands. So
whoever rehearses a run with a time, a disk and services of their own goes through the very same.

Everything here is in memory until the driver has committed it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from sagactl.machine.command import Call, Command, Note, Outcome, Phase
from sagactl.machine.event import (
    ActionBegan,
    AttemptBegan,
    CompensationBegan,
    Event,
    LookupBegan,
)
from sagactl.machine.outstanding import orphan_ends, outstanding
from sagactl.machine.plan import Plan
from sagactl.machine.run import Run, apply
from sagactl.machine.verdict import verdict

# An event and the run it led to.
Recorded: TypeAlias = tuple[Event, Run]

BEGAN: dict[Phase, type[AttemptBegan]] = {
    Phase.ACTION: ActionBegan,
    Phase.LOOKUP: LookupBegan,
    Phase.COMPENSATION: CompensationBegan,
}


@dataclass(frozen=True, slots=True)
class Round:
    """What was settled: the run, its new events, the calls to send once those are durable.

    `waiting` is what will be due although nothing ends, the first first.
    """

    run: Run
    recorded: tuple[Recorded, ...]
    begun: tuple[Call, ...]
    waiting: tuple[Command, ...] = ()

    @property
    def wake_at(self) -> float | None:
        """When there is more to do although nothing ends, None: never."""
        return self.waiting[0].due_at if self.waiting else None


def recorded(run: Run | None, events: Iterable[Event]) -> tuple[Recorded, ...]:
    """The events in their order, each with the run it leads to."""
    found: list[Recorded] = []
    for event in events:
        # Order comes from the journal, never from time: no event may seem older than the last.
        if run is not None and event.at < run.updated_at:
            event = replace(event, at=run.updated_at)
        run = apply(run, event)
        found.append((event, run))
    return tuple(found)


def opened(
    plan: Plan, run: Run | None, opening: Iterable[Event], now: float
) -> tuple[Recorded, ...]:
    """How a drive begins: with its opening, and with the end of what nobody will speak for."""
    began = recorded(run, opening)
    standing = began[-1][1] if began else run
    assert standing is not None  # a new run opens with RunStarted
    orphans = orphan_ends(plan, standing, max(now, standing.updated_at))
    return (*began, *recorded(standing, orphans))


def settle(plan: Plan, run: Run, now: Callable[[], float], enter: Callable[[Call], bool]) -> Round:
    """Everything that is due. `enter` takes a place at the call's service, if there is one."""
    new: list[Recorded] = []
    begun: list[Call] = []
    while True:
        at = now()
        commands = outstanding(plan, run)
        due = [c for c in commands if c.due_at is None or c.due_at <= at]
        # A fact can change what ought to be under way; calls begin only when none is left.
        note = next((c for c in due if isinstance(c, Note)), None)
        if note is not None:
            new.extend(recorded(run, [replace(note.event, at=at)]))
            run = new[-1][1]
            continue
        entered = [c for c in due if isinstance(c, Call) and enter(c)]
        if not entered:
            later = [c for c in commands if c.due_at is not None and c.due_at > at]
            waiting = tuple(sorted(later, key=lambda command: command.due_at or 0.0))
            return Round(run, tuple(new), tuple(begun), waiting)
        for call in entered:
            new.extend(recorded(run, [_began(call, at)]))
            run = new[-1][1]
            begun.append(call)


def judged(plan: Plan, run: Run, call: Call, outcome: Outcome, now: float) -> tuple[Recorded, ...]:
    """The end of a call, with its verdict."""
    at = max(now, run.updated_at)
    return recorded(run, [verdict(plan, run, call, outcome, at)])


def _began(call: Call, now: float) -> AttemptBegan:
    return BEGAN[call.phase](
        at=now,
        step=call.step,
        attempt=call.attempt,
        key=call.key,
        method=call.sending.method,
        url=call.sending.url,
        content_type=call.sending.content_type,
        body=call.sending.body,
    )
