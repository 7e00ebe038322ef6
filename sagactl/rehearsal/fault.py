"""Misbehaviour on order: what `--fail STEP=KIND` says, and which call of a step it strikes.

A fault strikes the attempts of one phase of one step within one saga, counted from the first;
several for the same phase take turns in the order given. Deliberately absent: chance. The same
orders and the same calls always end the same way.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sagactl.definition.model import Saga
from sagactl.machine.command import Phase
from sagactl.machine.request import path_as_written
from sagactl.rehearsal.operation import steps_within
from sagactl.source.problem import nearest


class FaultKind(StrEnum):
    """How a call goes wrong. `after` and unnamed ones: the effect is done; `before`: it is not."""

    STATUS = "status"
    TIMEOUT = "timeout"
    TIMEOUT_BEFORE = "timeout-before"
    RESET_AFTER = "reset-after"
    RESET_BEFORE = "reset-before"
    DROP = "drop"
    GARBAGE = "garbage"
    SLOW = "slow"


WORDS = tuple(kind.value for kind in FaultKind if kind is not FaultKind.STATUS)
USAGE = (
    "a fault is STEP=KIND, STEP.compensation=KIND or STEP.lookup=KIND, where KIND is a status such "
    f"as 422 or one of {', '.join(WORDS)}, and x2 after it means the first two attempts only"
)
SLOW_S = 3.0
MAX_SLOW_S = 3600.0

_FAULT = re.compile(r"(?P<step>[^.=]*)(?:\.(?P<phase>[^=]*))?=(?P<kind>.*?)(?:x(?P<times>\d+))?")
_SLOW = re.compile(r"slow(?::(?P<count>\d+(?:\.\d+)?)(?P<unit>ms|s|m|h))?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class FaultRejected(Exception):
    """An order that cannot be understood or can never strike; the message says what would do."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One order. `times` None: for ever. `status` and `delay_s` belong to their kinds alone."""

    step: str
    phase: Phase
    kind: FaultKind
    times: int | None = None
    status: int | None = None
    delay_s: float | None = None

    @property
    def prevents_effect(self) -> bool:
        """Whether nothing happens in the world when it strikes."""
        if self.status is not None:
            return not 200 <= self.status <= 299
        return self.kind in (FaultKind.TIMEOUT_BEFORE, FaultKind.RESET_BEFORE)

    @property
    def word(self) -> str:
        """The kind as it was ordered."""
        if self.delay_s is not None:
            return f"slow:{round(self.delay_s * 1000)}ms"
        return str(self.kind if self.status is None else self.status)

    def __str__(self) -> str:
        times = "" if self.times is None else f"x{self.times}"
        return f"{self.step}.{self.phase}={self.word}{times}"


def parse_fault(text: str) -> Fault:
    """The fault that `text` orders; raises FaultRejected."""
    found = _FAULT.fullmatch(text.strip())
    if found is None or not found["step"]:
        raise FaultRejected(f'"{text}" is no fault: {USAGE}')
    times = None if found["times"] is None else int(found["times"])
    if times == 0:
        raise FaultRejected(f'"{text}" never strikes: x1 is the first attempt only')
    phase = _phase(text, found["phase"])
    kind, status, delay_s = _kind(text, found["kind"])
    return Fault(found["step"], phase, kind, times, status, delay_s)


def check_faults(faults: Sequence[Fault], saga: Saga) -> None:
    """Raise FaultRejected where an order can never strike in this saga."""
    endless: set[tuple[str, Phase]] = set()
    for fault in faults:
        _check_target(fault, saga)
        target = (fault.step, fault.phase)
        if target in endless:
            raise FaultRejected(
                f'"{fault}" never strikes: an earlier fault of "{fault.step}.{fault.phase}" goes '
                "on for ever; give that one a count, such as x2"
            )
        if fault.times is None:
            endless.add(target)


def striking(
    faults: Sequence[Fault], names: Sequence[str], phase: Phase, earlier: int
) -> Fault | None:
    """The fault that strikes the attempt after `earlier` ones, or None where it goes well.

    `names` are those of the step: its path as it is written, and that of the very instance.
    """
    for fault in faults:
        if fault.step not in names or fault.phase is not phase:
            continue
        if fault.times is None or earlier < fault.times:
            return fault
        earlier -= fault.times
    return None


def _phase(text: str, word: str | None) -> Phase:
    if word is None:
        return Phase.ACTION
    try:
        return Phase(word)
    except ValueError:
        phases = tuple(Phase)
        raise FaultRejected(
            f'"{word}" in "{text}" is no phase{_meant(word, phases)}: there are {", ".join(phases)}'
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
            f"{_meant(fault.step, names)}: there are {', '.join(names)}"
        )
    step = steps[written]
    if step.request is None:
        raise FaultRejected(f'"{fault}" never strikes: step "{written}" sends no request itself')
    absent = (fault.phase is Phase.COMPENSATION and step.compensation is None) or (
        fault.phase is Phase.LOOKUP and step.lookup is None
    )
    if absent:
        raise FaultRejected(f'"{fault}" never strikes: step "{written}" has no {fault.phase}')


def _meant(word: str, allowed: Sequence[str]) -> str:
    close = nearest(word, tuple(allowed))
    return f'; did you mean "{close}"?' if close else ""
