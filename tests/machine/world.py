"""A simulated world for the machine: services with a memory, chance for a seed, time by hand.

It plays the driver's part without any I/O, in any order, and dies at any event: what the machine
promises must hold whatever happens here.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, replace

from invariants import Deed, Done

from sagactl.definition.builder import has_pivot
from sagactl.definition.model import (
    ForEach,
    Idempotency,
    Lookup,
    OnUnknown,
    OutcomeKind,
    Request,
    Retry,
    Saga,
    Sleep,
    Step,
    SubSaga,
)
from sagactl.definition.template import Template, constant
from sagactl.machine import event as e
from sagactl.machine.command import Call, Note, Outcome, Phase
from sagactl.machine.moves import Resolution
from sagactl.machine.moves import StepState as S
from sagactl.machine.objection import (
    abandon_objections,
    compensate_objections,
    failed_steps,
    reopen_objections,
    reopened_steps,
    resolve_objections,
)
from sagactl.machine.outstanding import orphan_ends, outstanding
from sagactl.machine.plan import Plan, expanded, make_plan
from sagactl.machine.run import Run, apply, reopenings, replay
from sagactl.machine.state import ENDED, is_backwards, is_past_pivot, saga_state
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


def random_saga(rng: random.Random, depth: int = 0) -> Saga:
    """Any graph of up to seven steps; where there is a pivot, all else stands before or after.

    Some steps are sleeps, some stand for several, and some are sagas of their own.
    """
    count = rng.randint(1, 7 if depth == 0 else 3)
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
        step = _random_step(rng, name, needs, pivot=i == pivot)
        steps.append(_or_another(rng, step, depth))
    timeout_s = rng.choice([None, None, 5.0, 60.0])
    return Saga(SOURCE, PLACE, "world", 1, tuple(steps), timeout_s=timeout_s)


def _or_another(rng: random.Random, step: Step, depth: int) -> Step:
    """The step, or in one case of four another kind of step in its place."""
    if rng.random() < 0.75:
        return step
    plain = replace(step, lookup=None, compensation=None, on_unknown=None, settle_s=0.0)
    child = random_saga(rng, depth + 1) if depth < 2 else None
    if step.pivot or has_pivot(child):
        # A child's point of no return is its parent's, and there is one.
        fits = child is not None and has_pivot(child) and step.pivot
        return replace(plain, action=SubSaga(PLACE, child)) if fits and child else step
    items = ForEach(template([7, 8, 9][: rng.randint(0, 3)]), rng.randint(1, 2))
    kind = rng.random()
    if kind < 0.4:
        return replace(step, for_each=items)
    if kind < 0.6 or child is None:
        return replace(plain, action=Sleep(PLACE, template("2s")))
    each = items if rng.random() < 0.3 else None
    return replace(plain, action=SubSaga(PLACE, child), for_each=each)


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

    def do(self, phase: Phase) -> Done:
        # Every service here honours its key or is idempotent by nature: one effect, ever.
        if phase is Phase.ACTION and self.applied == 0:
            self.applied = 1
            return Done.APPLIED
        if phase is Phase.COMPENSATION and self.stands:
            self.undone += 1
            return Done.UNDONE
        return Done.NOTHING


class World:
    """Runs a plan to its end in random order; `crash_rate` of all steps lose the process."""

    def __init__(
        self,
        saga: Saga,
        seed: int,
        *,
        crash_rate: float = 0.05,
        mischief: int = 12,
        operator_rate: float = 0.0,
    ):
        self.rng = random.Random(seed)
        self.plan: Plan = make_plan(saga)
        self.journal: list[e.Event] = [started(saga)]
        self.run: Run = replay(self.journal)
        self.now = 1000.0
        self.hands: list[tuple[Call, bool]] = []
        self.effects: defaultdict[str, Effect] = defaultdict(Effect)
        self.deeds: list[Deed] = []
        self.mischief = mischief
        self.crash_rate = crash_rate
        self.operator_rate = operator_rate
        self.arrows: set[tuple[S, type[e.Event]]] = set()
        self.words: set[tuple[S, Resolution]] = set()
        self.turned_forwards = 0

    def live(self) -> Run:
        for _ in range(20_000):
            if self.rng.random() < self.crash_rate:
                self.crash()
            if self.operator_rate and self.rng.random() < self.operator_rate:
                self.operate()
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
            self.act(call)
        absent = call.phase is Phase.COMPENSATION and effect.applied == 0
        status = 404 if absent else 200
        return Outcome(kind, str(kind), status, result={"n": 1}, absent=absent)

    def act(self, call: Call) -> None:
        body = call.sending.body or ""
        done = self.effects[call.step].do(call.phase)
        self.deeds.append(Deed(self.now, call.step, call.phase, call.key, done, body))

    def see_to_it(self, name: str, phase: Phase) -> None:
        """What the operator does in the world without sagactl."""
        done = self.effects[name].do(phase)
        self.deeds.append(Deed(self.now, name, phase, None, done, by_hand=True))

    def look(self, call: Call, effect: Effect) -> Outcome:
        if self.mischief > 0 and self.rng.random() < 0.3:
            self.mischief -= 1
            return Outcome(OutcomeKind.UNKNOWN, "no answer")
        return Outcome(OutcomeKind.APPLIED, "answered", 200, result={"n": 1}, found=effect.stands)

    def operate(self) -> None:
        """An operator, who has the run for himself and never lies, does what is not refused."""
        self.crash()
        match self.rng.choice(["resolve", "resolve", "resolve", "from", "compensate", "abandon"]):
            case "resolve":
                self.resolve(self.rng.choice(list(expanded(self.plan, self.run).steps)))
            case "from":
                self.turn_forwards()
            case "compensate" if self.rng.random() < 0.2:
                if not compensate_objections(self.plan, self.run) and not self.has_ended:
                    asked = e.CompensationRequested(at=self.now, operator="t", reason="r")
                    self.record(asked)
            case "abandon" if self.rng.random() < 0.1:
                if not abandon_objections(self.plan, self.run):
                    self.record(e.RunAbandoned(at=self.now, operator="t", reason="r"))

    @property
    def has_ended(self) -> bool:
        return saga_state(self.plan, self.run) in ENDED

    def resolve(self, name: str) -> None:
        """What is so is told; and at times the operator sees to it that it is so."""
        resolution = self.rng.choice(list(Resolution))
        planned, state = expanded(self.plan, self.run).steps[name], self.run.step(name).state
        leaves_nothing = planned.is_group or planned.is_sleep
        effect = Effect() if leaves_nothing else self.effects[name]
        if resolve_objections(
            self.plan, self.run, name, resolution, {"n": 1}, has_result=resolution == "completed"
        ):
            return
        match resolution:
            case Resolution.COMPLETED:
                if not leaves_nothing:
                    self.see_to_it(name, Phase.ACTION)
                if not (leaves_nothing or effect.stands):  # an undo nobody heard of had worked
                    return
            case Resolution.FAILED if effect.applied:
                return
            case Resolution.COMPENSATED if effect.stands:
                self.see_to_it(name, Phase.COMPENSATION)
        told = e.StepResolved(
            at=self.now,
            step=name,
            outcome=resolution.value,
            result={"n": 1},
            has_result=resolution is Resolution.COMPLETED,
            operator="t",
            reason="r",
        )
        self.words.add((state, resolution))
        self.record(told)

    def turn_forwards(self) -> None:
        failed = failed_steps(self.plan, self.run)
        if not failed or reopen_objections(self.plan, self.run, failed, self.now, None):
            return
        assert not any(effect.undone for effect in self.effects.values())
        for name in failed:
            assert not self.effects[name].applied, "what failed left nothing behind"
        for event in reopened_steps(self.plan, self.run, failed, self.now, "t", "r"):
            self.record(event)
        self.turned_forwards += 1
        assert not is_backwards(self.plan, self.run)

    def crash(self) -> None:
        """The process dies: requests in flight may or may not arrive; the journal is all there is."""
        for call, _ in self.hands:
            if call.phase is Phase.ACTION and self.rng.random() < 0.5:
                self.act(call)
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
        for event in orphan_ends(self.plan, self.run, self.now):
            self.record(event)

    def record(self, event: e.Event) -> None:
        if isinstance(event, e.StepEvent) and not isinstance(event, e.StepResolved):
            self.arrows.add((self.run.step(event.step).state, type(event)))
        self.journal.append(event)
        self.run = apply(self.run, event)
