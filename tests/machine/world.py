"""A simulated world for the machine: services with a memory, chance for a seed, time by hand.

It plays the driver's part without any I/O, in any order, and dies at any event: what the machine
promises must hold whatever happens here.
"""

import random
from dataclasses import dataclass, replace

from invariants import Deed, Done

from sagactl.definition.model import (
    Idempotency,
    Lookup,
    OnUnknown,
    OutcomeKind,
    Request,
    Retry,
    Saga,
    Step,
)
from sagactl.definition.template import Template, constant
from sagactl.machine import event as e
from sagactl.machine.command import Call, Note, Outcome, Phase
from sagactl.machine.moves import StepState as S
from sagactl.machine.outstanding import call_in_flight, in_flight, outstanding
from sagactl.machine.plan import Plan, make_plan
from sagactl.machine.run import Run, apply, reopenings, replay
from sagactl.machine.state import ENDED, is_past_pivot, saga_state
from sagactl.machine.verdict import verdict
from sagactl.source.place import Place, Source

SOURCE = Source("world.yaml", "saga: world\n")
PLACE = Place(SOURCE, 1, 1, 1, 5)
BEGAN = {
    Phase.ACTION: e.ActionBegan,
    Phase.LOOKUP: e.LookupBegan,
    Phase.COMPENSATION: e.CompensationBegan,
}


def template(value: object) -> Template:
    return constant(value, PLACE)


def request(method: str, url: str, **more: object) -> Request:
    fields = {"retry": Retry(3, 0.2, 2.0, 1.0), "timeout_s": 1.0, **more}
    return Request(PLACE, method, template(f"http://world{url}"), None, **fields)  # type: ignore[arg-type]


def started(saga: Saga, at: float = 1000.0) -> e.RunStarted:
    return e.RunStarted(
        at=at,
        run_id="r1",
        saga=saga.name,
        version=1,
        definition="",
        definition_name="world.yaml",
        digest="",
        input={},
        env={},
        sandbox=False,
        faults=[],
        sagactl="0",
    )


def random_saga(rng: random.Random) -> Saga:
    """Any graph of up to seven steps; where there is a pivot, all else stands before or after."""
    count = rng.randint(1, 7)
    names = [f"s{i}" for i in range(count)]
    pivot = rng.randrange(count) if rng.random() < 0.4 else None
    steps = []
    for i, name in enumerate(names):
        if i == pivot:
            needs = tuple(names[:i])
        elif pivot is not None and i > pivot:
            needs = tuple(n for n in names[pivot:i] if rng.random() < 0.4) or (names[pivot],)
        else:
            needs = tuple(n for n in names[:i] if rng.random() < 0.4)
        steps.append(_random_step(rng, name, needs, pivot=i == pivot))
    timeout_s = rng.choice([None, None, 5.0, 60.0])
    return Saga(SOURCE, PLACE, "world", 1, tuple(steps), timeout_s=timeout_s)


def _random_step(rng: random.Random, name: str, needs: tuple[str, ...], *, pivot: bool) -> Step:
    keyed = rng.choice([None, Idempotency(True), Idempotency(True, ttl_s=30.0), Idempotency(False)])
    action = request(rng.choice(["POST", "PUT"]), f"/{name}", idempotency=keyed)
    undo = request(
        rng.choice(["DELETE", "POST"]),
        f"/{name}/undo",
        idempotency=rng.choice([None, Idempotency(True)]),
    )
    return Step(
        name=name,
        place=PLACE,
        action=action,
        needs=needs,
        settle_s=1.0,
        lookup=Lookup(request("GET", f"/{name}")) if rng.random() < 0.4 else None,
        compensation=undo if rng.random() < 0.85 else None,
        when=template(False) if rng.random() < 0.1 and not pivot else None,
        pivot=pivot,
        on_unknown=rng.choice([None, None, *OnUnknown]),
        budget_s=rng.choice([None, 5.0]),
        timeout_s=rng.choice([None, 3.0]),
    )


@dataclass
class Effect:
    """What a service knows of one step of one run."""

    applied: int = 0
    undone: int = 0

    @property
    def stands(self) -> bool:
        return self.applied > self.undone


