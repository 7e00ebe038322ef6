"""What a good participant answers: replies made from the definition that reads them.

A reply has every part that some expression reads, meets the conditions of `success`, keeps clear of
`fail_when`, and leads the saga on (`when`). It is held against the very table by which a runner
reads replies; where no reply was found that passes, the note says so and the nearest one is sent.

What replies truly look like, a step's `example` says, then the service's own document: its
examples, or what its schemas allow, with as little put in as the definition needs. The same key
gets the same values, so a run can be told again. Deliberately absent: any other knowledge of the
real service.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeAlias

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.model import OutcomeKind, Request, Saga
from sagactl.definition.template import Template, evaluate, evaluate_condition
from sagactl.machine.command import Call, Outcome, Phase, Sending
from sagactl.machine.plan import make_plan
from sagactl.participants.outcome import Reply as Seen
from sagactl.participants.outcome import classify
from sagactl.rehearsal.amendment import is_there
from sagactl.rehearsal.draft import Draft, Drafts
from sagactl.rehearsal.leaf import Leaf
from sagactl.rehearsal.operation import Operation
from sagactl.rehearsal.retelling import retold
from sagactl.rehearsal.shape import Exactly, Never, Read, Wish, grow, wishes_below
from sagactl.rehearsal.wire import BODILESS, Reply, problem
from sagactl.rehearsal.wish import leads_on, literal_values, own_wishes, read_later
from sagactl.source.node import Json

# What is tried in the place of one part of a reply that does not pass yet.
GUESSES: tuple[Json, ...] = (None, True, False, 0, 1, 2, "", "ok", [], {})
ABSENCES: tuple[Json, ...] = ([], {}, {"items": []}, None)


# What is put in, whether firmly, and into which bodies of a draft.
Way: TypeAlias = tuple[tuple[Wish, ...], bool, Callable[[Draft], tuple[Json, ...]]]


@dataclass(frozen=True, slots=True)
class Made:
    """A reply, and what is wrong with it, if anything is."""

    reply: Reply
    note: str | None = None


class Replies:
    """Makes the replies of one saga's services. `names` are what is known of the sender's scope."""

    def __init__(self, saga: Saga) -> None:
        self._plans = {id(one): make_plan(one) for one in saga.family()}
        self._drafts = Drafts()

    def done(self, operation: Operation, names: Mapping[str, Json], seed: str) -> Made:
        """The reply to an action or a compensation that was done."""
        leaf = Leaf(operation.step.name, seed)
        example = _example(operation, names)
        if example is not None:
            return Made(example, self._fault_of(operation, example, names))
        later = tuple(read_later(operation, names))
        drafted = self._drafted(operation, names, leaf, (), later)
        return drafted or self._fitting(operation, names, leaf, (), later)

    def refused(self, operation: Operation, status: int, detail: str, seed: str) -> Reply:
        """The reply to a call that is refused, as the service's document has it, or a problem."""
        documented = self._drafts.refusal(operation, status, Leaf(operation.step.name, seed))
        return documented or problem(status, detail)

    def found(
        self, operation: Operation, names: Mapping[str, Json], seed: str, told: Reply
    ) -> Made:
        """The reply to a lookup of an action that had answered `told`."""
        leaf = Leaf(operation.step.name, seed)
        pins = tuple(retold(operation, names, told))
        drafted = self._drafted(operation, names, leaf, pins, ())
        made = drafted or self._fitting(operation, names, leaf, pins, ())
        if made.note is None:
            return made
        # An answer that says too little of what was told says at least that it took place.
        freely = self._fitting(operation, names, leaf, (), ())
        return made if freely.note is not None else freely

    def missing(self, operation: Operation, names: Mapping[str, Json]) -> Made:
        """The reply to a lookup of an action that never took place, or is undone."""
        leaf = Leaf(operation.step.name, "")
        absent = self.refused(operation, 404, "nothing of the kind was done", "")
        lookup = operation.step.lookup
        statuses = _statuses(operation.request)
        candidates = [absent]
        for draft in self._drafts.applied(operation, statuses, leaf, is_sparse=True):
            candidates.append(draft.reply(draft.grown))
        if operation.request.method != "HEAD":
            candidates += [Reply(statuses[0], body) for body in ABSENCES]
        for candidate in candidates:
            outcome = self._read(operation, candidate, names)
            if outcome.found is False and _is_false(
                lookup.found if lookup is not None else None, candidate, names
            ):
                return Made(candidate)
        outcome = self._read(operation, absent, names)
        note = None if outcome.found is False else 'no reply reads as "not found"'
        return Made(absent, note)

    def _drafted(
        self,
        operation: Operation,
        names: Mapping[str, Json],
        leaf: Leaf,
        first: tuple[Wish, ...],
        later: tuple[Wish, ...],
    ) -> Made | None:
        """A documented reply that passes, as it is or with what is wished put in; or None."""
        drafts = list(self._drafts.applied(operation, _statuses(operation.request), leaf))
        if not drafts:
            return None
        lists = self._wish_lists(operation, names, (), later)
        for wishes, firmly, bodies in _ways(lists):
            for draft in drafts:
                for body in bodies(draft):
                    reply = draft.granting(body, first, wishes, firmly=firmly)
                    reply = _with_headers(reply, (*first, *wishes), leaf)
                    if self._suits(operation, reply, names, (*first, *later)):
                        return Made(reply, None if body in draft.examples else draft.trouble)
        return None

    def _suits(
        self,
        operation: Operation,
        reply: Reply,
        names: Mapping[str, Json],
        later: tuple[Wish, ...],
    ) -> bool:
        """Whether a reply passes, has all that is read of it, and leads the saga on."""
        if self._fault_of(operation, reply, names) is not None:
            return False
        read = (*own_wishes(operation, names, wary=False), *later)
        headers = {name.lower(): value for name, value in reply.headers.items()}
        body = None if reply.is_empty else reply.body
        response: Json = {"status": reply.status, "headers": headers, "body": body}
        if not all(is_there(response, w.path) for w in read if not isinstance(w.wanted, Never)):
            return False
        return operation.phase is not Phase.ACTION or leads_on(operation, response, names)

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
            own = own_wishes(operation, names, wary=wary, other=other)
            wishes = (*first, *own, *later)
            if wishes not in tried:
                tried.append(wishes)
                yield wishes
        yield from _guessed(tried[-1], literal_values(operation))

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


