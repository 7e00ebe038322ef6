"""The simulated world: what stands in it, and what a call does to it.

A world is a value; a call leads to another one. Its services keep every promise that the definition
says they keep, and none besides: one effect for a key or for an address that is PUT, the same again
for the same key, an action refused once it was undone. What a request that nobody heard of does, it
does before its attempt's timeout has gone by once more: that is what `settle` is measured by. It
finds no barrier then, since not every service has one; but where the same action took place by
another attempt, it was that one.

A call that no sound runner makes is a `Breach`. Deliberately absent: replies, which `answer` makes,
and every judgement about how a saga ends.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from urllib.parse import parse_qsl

from sagactl.machine.command import Call, Phase, Sending
from sagactl.machine.finding_code import FindingCode
from sagactl.machine.request import path_as_written
from sagactl.rehearsal.proof.order import Order

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Done(Enum):
    """What a call found or made, which is what its reply depends on."""

    DONE = "done"
    AGAIN = "again"  # it had been done under this key or at this address
    BARRED = "barred"  # an action that was undone already
    ABSENT = "absent"  # an undo or a lookup that found nothing


@dataclass(frozen=True, slots=True)
class Breach:
    """A call that must never be made."""

    code: FindingCode
    step: str
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Late:
    """An action that is still under way although nobody waits for it; it is there by `at`."""

    step: str
    at: float


@dataclass(frozen=True, slots=True)
class World:
    """`standing`: the steps whose effect stands; `undone`: those with an undo that was accepted;
    `acted`: those that ever took place. `addresses` and `keys` say under what.
    """

    standing: frozenset[str] = frozenset()
    undone: frozenset[str] = frozenset()
    acted: frozenset[str] = frozenset()
    late: tuple[Late, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    sendings: Mapping[tuple[str, Phase], tuple[str, Sending]] = field(
        default_factory=lambda: MappingProxyType({})
    )


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of a call that arrived."""

    world: World
    done: Done
    breach: Breach | None = None


