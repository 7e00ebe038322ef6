"""Misbehaviour on order: what `--fail STEP=KIND` says, and which call of a step it strikes.

A fault strikes the attempts of one phase of one step within one saga, counted from the first;
several for the same phase take turns in the order given. One that names its attempts (`STEP@2=…`)
strikes these, whatever the others say. Deliberately absent: chance. The same orders and the same
calls always end the same way.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from sagactl.definition.model import Saga
from sagactl.machine.command import Phase
from sagactl.machine.request import path_as_written
from sagactl.rehearsal.operation import steps_within
from sagactl.source.problem import nearest


class FaultKind(StrEnum):
    """How a call goes wrong. The effect is done, but for `before` and where it is refused."""

    STATUS = "status"
    TIMEOUT = "timeout"
    TIMEOUT_BEFORE = "timeout-before"
    RESET_AFTER = "reset-after"
    RESET_BEFORE = "reset-before"
    DROP = "drop"
    GARBAGE = "garbage"
    CUT = "cut"
    OVERSIZED = "oversized"
    SLOW = "slow"
    REFUSED = "refused"


WORDS = tuple(kind.value for kind in FaultKind if kind is not FaultKind.STATUS)
PREVENTING = (FaultKind.TIMEOUT_BEFORE, FaultKind.RESET_BEFORE, FaultKind.REFUSED)
USAGE = (
    "a fault is STEP=KIND, STEP.compensation=KIND or STEP.lookup=KIND, where KIND is a status such "
    f"as 422 or one of {', '.join(WORDS)}, and x2 after it means the first two attempts only; "
    "STEP@2=KIND is for the second attempt alone, @2-4 for some, @2- for all from there on"
)
SLOW_S = 3.0
MAX_SLOW_S = 3600.0

_FAULT = re.compile(
    r"(?P<step>[^.=@]*)(?:\.(?P<phase>[^=@]*))?(?:@(?P<at>[^=]*))?"
    r"=(?P<kind>.*?)(?:x(?P<times>\d{1,9}))?"
)
_ATTEMPTS = re.compile(r"(?P<first>[1-9]\d{0,5})(?P<dash>-(?P<last>[1-9]\d{0,5})?)?")
_SLOW = re.compile(r"slow(?::(?P<count>\d+(?:\.\d+)?)(?P<unit>ms|s|m|h))?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class FaultRejected(Exception):
    """An order that cannot be understood or can never strike; the message says what would do.

    `is_target`: what is wrong stands before the "=".
    """

    def __init__(self, message: str, *, is_target: bool = False) -> None:
        super().__init__(message)
        self.is_target = is_target


# The first and the last of some attempts; None: it goes on for ever.
Span: TypeAlias = tuple[int, int | None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One order. `times` None: for ever. `status` and `delay_s` belong to their kinds alone.

    `attempts` are the first and the last that it is for, where it names them; to the last None is.
    """

    step: str
    phase: Phase
    kind: FaultKind
    times: int | None = None
    status: int | None = None
    delay_s: float | None = None
    attempts: Span | None = None

    @property
    def target(self) -> tuple[str, Phase]:
        return self.step, self.phase

    @property
    def prevents_effect(self) -> bool:
        """Whether nothing happens in the world when it strikes."""
        if self.status is not None:
            return not 200 <= self.status <= 299
        return self.kind in PREVENTING

    @property
    def word(self) -> str:
        """The kind as it was ordered."""
        if self.delay_s is not None:
            return f"slow:{round(self.delay_s * 1000)}ms"
        return str(self.kind if self.status is None else self.status)

    def __str__(self) -> str:
        times = "" if self.times is None else f"x{self.times}"
        return f"{self.step}.{self.phase}{_at(self.attempts)}={self.word}{times}"


def parse_fault(text: str) -> Fault:
    """The fault that `text` orders; raises FaultRejected."""
    found = _FAULT.fullmatch(text.strip())
    if found is None or not found["step"]:
        raise FaultRejected(f'"{text}" is no fault: {USAGE}')
    times = None if found["times"] is None else int(found["times"])
    if times == 0:
        raise FaultRejected(f'"{text}" never strikes: x1 is the first attempt only')
    phase = _phase(text, found["phase"])
    attempts = None if found["at"] is None else _attempts(text, found["at"])
    kind, status, delay_s = _kind(text, found["kind"])
    if attempts is not None and times is not None:
        last = attempts[0] + times - 1
        raise FaultRejected(
            f'"{text}" says twice how often: @{attempts[0]}-{last} names the attempts, x{times} '
            "counts them from the first"
        )
    return Fault(found["step"], phase, kind, times, status, delay_s, attempts)


def check_faults(faults: Sequence[Fault], saga: Saga) -> None:
    """Raise FaultRejected where an order can never strike in this saga."""
    for _, rejection in rejections(faults, saga):
        raise rejection