def _ways(lists: Iterator[tuple[Wish, ...]]) -> Iterator[Way]:
    """What is put into which documented bodies: as little as there need be, examples first."""
    yield (), False, _examples
    first = next(lists)
    yield first, False, _examples
    yield (), False, _grown
    for wishes in chain([first], lists):
        yield wishes, False, _both
        yield wishes, True, _both


def _examples(draft: Draft) -> tuple[Json, ...]:
    return draft.examples


def _grown(draft: Draft) -> tuple[Json, ...]:
    return (draft.grown,)


def _both(draft: Draft) -> tuple[Json, ...]:
    return (*draft.examples, draft.grown)


def _with_headers(reply: Reply, wishes: tuple[Wish, ...], leaf: Leaf) -> Reply:
    return replace(reply, headers={**_headers(wishes, leaf), **reply.headers})


def _reply(operation: Operation, status: int, wishes: tuple[Wish, ...], leaf: Leaf) -> Reply:
    headers = _headers(wishes, leaf)
    inner = wishes_below(wishes, "body")
    if status in BODILESS or operation.request.method == "HEAD":
        return Reply(status, headers=headers, is_empty=True)
    if all(wish == Wish((), Read()) for wish in inner):
        makes = operation.request.method == "POST"
        return Reply(status, {"id": leaf(("id",))} if makes else {}, headers)
    return Reply(status, grow(inner, leaf), headers)


def _headers(wishes: tuple[Wish, ...], leaf: Leaf) -> dict[str, str]:
    headers: dict[str, str] = {}
    for wish in wishes:
        if wish.path[:1] == ("headers",) and len(wish.path) == 2:
            value = wish.wanted.value if isinstance(wish.wanted, Exactly) else leaf(wish.path)
            headers.setdefault(str(wish.path[1]), _header_value(value))
    return headers


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