class Services:
    """The services of one saga. `vain` says of which steps the undo takes nothing back, and why."""

    def __init__(self, order: Order, vain: Mapping[str, str]) -> None:
        self._order = order
        self._vain = vain

    def sent(self, world: World, call: Call) -> tuple[World, Breach | None]:
        """The call leaves: one key for ever, and one body under it (idempotency, FAULTS I6)."""
        place = (call.step, call.phase)
        before = world.sendings.get(place)
        if before is None:
            for (step, phase), (key, _) in world.sendings.items():
                if key == call.key:
                    words = (
                        f'the {call.phase} of "{call.step}" has the key of the {phase} of "{step}"'
                    )
                    return world, Breach(FindingCode.ONE_KEY_TWO_BODIES, call.step, words)
            sendings = {**world.sendings, place: (call.key, call.sending)}
            return replace(world, sendings=sendings), None
        if before[0] != call.key:
            words = f'the {call.phase} of "{call.step}" is sent again under another key'
            return world, Breach(FindingCode.KEY_CHANGED, call.step, words)
        if before[1] != call.sending:
            words = f'the {call.phase} of "{call.step}" is sent again with another body'
            return world, Breach(FindingCode.ONE_KEY_TWO_BODIES, call.step, words)
        return world, None

    def arrive(self, world: World, call: Call) -> Arrival:
        """The call reaches its service."""
        match call.phase:
            case Phase.ACTION:
                return self._action(world, call)
            case Phase.LOOKUP:
                return self._lookup(world, call)
            case Phase.COMPENSATION:
                return self._compensation(world, call)

    def are_related(self, one: Call, other: Call) -> bool:
        """Whether it may matter which of two calls of different steps ends first."""
        if one.step == other.step or self._order.is_behind(one.step, other.step):
            return True
        if self._order.is_behind(other.step, one.step):
            return True
        if self._order.is_raced(one.step) or self._order.is_raced(other.step):
            return True
        service = one.request.service
        if service is not None and service.max_concurrency is not None:
            return True
        mine, its = _address(one.sending), _address(other.sending)
        return mine.startswith(its) or its.startswith(mine)

    def delay(self, world: World, call: Call, now: float) -> World:
        """The call is on its way, and there before its timeout has gone by once more."""
        if call.step in world.acted:
            return world
        return replace(world, late=(*world.late, Late(call.step, now + call.request.timeout_s)))

    def land(self, world: World, now: float | None) -> World:
        """What was late and is there by `now`; None: whatever is late."""
        due = [late for late in world.late if now is None or late.at <= now]
        if not due:
            return world
        landing = {late.step for late in due} - world.acted
        return replace(
            world,
            standing=world.standing | landing,
            acted=world.acted | landing,
            late=tuple(late for late in world.late if late not in due),
        )

    def _action(self, world: World, call: Call) -> Arrival:
        path = call.step
        if not acts(call):
            return Arrival(world, Done.DONE)
        if path in world.standing:
            if call.request.may_repeat:
                return Arrival(world, Done.AGAIN)
            words = f'the action of "{path}" is done twice, for its service was sent it twice'
            return Arrival(world, Done.DONE, Breach(FindingCode.DONE_TWICE, path, words))
        if path in world.undone:
            return Arrival(world, Done.BARRED)
        breach = self._address_breach(world, call)
        after = replace(
            world,
            standing=world.standing | {path},
            acted=world.acted | {path},
            late=tuple(late for late in world.late if late.step != path),
            addresses={**world.addresses, path: _address(call.sending)},
        )
        return Arrival(after, Done.DONE, breach)

    def _lookup(self, world: World, call: Call) -> Arrival:
        """What is asked for is found by what its action sent; so is another that sent the same."""
        path = call.step
        if call.key in call.sending.url:
            words = (
                f'the lookup of "{path}" asks by its own key, which its action was not sent under'
            )
            advice = "ask by step.action_key"
            return Arrival(
                world, Done.ABSENT, Breach(FindingCode.LOOKUP_BLIND, path, words, advice)
            )
        if path in world.standing:
            return Arrival(world, Done.DONE)
        for other in sorted(world.standing):
            sent = world.sendings.get((other, Phase.ACTION))
            if sent is not None and _is_meant(call.sending, sent[1], sent[0]):
                words = f'the lookup of "{path}", which did not take place, finds "{other}"'
                advice = "ask for what no other has, such as step.action_key"
                breach = Breach(FindingCode.LOOKUP_FINDS_ANOTHER, path, words, advice)
                return Arrival(world, Done.DONE, breach)
        return Arrival(world, Done.ABSENT)

    def _compensation(self, world: World, call: Call) -> Arrival:
        path = call.step
        breach = self._undo_breach(world, call)
        if breach is not None:
            return Arrival(world, Done.DONE, breach)
        if path in self._vain:
            return Arrival(world, Done.DONE)
        request = call.request
        keeps_keys = request.idempotency is not None and request.idempotency.keyed
        target = _undo_target(world, call)
        if target in world.standing and target != path:
            words = f'the undo of "{path}" takes back "{target}", and leaves its own'
            advice = "let it name what its own step made"
            return Arrival(
                world, Done.DONE, Breach(FindingCode.UNDO_TAKES_ANOTHER, path, words, advice)
            )
        if target in world.standing:
            after = replace(world, standing=world.standing - {path}, undone=world.undone | {path})
            return Arrival(after, Done.DONE)
        if path in world.undone & world.acted and keeps_keys:
            return Arrival(world, Done.AGAIN)
        return Arrival(replace(world, undone=world.undone | {path}), Done.ABSENT)

    def _undo_breach(self, world: World, call: Call) -> Breach | None:
        path, address = call.step, _address(call.sending)
        for other in sorted(world.undone & world.acted):
            sent = world.sendings.get((other, Phase.ACTION))
            above = None if sent is None or sent[1].method != "PUT" else _address(sent[1])
            if other != path and above is not None and address.startswith(f"{above}/"):
                words = f'the undo of "{path}" goes below the address of "{other}", which is undone'
                advice = f"let {_named(path)} need {_named(other)}: it is undone first then"
                return Breach(FindingCode.WRONG_ORDER, path, words, advice)
        for other in sorted(world.standing):
            if other == path or self._order.step(other).compensation is None:
                continue
            if other in self._vain:
                continue
            if self._order.is_behind(other, path):
                words = f'"{path}" is undone while "{other}", which needs it, still stands'
                return Breach(FindingCode.WRONG_ORDER, path, words)
            if self._is_below(world, other, path):
                words = (
                    f'"{path}" is undone while "{other}" still stands below its address, '
                    "and has nothing left to be undone in"
                )
                advice = f"let {_named(other)} need {_named(path)}: it is undone first then"
                return Breach(FindingCode.WRONG_ORDER, other, words, advice)
        return None

    def _address_breach(self, world: World, call: Call) -> Breach | None:
        if call.sending.method != "PUT":
            return None
        path, address = call.step, _address(call.sending)
        for other in sorted(world.standing):
            its = world.addresses.get(other, "")
            if its.startswith(f"{address}/"):
                words = (
                    f'"{other}" is done below the address of "{path}" before "{path}" has made it'
                )
                advice = f"let {_named(other)} need {_named(path)}"
                return Breach(FindingCode.WRONG_ORDER, other, words, advice)
            if its == address and self._is_one_thing(other, path, world, call):
                words = f'"{path}" writes to the address of "{other}", which is lost by it'
                advice = "put what tells them apart into the address, such as the index"
                return Breach(FindingCode.ONE_KEY_TWO_BODIES, path, words, advice)
        return None

    def _is_one_thing(self, other: str, path: str, world: World, call: Call) -> bool:
        """Whether two steps that PUT to one address make what only one of them can undo."""
        before = world.sendings.get((other, Phase.ACTION))
        if before is None or before[1].method != "PUT":
            return False
        mine, its = self._order.step(path), self._order.step(other)
        if mine is its:
            return True
        undo, its_undo = mine.compensation, its.compensation
        if undo is None or its_undo is None or undo.method != "DELETE":
            return False
        written = getattr(undo.url.node, "value", None)
        return its_undo.method == "DELETE" and written == getattr(its_undo.url.node, "value", "")

    def _is_below(self, world: World, other: str, path: str) -> bool:
        address, its = world.addresses.get(path), world.addresses.get(other)
        if address is None or its is None or not its.startswith(f"{address}/"):
            return False
        sent = world.sendings.get((path, Phase.ACTION))
        return sent is not None and sent[1].method == "PUT"