class World:
    """Runs a plan to its end in random order; `crash_rate` of all steps lose the process."""

    def __init__(self, saga: Saga, seed: int, *, crash_rate: float = 0.05, mischief: int = 12):
        self.rng = random.Random(seed)
        self.plan: Plan = make_plan(saga)
        self.journal: list[e.Event] = [started(saga)]
        self.run: Run = replay(self.journal)
        self.now = 1000.0
        self.hands: list[tuple[Call, bool]] = []
        self.effects = {step.name: Effect() for step in saga.steps}
        self.deeds: list[Deed] = []
        self.mischief = mischief
        self.crash_rate = crash_rate
        self.arrows: set[tuple[S, type[e.Event]]] = set()

    def live(self) -> Run:
        for _ in range(20_000):
            if self.rng.random() < self.crash_rate:
                self.crash()
            due = [c for c in outstanding(self.plan, self.run) if (c.due_at or 0) <= self.now]
            if self.hands and (not due or self.rng.random() < 0.5):
                self.end(self.hands.pop(self.rng.randrange(len(self.hands))))
            elif due:
                self.begin(self.rng.choice(due))
            elif (later := self.next_due()) is not None:
                self.now = later
            else:
                return self.run
        raise AssertionError("the run does not end")

    def next_due(self) -> float | None:
        return min((c.due_at for c in outstanding(self.plan, self.run) if c.due_at), default=None)

    def begin(self, command: Call | Note) -> None:
        if isinstance(command, Note):
            self.record(replace(command.event, at=self.now))
            return
        if command.phase is Phase.COMPENSATION:
            assert not is_past_pivot(self.plan, self.run), "nothing is undone past the pivot"
        began = BEGAN[command.phase](
            at=self.now,
            step=command.step,
            attempt=command.attempt,
            key=command.key,
            method=command.sending.method,
            url=command.sending.url,
            content_type=command.sending.content_type,
            body=command.sending.body,
        )
        self.record(began)
        self.hands.append((command, False))

    def end(self, hand: tuple[Call, bool]) -> None:
        call, _ = hand
        self.now += self.rng.random()
        outcome = self.answer(call)
        self.record(verdict(self.plan, self.run, call, outcome, self.now))

    def answer(self, call: Call) -> Outcome:
        effect = self.effects[call.step]
        if call.phase is Phase.LOOKUP:
            return self.look(call, effect)
        kind = OutcomeKind.APPLIED
        if self.mischief > 0 and self.rng.random() < 0.5:
            self.mischief -= 1
            kind = self.rng.choice(list(OutcomeKind))
        took_place = kind in (OutcomeKind.APPLIED, OutcomeKind.RESULT_LOST)
        if took_place or (kind is OutcomeKind.UNKNOWN and self.rng.random() < 0.5):
            self.act(call, effect)
        absent = call.phase is Phase.COMPENSATION and effect.applied == 0
        status = 404 if absent else 200
        return Outcome(kind, str(kind), status, result={"n": 1}, absent=absent)

    def act(self, call: Call, effect: Effect) -> None:
        # Every service here honours its key or is idempotent by nature: one effect, ever.
        done = Done.NOTHING
        if call.phase is Phase.ACTION and effect.applied == 0:
            effect.applied, done = 1, Done.APPLIED
        elif call.phase is Phase.COMPENSATION and effect.stands:
            effect.undone, done = effect.undone + 1, Done.UNDONE
        body = call.sending.body or ""
        self.deeds.append(Deed(self.now, call.step, call.phase, call.key, done, body))

    def look(self, call: Call, effect: Effect) -> Outcome:
        if self.mischief > 0 and self.rng.random() < 0.3:
            self.mischief -= 1
            return Outcome(OutcomeKind.UNKNOWN, "no answer")
        return Outcome(OutcomeKind.APPLIED, "answered", 200, result={"n": 1}, found=effect.stands)

    def crash(self) -> None:
        """The process dies: requests in flight may or may not arrive; the journal is all there is."""
        for call, _ in self.hands:
            if call.phase is Phase.ACTION and self.rng.random() < 0.5:
                self.act(call, self.effects[call.step])
        self.hands = []
        again = replay(self.journal)
        assert again == self.run, "a replay must lead to the very same run"
        self.resume()

    def resume(self, *, reopen: bool = False) -> None:
        state = saga_state(self.plan, self.run)
        if state in ENDED:
            assert outstanding(self.plan, self.run) == ()
            return
        self.record(e.RunResumed(at=self.now, operator="t", deadline_at=None))
        if reopen:
            for event in reopenings(self.run, self.now):
                self.record(event)
        lost = Outcome(OutcomeKind.UNKNOWN, "ended in flight")
        for name, phase in in_flight(self.run):
            call = call_in_flight(self.plan, self.run, name, phase)
            self.record(verdict(self.plan, self.run, call, lost, self.now))

    def record(self, event: e.Event) -> None:
        if isinstance(event, e.StepEvent):
            self.arrows.add((self.run.step(event.step).state, type(event)))
        self.journal.append(event)
        self.run = apply(self.run, event)