def rejections(faults: Sequence[Fault], saga: Saga) -> Iterator[tuple[int, FaultRejected]]:
    """Which of the orders can never strike in this saga, and why."""
    named: dict[tuple[str, Phase], list[Span]] = {}
    for number, fault in enumerate(faults):
        try:
            _check_target(fault, saga)
        except FaultRejected as rejection:
            yield number, rejection
            continue
        if fault.attempts is not None:
            spans = named.setdefault(fault.target, [])
            if _is_covered(fault.attempts, spans):
                yield number, _rejected(fault, "is for these attempts already")
            spans.append(fault.attempts)
    ends: dict[tuple[str, Phase], int | None] = {}
    for number, fault in enumerate(faults):
        if fault.attempts is not None:
            continue
        before = ends.get(fault.target, 0)
        if before is None:
            why = "goes on for ever; give that one a count, such as x2"
            yield number, _rejected(fault, why)
            continue
        end = None if fault.times is None else before + fault.times
        if _is_covered((before + 1, end), named.get(fault.target, [])):
            yield number, _rejected(fault, "names these attempts")
        ends[fault.target] = end


def _rejected(fault: Fault, why: str) -> FaultRejected:
    target = f"{fault.step}.{fault.phase}"
    other = "another" if why.startswith("names") else "an earlier"
    return FaultRejected(f'"{fault}" never strikes: {other} fault of "{target}" {why}')


def _is_covered(span: Span, others: Sequence[Span]) -> bool:
    """Whether every attempt of a span is in one of the others."""
    at, last = span
    for first, end in sorted(others, key=lambda other: other[0]):
        if first > at:
            return False
        if end is None:
            return True
        at = max(at, end + 1)
        if last is not None and at > last:
            return True
    return False


def striking(
    faults: Sequence[Fault], names: Sequence[str], phase: Phase, earlier: int
) -> Fault | None:
    """The fault that strikes the attempt after `earlier` ones, or None where it goes well.

    `names` are those of the step: its path as it is written, and that of the very instance.
    """
    concerned = [fault for fault in faults if fault.step in names and fault.phase is phase]
    for fault in concerned:
        if fault.attempts is not None:
            first, last = fault.attempts
            if first <= earlier + 1 and (last is None or earlier < last):
                return fault
    for fault in concerned:
        if fault.attempts is not None:
            continue
        if fault.times is None or earlier < fault.times:
            return fault
        earlier -= fault.times
    return None


def _at(attempts: Span | None) -> str:
    if attempts is None:
        return ""
    first, last = attempts
    return f"@{first}" if last == first else f"@{first}-{'' if last is None else last}"


def _attempts(text: str, word: str) -> Span:
    found = _ATTEMPTS.fullmatch(word)
    if found is None:
        raise FaultRejected(
            f'"@{word}" in "{text}" names no attempts: @2 is the second one, @2-4 are three, and '
            "@2- all from the second one on",
            is_target=True,
        )
    first = int(found["first"])
    last = first if found["dash"] is None else int(found["last"]) if found["last"] else None
    if last is not None and last < first:
        raise FaultRejected(f'"@{word}" in "{text}" ends before it begins', is_target=True)
    return first, last


def _phase(text: str, word: str | None) -> Phase:
    if word is None:
        return Phase.ACTION
    try:
        return Phase(word)
    except ValueError:
        phases = tuple(Phase)
        known = ", ".join(phases)
        raise FaultRejected(
            f'"{word}" in "{text}" is no phase{_meant(word, phases)}: there are {known}',
            is_target=True,
        ) from None


def _kind(text: str, word: str) -> tuple[FaultKind, int | None, float | None]:
    if re.fullmatch(r"\d+", word):
        # 1xx announces a reply and is none, so it cannot stand in for one (RFC 9110, 15.2).
        if len(word) != 3 or not 200 <= int(word) <= 599:
            raise FaultRejected(f'"{word}" in "{text}" is no final status: 200 to 599')
        return FaultKind.STATUS, int(word), None
    slow = _SLOW.fullmatch(word)
    if slow is not None:
        delay_s = SLOW_S if slow["count"] is None else float(slow["count"]) * _UNITS[slow["unit"]]
        if delay_s > MAX_SLOW_S:
            raise FaultRejected(f'"{word}" in "{text}" is longer than an hour')
        return FaultKind.SLOW, None, delay_s
    if word not in WORDS:
        raise FaultRejected(
            f'"{word}" in "{text}" is no way to fail{_meant(word, WORDS)}: there are '
            f"{', '.join(WORDS)} and any status such as 422"
        )
    return FaultKind(word), None, None


def _check_target(fault: Fault, saga: Saga) -> None:
    steps = {path: step for _, path, step in steps_within(saga)}
    names = tuple(steps)
    written = path_as_written(fault.step)
    if written not in steps:
        raise FaultRejected(
            f'"{fault.step}" in "{fault}" is no step of "{saga.name}"'
            f"{_meant(fault.step, names)}: there are {', '.join(names)}",
            is_target=True,
        )
    step = steps[written]
    if step.request is None:
        message = f'"{fault}" never strikes: step "{written}" sends no request itself'
        raise FaultRejected(message, is_target=True)
    absent = (fault.phase is Phase.COMPENSATION and step.compensation is None) or (
        fault.phase is Phase.LOOKUP and step.lookup is None
    )
    if absent:
        message = f'"{fault}" never strikes: step "{written}" has no {fault.phase}'
        raise FaultRejected(message, is_target=True)


def _meant(word: str, allowed: Sequence[str]) -> str:
    close = nearest(word, tuple(allowed))
    return f'; did you mean "{close}"?' if close else ""