def acts(call: Call) -> bool:
    """Whether the call changes anything where it arrives (RFC 9110, 9.2.1)."""
    return call.sending.method not in SAFE_METHODS


def _named(path: str) -> str:
    """A step as one can write it down: an instance has no name of its own."""
    return f'"{path_as_written(path)}"'


def _address(sending: Sending) -> str:
    return sending.url.partition("?")[0]


def _undo_target(world: World, call: Call) -> str | None:
    """Whose effect a compensation takes back: its step's, unless its address is another's.

    Only for a DELETE of what was PUT does the address alone say what is meant.
    """
    path, address = call.step, _address(call.sending)
    sent = world.sendings.get((path, Phase.ACTION))
    if call.sending.method != "DELETE" or sent is None or sent[1].method != "PUT":
        return path
    own = _address(sent[1])
    if address == own or own.rpartition("/")[0] != address.rpartition("/")[0]:
        return path
    return next((other for other, its in world.addresses.items() if its == address), None)


def _is_meant(question: Sending, action: Sending, key: str) -> bool:
    """Whether an action is what a lookup by query asks for, as far as it can be told."""
    if action.method != "POST" or _address(question) != _address(action):
        return False
    asked = parse_qsl(question.url.partition("?")[2], keep_blank_values=True)
    try:
        body = json.loads(action.body or "null")
    except ValueError:
        return False
    if not asked or not isinstance(body, dict):
        return False
    return all(value == key or str(body.get(name)) == value for name, value in asked)
