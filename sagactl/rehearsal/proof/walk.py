"""One pace of a rehearsed saga: what may happen next where it stands, and where that leads.

Theory of operation
-------------------
A saga is driven by the very functions that its driver is made of (`engine.rounds`). Time, disk and
services are values here, so any place can be gone on from in every way there is:

- A call in flight ends: well, or with one of the troubles that its phase can have. Any of several
  may be the next, which is every interleaving.
- The time comes that the saga waits for; where nothing answers, also when patience ends.
- sagactl dies. What was in flight has arrived or has not, each in every combination; then it is
  resumed. A crash before a commit and one behind the commit before it are the same: what was not
  written is gone, and of a call that had ended its service alone knows. So one kind of crash, in
  every place, is a crash before and behind every write.

A trouble that lasts is a plague: it goes on until its conversation is over. One that passes strikes
one attempt.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from sagactl.definition.model import OnUnknown
from sagactl.engine.rounds import Recorded, Round, judged, opened, settle
from sagactl.machine.command import Call, Phase
from sagactl.machine.event import Event, RunResumed
from sagactl.machine.moves import StepState as S
from sagactl.machine.outstanding import deadline
from sagactl.machine.plan import Plan, expanded
from sagactl.machine.rehearsed import Struck, Trouble
from sagactl.machine.run import Run, reopenings
from sagactl.machine.state import is_backwards
from sagactl.machine.verdict import finish_until
from sagactl.rehearsal.proof.answer import Answers, How
from sagactl.rehearsal.proof.deed import (
    HEARD,
    PLAGUED,
    WAYS,
    Crashed,
    Deed,
    Ended,
    Overtaken,
    Pace,
    Way,
    Woken,
)
from sagactl.rehearsal.proof.stand import ENDED, Plague, Stand
from sagactl.rehearsal.proof.watchman import Watchman
from sagactl.rehearsal.proof.world import Services, World, acts


class Walker:
    """Walks one plan. `depth` troubles may come together; a crash is one of them."""

    def __init__(
        self,
        plan: Plan,
        services: Services,
        answers: Answers,
        watchman: Watchman,
        *,
        depth: int,
    ) -> None:
        self._plan = plan
        self._services = services
        self._answers = answers
        self._watchman = watchman
        self._depth = depth

    def begin(self, run: Run | None, opening: tuple[Event, ...], world: World, at: float) -> Pace:
        """The first stand: of a run that begins, or of one that goes on."""
        began = opened(self._plan, run, opening, at)
        stand = Stand(began[-1][1], (), world, at, (), {})
        return self._settled(Woken(at), (), stand, began)

    def paces(self, stand: Stand) -> Iterator[Pace]:
        """Everything that may happen next."""
        may_trouble = stand.troubles < self._depth
        if not may_trouble:
            alone = self._free_call(stand)
            pace = None if alone is None else self.ended(stand, alone, HEARD)
            # Where it leads nowhere, what the others lead to would be lost sight of.
            if pace is not None and pace.breach is None:
                yield pace
                return
        for call in stand.in_hand:
            for way in self._ways(stand, call, may_trouble=may_trouble):
                yield self.ended(stand, call, way)
        yield from self._wakings(stand, may_trouble=may_trouble)
        if may_trouble:
            yield from self._crashings(stand)

    def _free_call(self, stand: Stand) -> Call | None:
        """A call in flight that nothing else which is under way has to do with.

        Where no trouble can come any more it does not matter when it ends: whatever else happens
        comes to the same before it and after it (a persistent set, as model checkers call it). One
        that never ends is not chosen, or it would keep all others from happening; and while a step
        may still turn the saga round, what begins before that is not the same as what does after.
        """
        if len(stand.in_hand) + len(stand.waiting) < 2 or self._may_turn(stand):
            return None
        waiting = [c for c in stand.waiting if isinstance(c, Call)]
        for call in stand.in_hand:
            if (call.step, call.phase) in stand.plagues:
                continue
            others = (c for c in stand.in_hand if c is not call)
            if not any(self._services.are_related(call, o) for o in (*others, *waiting)):
                return call
        return None

    def _may_turn(self, stand: Stand) -> bool:
        """Whether what is under way may still turn the saga, round or past its pivot."""
        calls = (*stand.in_hand, *(c for c in stand.waiting if isinstance(c, Call)))
        pivots = expanded(self._plan, stand.run).pivots
        if any(call.step in pivots for call in calls):
            return True
        if is_backwards(self._plan, stand.run):
            return False
        asked = (c.step for c in calls if c.phase is Phase.LOOKUP)
        return bool(stand.plagues) or not stand.world.standing.issuperset(asked)

    def _ways(self, stand: Stand, call: Call, *, may_trouble: bool) -> Iterator[Way]:
        plague = stand.plagues.get((call.step, call.phase))
        if plague is not None:
            how, arrives = PLAGUED[plague]
            yield None, how, arrives, plague, False
            return
        for way in WAYS[call.phase]:
            trouble, how, _, _, late = way
            if trouble is not None and not may_trouble:
                continue
            if not self._answers.is_possible(call, how) or (late and not acts(call)):
                continue
            yield way

    def ended(self, stand: Stand, call: Call, way: Way) -> Pace:
        """A call ends in one way."""
        trouble, how, arrives, plague, late = way
        struck = () if trouble is None else (Struck(call.step, trouble),)
        deed = Ended(call, how, arrives, plague, late)
        world, done, breach = stand.world, None, None
        if arrives:
            arrival = self._services.arrive(world, call)
            world, done, breach = arrival.world, arrival.done, arrival.breach
        elif late:
            world = self._services.delay(world, call, stand.now)
        if breach is not None:
            return Pace(deed, struck, (), stand, breach)
        if how is How.HEARD and done is not None:
            breach = self._watchman.of_reply(call, done, self._answers)
            if breach is not None:
                return Pace(deed, struck, (), stand, breach)
        if how is How.HIDDEN and call.phase is Phase.ACTION:
            return Pace(deed, struck, (), stand, self._watchman.of_hidden(call))
        outcome = self._answers.outcome(call, how, done)
        new = judged(self._plan, stand.run, call, outcome, stand.now)
        plagues = dict(stand.plagues)
        if plague is not None:
            plagues[call.step, call.phase] = plague
        after = replace(
            stand,
            run=new[-1][1],
            in_hand=tuple(each for each in stand.in_hand if each is not call),
            world=world,
            plagues=plagues,
            troubles=stand.troubles + len(struck),
        )
        return self._settled(deed, struck, after, new)

    def _wakings(self, stand: Stand, *, may_trouble: bool) -> Iterator[Pace]:
        if stand.wake_at is None:
            return
        ends_at = deadline(self._plan, stand.run)
        if stand.in_hand:
            if stand.wake_at == ends_at:
                if may_trouble:
                    yield self._overtaken(stand, ends_at)
                return
            # Whatever is in flight ends within its timeout.
            if stand.wake_at - stand.now >= min(c.request.timeout_s for c in stand.in_hand):
                return
        yield self.woken(stand, Woken(stand.wake_at))
        if not stand.in_hand and (patience := self._patience_ends(stand)) is not None:
            yield self.woken(stand, Woken(patience, lasting=True))

    def woken(self, stand: Stand, deed: Woken) -> Pace:
        """The time comes."""
        world = self._services.land(stand.world, deed.at)
        return self._settled(deed, (), replace(stand, now=deed.at, world=world), ())

    def _overtaken(self, stand: Stand, at: float) -> Pace:
        struck = tuple(Struck(call.step, Trouble.OVERTIME) for call in stand.in_hand)
        world = self._services.land(stand.world, at)
        after = replace(stand, now=at, world=world, troubles=stand.troubles + 1)
        return self._settled(Overtaken(at, stand.in_hand), struck, after, ())

    def _patience_ends(self, stand: Stand) -> float | None:
        """When the patience with what never answers ends, be it a step's or the saga's."""
        steps = expanded(self._plan, stand.run).steps
        ends = [
            finish_until(steps[name], step.doubted_at)
            for name, step in stand.run.steps.items()
            if step.state is S.UNKNOWN
            and step.doubted_at is not None
            and steps[name].on_unknown is OnUnknown.FINISH
            and not steps[name].past_pivot
            and any((name, phase) in stand.plagues for phase in Phase)
        ]
        if not ends:
            return None
        ends_at = deadline(self._plan, stand.run)
        if ends_at is not None and not stand.run.deadline_passed:
            ends.append(ends_at)
        return min((end for end in ends if end > (stand.wake_at or 0.0)), default=None)

    def _crashings(self, stand: Stand) -> Iterator[Pace]:
        if stand.is_end:
            return
        calls = [call for call in stand.in_hand if call.phase is not Phase.LOOKUP]
        choices = [self._fates(stand, call) for call in calls]
        for fates in product(*choices):
            arrived = tuple(c for c, fate in zip(calls, fates, strict=True) if fate == "arrived")
            late = tuple(c for c, fate in zip(calls, fates, strict=True) if fate == "late")
            # Of many at once: all, none, and each one alone; what two do together, two show.
            if len(calls) <= 2 or len(arrived) in (0, 1, len(calls)):
                yield self.crashed(stand, Crashed(stand.in_hand, arrived, late))

    def _fates(self, stand: Stand, call: Call) -> tuple[str, ...]:
        match stand.plagues.get((call.step, call.phase)):
            case Plague.UNREACHED | Plague.NOT_DONE:
                return ("lost",)
            case Plague.DONE | Plague.CUT:
                return ("arrived",)
        # One that is late beside others says nothing that one alone does not.
        alone = len(stand.in_hand) == 1 and call.phase is Phase.ACTION and acts(call)
        return ("lost", "arrived", "late") if alone else ("lost", "arrived")

    def crashed(self, stand: Stand, deed: Crashed) -> Pace:
        """sagactl dies, and is resumed at once."""
        struck = tuple(Struck(call.step, Trouble.CRASH) for call in deed.calls)
        world = stand.world
        for call in deed.arrived:
            arrival = self._services.arrive(world, call)
            if arrival.breach is not None:
                return Pace(deed, struck, (), stand, arrival.breach)
            world = arrival.world
        for call in deed.late:
            world = self._services.delay(world, call, stand.now)
        resumed = RunResumed(at=stand.now, operator="", deadline_at=None)
        # Whoever resumes takes up what is stuck as well.
        opening = (resumed, *reopenings(stand.run, stand.now))
        began = opened(self._plan, stand.run, opening, stand.now)
        troubles = stand.troubles + 1
        after = replace(stand, run=began[-1][1], in_hand=(), world=world, troubles=troubles)
        return self._settled(deed, struck, after, began)

    def _settled(
        self, deed: Deed, struck: tuple[Struck, ...], stand: Stand, new: tuple[Recorded, ...]
    ) -> Pace:
        """The stand after the round that follows; with a breach where it has one."""
        settled = settle(self._plan, stand.run, lambda: stand.now, _Places(stand.in_hand).enter)
        events = tuple(event for event, _ in (*new, *settled.recorded))
        breach = self._watchman.of_events(events)
        world = stand.world
        for call in settled.begun if breach is None else ():
            breach = self._watchman.of_call(settled.run, call)
            if breach is None:
                world, breach = self._services.sent(world, call)
            if breach is not None:
                break
        return Pace(deed, struck, events, self._stand_after(stand, settled, world), breach)

    def _stand_after(self, stand: Stand, settled: Round, world: World) -> Stand:
        run = settled.run
        plagues = stand.plagues
        if plagues:
            plagues = {
                (name, phase): Plague.DONE if _is_done(world, name, phase, plague) else plague
                for (name, phase), plague in plagues.items()
                if _goes_on(run, name, phase)
            }
        return replace(
            stand,
            run=run,
            in_hand=(*stand.in_hand, *settled.begun),
            world=world,
            waiting=settled.waiting,
            plagues=plagues,
        )


def _goes_on(run: Run, name: str, phase: Phase) -> bool:
    """Whether there may be another attempt of this conversation."""
    state = run.step(name).state
    if phase is Phase.COMPENSATION:
        return state is S.COMPENSATING
    return state not in (*ENDED, S.COMPENSATING, S.STUCK)


def _is_done(world: World, name: str, phase: Phase, plague: Plague) -> bool:
    """Whether an action that nobody hears of took place by an earlier attempt."""
    return plague is Plague.NOT_DONE and phase is Phase.ACTION and name in world.standing


class _Places:
    """The places at each service, those in flight taken: `max_concurrency`."""

    def __init__(self, in_hand: tuple[Call, ...]) -> None:
        self._taken: dict[str, int] = {}
        for call in in_hand:
            self.enter(call)

    def enter(self, call: Call) -> bool:
        service = call.request.service
        if service is None or service.max_concurrency is None:
            return True
        taken = self._taken.get(service.name, 0)
        if taken >= service.max_concurrency:
            return False
        self._taken[service.name] = taken + 1
        return True
