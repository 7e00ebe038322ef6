"""A case in the simulated world, walked by the rehearsal's own walker.

What a service does to each call, and where sagactl dies, says the case. What no case can say is
which of several calls at once ends first, and which of those that were under way beside the one at
which sagactl died had arrived: there the simulation goes the way that the real run went, by its
journal and by the length of its ledger at each death. All else it finds out for itself, fact by
fact, and it is `Astray` where it comes to another one. A case in which nothing is at once is walked
without knowing of any real run (`alone`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import permutations

from rehearsal.script import (
    DONE,
    HEARD,
    NOT_DONE,
    REFUSALS,
    SPOILT,
    TIMEOUTS,
    UNSENT,
    WELL,
    Case,
    Kill,
)

from sagactl.definition.model import Saga
from sagactl.machine import event as e
from sagactl.machine.command import Call, Phase
from sagactl.machine.plan import expanded
from sagactl.machine.state import saga_state
from sagactl.rehearsal.ledger import PlayedCall
from sagactl.rehearsal.proof.answer import How
from sagactl.rehearsal.proof.course import Course
from sagactl.rehearsal.proof.deed import Crashed, Pace, Way, Woken
from sagactl.rehearsal.proof.judge import Judge
from sagactl.rehearsal.proof.stand import Stand
from sagactl.rehearsal.proof.world import World
from sagactl.rehearsal.stage import staged

# Each word of a script: how its call ends, and whether it did anything.
ENDS: dict[str, tuple[How, bool]] = {
    WELL: (How.HEARD, True),
    **dict.fromkeys(HEARD, (How.HEARD, True)),
    **dict.fromkeys(REFUSALS, (How.REFUSED, False)),
    **dict.fromkeys(UNSENT, (How.UNREACHED, False)),
    **dict.fromkeys(DONE, (How.UNHEARD, True)),
    **dict.fromkeys(NOT_DONE, (How.UNHEARD, False)),
    **dict.fromkeys(SPOILT, (How.CUT, True)),
}
UNREACHED = "refused"  # it never comes to its service, which therefore kills nobody
# What a service said, in what words, and what says when or by whom: the worlds differ in it.
UNSAID = ("at", "status", "detail", "operator", "definition", "definition_name", "digest", "faults")
MOST_PACES = 3000
# What a judge holds against an end as such; all else is about why a person is needed.
JUDGED = ("effect-left", "effect-lost", "late-landing", "never-ends")

Place = tuple[str, Phase]


class TooSlow(Exception):
    """The real run gave up an attempt that nothing kept waiting: its machine was too busy."""


class Astray(Exception):
    """The simulation does not go where the real run went; the message says where."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a case. `effects`: how often each step was done and undone.

    `accused`: what stands though it must not, and what does not though it must. `broken`: a rule
    that no run may break was broken.
    """

    state: str
    steps: dict[str, str]
    standing: frozenset[str]
    effects: dict[str, tuple[int, int]]
    calls: dict[str, int]
    accused: frozenset[tuple[str, str]]
    broken: bool


@dataclass(frozen=True, slots=True)
class Death:
    """sagactl died by this kill, when the ledger had so many calls."""

    kill: Kill
    calls: int


class Simulation:
    """One case being walked."""

    def __init__(self, case: Case, saga: Saga, started: e.RunStarted, at: float) -> None:
        self.story: list[str] = []
        self._case = case
        self._armed = list(case.kills)
        self._course = Course(staged(saga), depth=1_000)
        self._walker = self._course.walker
        self._received: Counter[Place] = Counter()
        self._done: Counter[str] = Counter()
        self._undone: Counter[str] = Counter()
        self._breach = ""
        began = self._walker.begin(None, (started,), World(), at)
        self.stand = began.stand
        self.events = self._taken(began)

    def end(self, call: Call, at: float) -> Sequence[e.Event]:
        """A call ends, as the case has it."""
        word = self.word(call)
        if self.fatal(call) is not None:
            raise Astray(f"sagactl should have died at {_said(call)}")
        how, arrives = ENDS[word]
        way: Way = (None, how, arrives, None, False)
        self._received[call.step, call.phase] += 1
        self.story.append(f"{_said(call)} ends: {word or 'well'}")
        return self._taken(self._walker.ended(replace(self.stand, now=at), call, way))

    def wake(self, at: float) -> Sequence[e.Event]:
        """The time comes."""
        due = self.stand.wake_at
        if due is None or due > at:
            raise Astray(f"nothing is due at {at}, but at {due}")
        self.story.append("the time comes")
        return self._taken(self._walker.woken(self.stand, Woken(at)))

    def die(self, kill: Kill, arrived: set[Place], at: float) -> Sequence[e.Event]:
        """sagactl dies and is resumed; `arrived` are the other calls that came to their service."""
        stand = replace(self.stand, now=at)
        struck = [call for call in stand.in_hand if self.fatal(call) == kill]
        if not struck:
            raise Astray(f"it was {kill}, and nothing of the kind is under way")
        self._armed.remove(kill)
        places = {*arrived, *((c.step, c.phase) for c in struck if kill.moment == "behind")}
        there = [c for c in stand.in_hand if (c.step, c.phase) in places]
        acted = [c for c in there if ENDS[self.word(c)][1] and c.phase is not Phase.LOOKUP]
        self._received.update((c.step, c.phase) for c in there)
        deed = Crashed(stand.in_hand, tuple(acted))
        asked = [call for call in stand.in_hand if call.phase is not Phase.LOOKUP]
        if len(asked) <= 2 and deed not in [pace.deed for pace in self._walker.paces(stand)]:
            raise Astray(f"the rehearsal knows no crash like this: {kill}")
        self.story.append(f"{kill}; done: {[_said(call) for call in acted]}")
        return self._taken(self._walker.crashed(stand, deed))

    def fatal(self, call: Call) -> Kill | None:
        """The kill that this call of those in flight brings about, if any."""
        number = self._received[call.step, call.phase] + 1
        for kill in self._armed:
            if (kill.step, kill.phase, kill.attempt) == (call.step, call.phase, number):
                return None if self.word(call) == UNREACHED else kill
        return None

    def word(self, call: Call) -> str:
        number = self._received[call.step, call.phase] + 1
        return self._case.word(call.step, call.phase, number)

    def received(self, call: Call) -> int:
        """How many calls of this conversation its service had before this one."""
        return self._received[call.step, call.phase]

    def verdict(self) -> Verdict:
        plan, run = self._course.plan, self.stand.run
        judge = Judge(plan, self._course.order, {}, is_fresh=False)
        said = judge.of_end(self.stand) if self.stand.is_end else ()
        return Verdict(
            state=str(saga_state(plan, run)),
            steps={name: str(run.step(name).state) for name in expanded(plan, run).steps},
            standing=self.stand.world.standing,
            effects={
                name: (self._done[name], self._undone[name])
                for name in sorted({*self._done, *self._undone})
            },
            calls={f"{s}.{p}": n for (s, p), n in sorted(self._received.items()) if n},
            accused=frozenset((v.code, v.step) for v in said if v.code in JUDGED),
            broken=bool(self._breach),
        )

    def is_broken(self) -> bool:
        return bool(self._breach)

    def copy(self) -> "Simulation":
        other = object.__new__(Simulation)
        other.__dict__.update(self.__dict__)
        other.story, other._armed = list(self.story), list(self._armed)
        other._received, other._done = self._received.copy(), self._done.copy()
        other._undone = self._undone.copy()
        return other

    def _taken(self, pace: Pace) -> Sequence[e.Event]:
        before, after = self.stand.world.standing, pace.stand.world.standing
        self._done.update(after - before)
        self._undone.update(before - after)
        self.stand = pace.stand
        self.story += [f"    {_told(event)}" for event in pace.events]
        if pace.breach is not None:
            self._breach = pace.breach.message
            self.story.append(f"    breach: {pace.breach.message}")
        return pace.events


def alone(case: Case, saga: Saga, started: e.RunStarted) -> Simulation | None:
    """The case walked to its end without a look at any real run; None where its way is not one."""
    simulation = Simulation(case, saga, started, started.at)
    for _ in range(MOST_PACES):
        stand = simulation.stand
        if stand.is_end or simulation.is_broken():
            return simulation
        if case.is_timed or len(stand.in_hand) + len(stand.waiting) > 1:
            return None
        if not stand.in_hand:
            assert stand.wake_at is not None  # it is no end
            simulation.wake(stand.wake_at)
            continue
        (call,) = stand.in_hand
        kill = simulation.fatal(call)
        if kill is None:
            simulation.end(call, stand.now)
        else:
            simulation.die(kill, set(), stand.now)
    raise Astray("the simulation does not end")


def followed(
    case: Case,
    saga: Saga,
    events: Sequence[e.Event],
    deaths: Sequence[Death],
    calls: Sequence[PlayedCall],
) -> Simulation:
    """The case walked in the order of a real run; raises Astray."""
    started = events[0]
    assert isinstance(started, e.RunStarted)
    simulation = Simulation(case, saga, started, _goes_on_at(events, 0))
    at = _matched(simulation.events, events, 0)
    left = list(deaths)
    while at < len(events) and not simulation.is_broken():
        event = events[at]
        ends = _ends(events, at)
        if isinstance(event, e.RunResumed):
            death = left.pop(0)
            arrived = _arrived(simulation.stand, simulation, calls[: death.calls])
            noted = simulation.die(death.kill, arrived, _goes_on_at(events, at))
            at = _matched(noted, events, at)
        elif ends:
            simulation, at = _ended(simulation, events, at, ends)
        else:
            at = _matched(simulation.wake(event.at), events, at)
    if not (simulation.stand.is_end or simulation.is_broken()):
        raise Astray("the real run has ended, and the simulated one goes on")
    return simulation


def _goes_on_at(events: Sequence[e.Event], at: int) -> float:
    """When the driver begins with what is noted here: it has another clock than who calls it."""
    opening = events[at].at
    return next((event.at for event in events[at + 1 :] if event.at > opening), opening)


def _ends(events: Sequence[e.Event], at: int) -> list[e.AttemptEnded]:
    """The ends of attempts from here on, until something else is noted."""
    found: list[e.AttemptEnded] = []
    while at < len(events):
        event = events[at]
        if not isinstance(event, e.AttemptEnded) or not event.attempt:
            break
        found.append(event)
        at += 1
    return found


def _ended(
    simulation: Simulation, events: Sequence[e.Event], at: int, ends: Sequence[e.AttemptEnded]
) -> tuple[Simulation, int]:
    """These calls end. The driver judges all that ended at once before it looks what is next; the
    walker looks after each, and comes to the same in one order of them at least.
    """
    astray: Astray | None = None
    for order in permutations(ends):
        trial = simulation.copy()
        found: list[e.Event] = []
        try:
            for event in order:
                call = _in_hand(trial.stand, event)
                if "timed out" in event.detail and trial.word(call) not in TIMEOUTS:
                    raise TooSlow(_told(event))
                found += trial.end(call, event.at)
                if trial.is_broken():
                    return trial, at
            return trial, _matched(found, events, at)
        except Astray as error:
            astray = astray or error
    assert astray is not None  # there is one order at least
    raise astray


def _in_hand(stand: Stand, event: e.AttemptEnded) -> Call:
    for call in stand.in_hand:
        if (call.step, call.attempt) == (event.step, event.attempt):
            return call
    raise Astray(f"{_told(event)}: no such call is under way")


def _arrived(stand: Stand, simulation: Simulation, calls: Sequence[PlayedCall]) -> set[Place]:
    """Which of the calls in flight had come to their service."""
    had = Counter((call.step, call.phase) for call in calls)
    return {
        (call.step, call.phase)
        for call in stand.in_hand
        if had[call.step, call.phase] > simulation.received(call)
    }


def _matched(found: Sequence[e.Event], events: Sequence[e.Event], at: int) -> int:
    """Where the real run goes on behind these; raises Astray where it noted something else."""
    real = events[at : at + len(found)]
    if not found:
        raise Astray(f"the real run noted {_told(events[at])}, the simulated one nothing")
    if _by_step(found) != _by_step(real):
        raise Astray(
            f"the simulated run noted\n  {_list(found)}\nand the real one\n  {_list(real)}"
        )
    return at + len(found)


def _by_step(events: Sequence[e.Event]) -> dict[str, list[object]]:
    """The facts of each step in their order; between steps the order is chance."""
    found: dict[str, list[object]] = {}
    for event in events:
        found.setdefault(getattr(event, "step", ""), []).append(_fact(event))
    return found


def _fact(event: e.Event) -> object:
    fields = {name: value for name, value in asdict(event).items() if name not in UNSAID}
    return type(event).__name__, fields


def _list(events: Sequence[e.Event]) -> str:
    return "\n  ".join(str(_fact(event)) for event in events)


def _told(event: e.Event) -> str:
    words = [type(event).__name__]
    words += [str(getattr(event, name)) for name in ("step", "attempt") if hasattr(event, name)]
    detail = getattr(event, "detail", "")
    return " ".join(words) + (f": {detail}" if detail else "")


def _said(call: Call) -> str:
    return f"{call.step}.{call.phase}"
