"""What a good participant answers: replies made from the definition that reads them.

A reply has every part that some expression reads, meets the conditions of `success`, keeps clear of
`fail_when`, and leads the saga on (`when`). It is held against the very table by which a runner
reads replies; where no reply was found that passes, the note says so and the nearest one is sent.

The same key gets the same values, so a run can be told again. Deliberately absent: any knowledge of
the real service; what its replies truly look like, a step's `example` says.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.model import OutcomeKind, Request, Saga, Step
from sagactl.definition.policy import step_templates, templates
from sagactl.definition.template import Template, evaluate, evaluate_condition
from sagactl.machine.command import Call, Outcome, Phase, Sending
from sagactl.machine.plan import make_plan
from sagactl.participants.outcome import Reply as Seen
from sagactl.participants.outcome import classify
from sagactl.rehearsal.leaf import Leaf
from sagactl.rehearsal.operation import Operation
from sagactl.rehearsal.reading import Reading, Root, literals, source_of
from sagactl.rehearsal.retelling import retold
from sagactl.rehearsal.shape import Exactly, Path, Read, Wish, grow
from sagactl.rehearsal.wire import BODILESS, Reply, problem
from sagactl.source.node import Json

# What is tried in the place of one part of a reply that does not pass yet.
GUESSES: tuple[Json, ...] = (None, True, False, 0, 1, 2, "", "ok", [], {})
ABSENCES: tuple[Json, ...] = ([], {}, {"items": []}, None)


@dataclass(frozen=True, slots=True)
class Made:
    """A reply, and what is wrong with it, if anything is."""

    reply: Reply
    note: str | None = None


class Replies:
    """Makes the replies of one saga's services. `names` are what is known of the sender's scope."""

    def __init__(self, saga: Saga) -> None:
        self._plans = {id(one): make_plan(one) for one in saga.family()}

    def done(self, operation: Operation, names: Mapping[str, Json], seed: str) -> Made:
        """The reply to an action or a compensation that was done."""
        leaf = Leaf(operation.step.name, seed)
        example = _example(operation, names)
        if example is not None:
            return Made(example, self._fault_of(operation, example, names))
        later = tuple(self._read_later(operation, names))
        return self._fitting(operation, names, leaf, (), later)

    def found(
        self, operation: Operation, names: Mapping[str, Json], seed: str, told: Reply
    ) -> Made:
        """The reply to a lookup of an action that had answered `told`."""
        leaf = Leaf(operation.step.name, seed)
        return self._fitting(operation, names, leaf, tuple(retold(operation, names, told)), ())

    def missing(self, operation: Operation, names: Mapping[str, Json]) -> Made:
        """The reply to a lookup of an action that never took place, or is undone."""
        absent = problem(404, "nothing of the kind was done")
        lookup = operation.step.lookup
        candidates = [absent]
        if operation.request.method != "HEAD":
            status = _statuses(operation.request)[0]
            candidates += [Reply(status, body) for body in ABSENCES]
        for candidate in candidates:
            outcome = self._read(operation, candidate, names)
            if outcome.found is False and _is_false(
                lookup.found if lookup is not None else None, candidate, names
            ):
                return Made(candidate)
        outcome = self._read(operation, absent, names)
        note = None if outcome.found is False else 'no reply reads as "not found"'
        return Made(absent, note)

    def _fitting(
        self,
        operation: Operation,
        names: Mapping[str, Json],
        leaf: Leaf,
        first: tuple[Wish, ...],
        later: tuple[Wish, ...],
    ) -> Made:
        """The first reply that passes; else the first one, with a note."""
        nearest: tuple[Reply, str] | None = None
        for wishes in self._wish_lists(operation, names, first, later):
            for status in _statuses(operation.request, wishes):
                reply = _reply(operation, status, wishes, leaf)
                fault = self._fault_of(operation, reply, names)
                if fault is None:
                    return Made(reply)
                nearest = nearest or (reply, fault)
        assert nearest is not None  # there is always a list and a status to try
        return Made(nearest[0], nearest[1])

    def _wish_lists(
        self,
        operation: Operation,
        names: Mapping[str, Json],
        first: tuple[Wish, ...],
        later: tuple[Wish, ...],
    ) -> Iterator[tuple[Wish, ...]]:
        tried: list[tuple[Wish, ...]] = []
        for wary, other in ((False, False), (False, True), (True, False), (True, True)):
            reading = Reading(_own_reply, names, other=other)
            wishes = (*first, *_wishes(operation, reading, wary=wary), *later)
            if wishes not in tried:
                tried.append(wishes)
                yield wishes
        yield from _guessed(tried[-1], _literals(operation))

    def _read_later(self, operation: Operation, names: Mapping[str, Json]) -> Iterator[Wish]:
        """What the rest of the saga reads of the step's result."""
        step = operation.step
        if operation.phase is not Phase.ACTION:
            return
        own = set(map(id, templates(operation.request)))
        for other in operation.saga.steps:
            reading = Reading(_result_root(step, other), names)
            yield from reading.condition(other.when, want=True)
            for template in step_templates(other):
                if id(template) not in own and template is not other.when:
                    yield from reading.value(template)
        yield from Reading(_result_root(step, None), names).value(operation.saga.output)

    def _fault_of(
        self, operation: Operation, reply: Reply, names: Mapping[str, Json]
    ) -> str | None:
        outcome = self._read(operation, reply, names)
        good = outcome.kind is OutcomeKind.APPLIED
        if good and (operation.phase is not Phase.LOOKUP or outcome.found is True):
            return None
        return f"no reply was found that reads as done: {outcome.detail}"

    def _read(self, operation: Operation, reply: Reply, names: Mapping[str, Json]) -> Outcome:
        """The reply as a runner reads it, but for `result`, which may need more than the reply."""
        planned = self._plans[id(operation.saga)].steps[operation.step.name]
        request = operation.request
        whole = request.result is None and operation.phase is Phase.ACTION
        call = Call(
            run_id="",
            step=operation.step.name,
            phase=operation.phase,
            attempt=1,
            key="",
            action_key="",
            sending=Sending(request.method, "", None, None),
            request=replace(request, result=None),
            lookup=operation.step.lookup,
            scope=names,
            needs_body=planned.needs_body,
            needed_paths=planned.needed_paths if whole else (),
        )
        content = b"" if request.method == "HEAD" else reply.content
        seen = Seen(reply.status, tuple(reply.headers.items()), content)
        return classify(call, seen, 0.0)


