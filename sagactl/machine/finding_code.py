"""What a rehearsal can find: every code, what is thought of it, and what it means in a line.

Codes are kept for ever, as programs and people write them down. Deliberately absent: the sentence
about a step, which whoever finds something says itself.
"""

from enum import StrEnum
from types import MappingProxyType

from sagactl.machine.rehearsed import Judgement


class FindingCode(StrEnum):
    """The slug of a finding; holes first, those of a definition before those of the machine."""

    EFFECT_LEFT = "effect-left"
    EFFECT_LOST = "effect-lost"
    LATE_LANDING = "late-landing"
    DONE_TWICE = "done-twice"
    WRONG_ORDER = "wrong-order"
    UNDO_TAKES_NOTHING_BACK = "undo-takes-nothing-back"
    UNDO_TAKES_ANOTHER = "undo-takes-another"
    UNDO_LACKS_VALUE = "undo-lacks-value"
    UNDO_REFUSED = "undo-refused"
    UNDO_NEVER_APPLIED = "undo-never-applied"
    UNDO_NOT_REPEATABLE = "undo-not-repeatable"
    UNDO_NOT_RETRIED = "undo-not-retried"
    ACTION_LACKS_VALUE = "action-lacks-value"
    NEVER_APPLIED = "never-applied"
    SUCCESS_HIDES_FAILURE = "success-hides-failure"
    ONE_KEY_TWO_BODIES = "one-key-two-bodies"
    LOOKUP_LACKS_VALUE = "lookup-lacks-value"
    LOOKUP_BLIND = "lookup-blind"
    LOOKUP_FINDS_ANOTHER = "lookup-finds-another"
    STUCK_UNSAID = "stuck-unsaid"
    PIVOT_TOO_EARLY = "pivot-too-early"
    RETRIES_CUT_SHORT = "retries-cut-short"
    FAILS_BY_ITSELF = "fails-by-itself"
    NEVER_ENDS = "never-ends"
    BEGINS_AFTER_FAILURE = "begins-after-failure"
    KEY_CHANGED = "key-changed"
    LOOKUP_NOT_ASKED = "lookup-not-asked"
    UNDO_UNASKED = "undo-unasked"
    UNDONE_PAST_PIVOT = "undone-past-pivot"
    UNWRITTEN_INTENT = "unwritten-intent"
    UNDO_FAILED = "undo-failed"
    HELD = "held"
    HELD_PAST_PIVOT = "held-past-pivot"
    UNANSWERED = "unanswered"
    REFUSED_PAST_PIVOT = "refused-past-pivot"
    ASKED_FOR_EVER = "asked-for-ever"

    @property
    def judgement(self) -> Judgement:
        return Judgement.STUCK if self in RIGHTLY_STUCK else Judgement.HOLE

    @property
    def meaning(self) -> str:
        """What it means, in a line."""
        return MEANINGS[self]


C = FindingCode
RIGHTLY_STUCK = (
    C.UNDO_FAILED,
    C.HELD,
    C.HELD_PAST_PIVOT,
    C.UNANSWERED,
    C.REFUSED_PAST_PIVOT,
    C.ASKED_FOR_EVER,
)
# No definition leads to these: only a mistake of sagactl does.
OF_THE_MACHINE = (
    C.BEGINS_AFTER_FAILURE,
    C.KEY_CHANGED,
    C.LOOKUP_NOT_ASKED,
    C.UNDO_UNASKED,
    C.UNDONE_PAST_PIVOT,
    C.UNWRITTEN_INTENT,
)
MEANINGS: MappingProxyType[FindingCode, str] = MappingProxyType(
    {
        C.EFFECT_LEFT: "what a step did stands when all is over, and should not",
        C.EFFECT_LOST: "the saga ends completed, and what a step did does not stand",
        C.LATE_LANDING: "a request that was still on its way is carried out when all is over",
        C.DONE_TWICE: "an action is carried out twice",
        C.WRONG_ORDER: "a step begins before what it needs, or is undone before what needs it",
        C.UNDO_TAKES_NOTHING_BACK: "a compensation reads, tells, or does the action once more",
        C.UNDO_TAKES_ANOTHER: "a compensation takes back what another step did",
        C.UNDO_LACKS_VALUE: "a compensation reads what nobody knows by then",
        C.UNDO_REFUSED: "a compensation that finds nothing to undo, and takes that for a failure",
        C.UNDO_NEVER_APPLIED: "no reply was found by which a compensation counts as done",
        C.UNDO_NOT_REPEATABLE: "one lost reply to a compensation is enough to need a person",
        C.UNDO_NOT_RETRIED: "one failure of a compensation is enough to need a person",
        C.ACTION_LACKS_VALUE: "an action reads what nobody knows by then",
        C.NEVER_APPLIED: "no reply was found by which an action counts as done",
        C.SUCCESS_HIDES_FAILURE: "a status that says no counts as done",
        C.ONE_KEY_TWO_BODIES: "one key or address is given two different things",
        C.LOOKUP_LACKS_VALUE: "a lookup reads what nobody knows by then",
        C.LOOKUP_BLIND: "a lookup cannot tell what took place from what did not",
        C.LOOKUP_FINDS_ANOTHER: "a lookup finds what another step did",
        C.STUCK_UNSAID: "a person must find out what took place, and nobody wrote `hold`",
        C.PIVOT_TOO_EARLY: "a step with a compensation can be refused past the pivot",
        C.RETRIES_CUT_SHORT: "a timeout ends a step before the attempts written for it are made",
        C.FAILS_BY_ITSELF: "the saga fails although nothing goes wrong",
        C.NEVER_ENDS: "the saga comes to no end, or not to the one that it says",
        C.BEGINS_AFTER_FAILURE: "a step begins after the saga failed",
        C.KEY_CHANGED: "a request is sent again under another key",
        C.LOOKUP_NOT_ASKED: "a person is asked before the lookup is",
        C.UNDO_UNASKED: "what was never done is undone",
        C.UNDONE_PAST_PIVOT: "something is undone past the pivot",
        C.UNWRITTEN_INTENT: "a request leaves before its intent is written",
        C.UNDO_FAILED: "a compensation fails for good",
        C.HELD: "nobody can find out what took place, and `on_unknown: hold` is written",
        C.HELD_PAST_PIVOT: "nobody can find out what took place past the pivot",
        C.UNANSWERED: "a step was asked about for as long as `budget` or a key allows",
        C.REFUSED_PAST_PIVOT: "a step past the pivot is refused",
        C.ASKED_FOR_EVER: "a step past the pivot is asked for until its service answers",
    }
)
