"""What the contract says of every behaviour of a participant: one table, and the rules behind it.

Written from CONTRACT.md, section 2, and from nothing of the code: which of the five outcomes each
animal's reply is, for an action whose result is read later; and from the outcome, the phase, what
the service says of keys and how often it misbehaves, where the saga and each of its steps end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations, product
from random import Random

from sagactl.definition.model import OutcomeKind
from sagactl.machine.command import Phase

APPLIED = OutcomeKind.APPLIED
RESULT_LOST = OutcomeKind.RESULT_LOST
REJECTED = OutcomeKind.REJECTED
NOT_SENT = OutcomeKind.NOT_SENT
UNKNOWN = OutcomeKind.UNKNOWN

STEPS = ("a", "b", "c")

TABLE: dict[OutcomeKind, tuple[str, ...]] = {
    # A success status and a reply that yields the result.
    APPLIED: (
        "ok", "created", "status-203", "status-206", "http10", "lowercase", "no-reason",
        "unframed", "long-body", "chunked", "both-framings", "same-length-twice", "interim",
        "identity", "big-header", "closing", "stale", "pushy", "cookie", "another-reply",
        "twice-the-reply", "reply-and-refusal", "early-reply",
    ),
    # A success status; the reply is cut, too big, not JSON, or the result's expression fails on it.
    RESULT_LOST: (
        "empty", "no-content", "no-content-with-body", "short-body", "unframed-cut", "chunked-cut",
        "bad-chunk", "bad-chunk-size", "reset-mid-body", "half-a-body-and-silence", "drip-body",
        "endless-body", "endless-chunks", "endless-trailers", "endless-headers", "many-headers",
        "many-small-headers", "too-big-header", "gzip", "bad-gzip", "bomb", "html", "latin-1",
        "utf-16", "byte-order-mark", "not-a-number", "too-large-a-number", "lone-surrogate", "deep",
        "twice-the-key", "two-documents", "cut-json", "success-that-failed",
    ),
    # The 4xx of RFC 9110 and 402, 423, 424, 428, 431, 451; 501, 505; a redirect other than 303.
    REJECTED: (
        "moved", "moved-to-itself", "found", "temporary", "permanent", "status-304", "status-305",
        "declined", "conflict", "terminal", "many-headers-refused", "refusal-and-success",
        "drip-refusal", "early-refusal", "status-451", "status-501", "status-505",
        *(f"status-{n}" for n in (*range(400, 408), *range(410, 418), *range(421, 425))),
        "status-426", "status-428", "status-431",
    ),
    # Nothing can have happened: connect, TLS, 425, 429.
    NOT_SENT: (
        "refused", "status-425", "status-429", "retry-after-date", "retry-after-zero",
        "retry-after-absurd", "retry-after-past", "retry-after-words", "retry-after-huge",
        "tls-silence", "tls-slow", "tls-closed", "tls-reset", "tls-garbage", "tls-plain",
        "tls-elsewhere", "tls-expired", "tls-stranger",
    ),
    # It may have happened: no status, 408, 5xx, 303, a bare 202, any unlisted status.
    UNKNOWN: (
        "close-at-the-door", "reset-at-the-door", "deaf", "reply-to-nothing", "close-before-reply",
        "reset-before-reply", "reset-mid-headers", "half-a-head-and-silence", "half-status",
        "silent", "continue-and-silence", "late", "drip-headers", "endless-line", "endless-interim",
        "switch", "garbage", "http09", "bad-header", "two-lengths", "negative-length", "accepted",
        "see-other", "broken", "status-408", "status-418", "status-420", "status-427", "status-430",
        "status-499", "status-500", "status-502", "status-503", "status-504", "status-506",
        "status-511", "status-520", "status-599", "status-600", "status-999", "down-for-date",
        "down-for-zero", "down-for-absurd", "down-for-past", "down-for-words", "down-for-huge",
    ),
}  # fmt: skip
OUTCOMES = {animal: kind for kind, animals in TABLE.items() for animal in animals}

# Trying again does not make a certificate good.
FINAL = {"tls-elsewhere", "tls-expired", "tls-stranger"}
# Nothing of the request is read, so it has no effect whatever its outcome looks like.
AT_THE_DOOR = {"close-at-the-door", "reset-at-the-door", "deaf", "reply-to-nothing"}
# Only the deadline ends these.
HANG = {
    "deaf", "reply-to-nothing", "half-a-head-and-silence", "half-a-body-and-silence", "silent",
    "continue-and-silence", "late", "drip-body", "drip-headers", "drip-refusal", "tls-silence",
    "tls-slow",
}  # fmt: skip
NOT_FOUND = {"status-404"}


class Moment(StrEnum):
    """When it misbehaves. Of a lookup: whether the action had its effect."""

    BEFORE = "before its effect"
    AFTER = "after its effect"


class Keeps(StrEnum):
    """What the service says about a repeated request, and so what `on_unknown` is by default."""

    KEY = "idempotency: key"  # finish: sending again is safe
    NATURE = "PUT and DELETE"  # compensate: the undo is a DELETE without the step's result
    NOTHING = "idempotency: none"  # hold


class Times(StrEnum):
    ONCE = "once"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Case:
    animal: str
    moment: Moment
    step: str
    phase: Phase
    keeps: Keeps
    times: Times

    def __str__(self) -> str:
        return f"{self.step} {self.phase}: {self.animal} {self.times}, {self.moment}, {self.keeps}"

    @property
    def outcome(self) -> OutcomeKind:
        """How an attempt ends that meets the animal."""
        kind = OUTCOMES[self.animal]
        # Compensations need no readable reply unless they say `result` or a condition.
        return APPLIED if self.phase is Phase.COMPENSATION and kind is RESULT_LOST else kind

    @property
    def settled_s(self) -> float:
        return 0.4 if self.animal == "late" else 0.02


def cases() -> Iterator[Case]:
    """Every combination in which the participant does not lie about its effect."""
    for combination in product(OUTCOMES, Moment, STEPS, Phase, Keeps, Times):
        case = Case(*combination)
        if case.moment in _honest(case.animal, case.phase):
            yield case


def _honest(animal: str, phase: Phase) -> set[Moment]:
    kind = OUTCOMES[animal]
    if kind in (APPLIED, RESULT_LOST) or animal == "late":
        return {Moment.AFTER} if phase is not Phase.LOOKUP or animal != "late" else set()
    if phase is Phase.LOOKUP:
        return {Moment.BEFORE} if animal in NOT_FOUND else set(Moment)
    if kind is UNKNOWN and animal not in AT_THE_DOOR:
        return set(Moment)
    return {Moment.BEFORE}


def pairwise(every: list[Case], seed: int) -> list[Case]:
    """Some of the cases, in which every two values of two columns that can meet do so."""
    every = list(every)
    Random(seed).shuffle(every)
    uncovered = {pair for case in every for pair in _pairs(case)}
    chosen = []
    for gain in range(15, 0, -1):
        for case in every:
            found = _pairs(case) & uncovered
            if len(found) >= gain:
                chosen.append(case)
                uncovered -= found
    assert not uncovered
    return chosen


def _pairs(case: Case) -> set[tuple[str, str]]:
    return set(combinations(
        (case.animal, case.moment, case.step, case.phase, case.keeps, case.times), 2
    ))  # fmt: skip


def end(case: Case) -> tuple[str, dict[str, str]]:
    """Where the saga and its steps end."""
    match case.phase:
        case Phase.ACTION:
            return _forwards(case, _after_action(case))
        case Phase.LOOKUP:
            return _forwards(case, _after_lookup(case))
        case Phase.COMPENSATION:
            return _backwards(case)


def _after_action(case: Case) -> str:
    once = case.times is Times.ONCE
    match case.outcome:
        case OutcomeKind.APPLIED:
            return "completed"
        case OutcomeKind.REJECTED:
            return "failed"
        case OutcomeKind.NOT_SENT:
            return "completed" if once and case.animal not in FINAL else "failed"
    if once and case.keeps is not Keeps.NOTHING:
        return "completed"
    return _nobody_knows(case)


def _nobody_knows(case: Case) -> str:
    return {Keeps.KEY: "stuck", Keeps.NATURE: "compensated", Keeps.NOTHING: "stuck"}[case.keeps]


def _after_lookup(case: Case) -> str:
    took_place = case.moment is Moment.AFTER
    if case.outcome is APPLIED:
        return "completed"
    if case.animal in NOT_FOUND:
        return "failed"
    asked_again = case.outcome is not REJECTED and case.animal not in FINAL
    if asked_again and case.times is Times.ONCE:
        return "completed" if took_place else "failed"
    # No answer is as no lookup: `finish` sends the action again, which behaves by now.
    return "completed" if case.keeps is Keeps.KEY else _nobody_knows(case)


def _forwards(case: Case, target: str) -> tuple[str, dict[str, str]]:
    if target == "completed":
        return "completed", dict.fromkeys(STEPS, "completed")
    at = STEPS.index(case.step)
    before = "completed" if target == "stuck" else "compensated"
    states = dict.fromkeys(STEPS[:at], before) | dict.fromkeys(STEPS[at + 1 :], "pending")
    return "stuck" if target == "stuck" else "failed", {**states, case.step: target}


def _backwards(case: Case) -> tuple[str, dict[str, str]]:
    """The last step, `d`, is refused; what was done before it is undone, the latest first."""
    once = case.times is Times.ONCE
    match case.outcome:
        case OutcomeKind.APPLIED:
            undone = True
        case OutcomeKind.NOT_SENT:
            undone = once and case.animal not in FINAL
        case OutcomeKind.UNKNOWN:
            undone = once and case.keeps is not Keeps.NOTHING
        case _:
            undone = False
    if undone:
        return "failed", {**dict.fromkeys(STEPS, "compensated"), "d": "failed"}
    at = STEPS.index(case.step)
    states = dict.fromkeys(STEPS[:at], "completed") | dict.fromkeys(STEPS[at:], "compensated")
    return "stuck", {**states, case.step: "stuck", "d": "failed"}