def _own_reply(path: Path) -> Path | None:
    """Where a path that an expression reads leads to in the reply it is about."""
    return path[1:] if path[0] == "response" else None


def _wishes(operation: Operation, reading: Reading, *, wary: bool) -> Iterator[Wish]:
    request, lookup = operation.request, operation.step.lookup
    for condition in request.success.conditions:
        yield from reading.condition(condition, want=True)
    if operation.phase is Phase.LOOKUP and lookup is not None:
        yield from reading.condition(lookup.found, want=True)
    # `fail_when` fails nothing while what it reads is not there, so only the wary put it there.
    if wary:
        yield from reading.condition(request.fail_when, want=False)
    yield from reading.value(request.result)


def _result_root(step: Step, reader: Step | None) -> Root:
    """Where reads of the step's result, in the templates of `reader`, lead to in its reply."""

    result = None if step.request is None else step.request.result

    def root(path: Path) -> Path | None:
        if path[:3] == ("steps", step.name, "result"):
            below = path[3:]
            if step.for_each is not None and reader is not step:
                # The list is put together here; what stands in it was answered one by one.
                if not (below and isinstance(below[0], int)):
                    return None
                below = below[1:]
            return source_of(result, below)
        if reader is step and path[0] == "result":
            return source_of(result, path[1:])
        return None

    return root


def _reply(operation: Operation, status: int, wishes: tuple[Wish, ...], leaf: Leaf) -> Reply:
    headers: dict[str, str] = {}
    for wish in wishes:
        if wish.path[:1] == ("headers",) and len(wish.path) == 2:
            value = wish.wanted.value if isinstance(wish.wanted, Exactly) else leaf(wish.path)
            headers.setdefault(str(wish.path[1]), _header_value(value))
    inner = [Wish(wish.path[1:], wish.wanted) for wish in wishes if wish.path[:1] == ("body",)]
    if status in BODILESS or operation.request.method == "HEAD":
        return Reply(status, headers=headers, is_empty=True)
    if all(wish == Wish((), Read()) for wish in inner):
        makes = operation.request.method == "POST"
        return Reply(status, {"id": leaf(("id",))} if makes else {}, headers)
    return Reply(status, grow(inner, leaf), headers)


def _header_value(value: Json) -> str:
    return re.sub(r"[^ -~]", "", value if isinstance(value, str) else str(value)).strip()


def _statuses(request: Request, wishes: tuple[Wish, ...] = ()) -> list[int]:
    """Statuses that say it was done and leave room for what is wished, the most usual first."""
    moved = request.outcomes
    low = [low for low, _ in request.success.statuses.ranges]
    low += [low for low, _ in getattr(moved.get(OutcomeKind.APPLIED), "ranges", ())]
    usual = dict.fromkeys([200, 201, 204, 202, *low])
    fits = [
        status
        for status in usual
        if status in request.success.statuses or status in moved.get(OutcomeKind.APPLIED, ())
    ]
    elsewhere = [statuses for kind, statuses in moved.items() if kind is not OutcomeKind.APPLIED]
    clear = [status for status in fits if not any(status in other for other in elsewhere)]
    found = clear or fits or [200]
    if any(wish.path[:1] == ("body",) for wish in wishes):
        return [status for status in found if status not in BODILESS] or found
    return found


def _is_false(found: Template | None, reply: Reply, names: Mapping[str, Json]) -> bool:
    if found is None:
        return reply.status == 404
    response = {"status": reply.status, "headers": dict(reply.headers), "body": reply.body}
    try:
        return not evaluate_condition(found, {**names, "response": response})
    except ExpressionFailed:
        return False


def _guessed(wishes: tuple[Wish, ...], words: list[Json]) -> Iterator[tuple[Wish, ...]]:
    """Variations of a list of wishes, each with another value in one place."""
    places = dict.fromkeys(wish.path for wish in wishes if len(wish.path) > 1)
    for path in places:
        for value in (*words, *GUESSES):
            yield (Wish(path, Exactly(value)), *(wish for wish in wishes if wish.path != path))


def _literals(operation: Operation) -> list[Json]:
    lookup = operation.step.lookup
    asked = [*operation.request.success.conditions, operation.request.fail_when]
    if operation.phase is Phase.LOOKUP and lookup is not None:
        asked.append(lookup.found)
    return [value for template in asked if template is not None for value in literals(template)]


def _example(operation: Operation, names: Mapping[str, Json]) -> Reply | None:
    """The reply that the step's `example` gives, as far as the sender's names are known here."""
    example = operation.step.example
    if operation.phase is not Phase.ACTION or example is None:
        return None
    try:
        body = evaluate(example, names)
    except ExpressionFailed:
        return None
    return Reply(_statuses(operation.request)[0], body)
