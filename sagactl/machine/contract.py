"""What real services keep of their contract, as values for whoever shows or counts it.

Here and not in the room that asks them, because views may not reach into that one. Deliberately
absent: anything of a reply but its status and what the classifier said of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Promise(StrEnum):
    """What a saga relies on in a service, in the order of its table."""

    ACTION_TWICE = "action-twice"
    UNDO_TWICE = "undo-twice"
    UNDO_ALONE = "undo-alone"
    ACTION_LATE = "action-late"
    LOOKUP = "lookup"


PROMISES = MappingProxyType(
    {
        Promise.ACTION_TWICE: "the action twice is once",
        Promise.UNDO_TWICE: "the undo twice is once",
        Promise.UNDO_ALONE: "an undo without its action is accepted",
        Promise.ACTION_LATE: "an action after its undo is refused",
        Promise.LOOKUP: "the lookup tells the truth",
    }
)


class Verdict(StrEnum):
    """What is thought of a promise, worst first."""

    BROKEN = "broken"
    UNTOLD = "cannot-be-told"  # it was asked for, and no answer says whether it is kept
    KEPT = "kept"
    UNASKED = "not-asked"


@dataclass(frozen=True, slots=True)
class Tried:
    """One promise of one step. `statuses` are those of the replies that count, None for no reply.

    `service` is a key of the contract's services; `why` is what led to the verdict.
    """

    step: str
    promise: Promise
    service: str
    verdict: Verdict
    statuses: tuple[int | None, ...]
    why: str


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A step of which nothing was asked. `is_fault`: although something should have been."""

    step: str
    why: str
    is_fault: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """What a step did, or may have done, and is not undone.

    `saga_id` is what its requests said in X-Correlation-ID. `is_foreseen`: there is no way to undo
    it, and that was told before.
    """

    step: str
    saga_id: str
    why: str
    is_foreseen: bool = False


@dataclass(frozen=True, slots=True)
class Contract:
    """What came of asking the services of a definition.

    `services` has the origin of each, `requests` counts all that were sent.
    """

    name: str  # of the definition's file
    saga: str
    saga_id: str
    services: Mapping[str, str]
    tried: tuple[Tried, ...]
    passed_over: tuple[PassedOver, ...]
    left: tuple[Left, ...]
    requests: int
    is_interrupted: bool

    def count(self, verdict: Verdict) -> int:
        """How many promises got this verdict."""
        return sum(tried.verdict is verdict for tried in self.tried)

    @property
    def is_kept(self) -> bool:
        """Whether all that was asked for is kept, and nothing stays that was not foreseen."""
        doubts = self.count(Verdict.BROKEN) + self.count(Verdict.UNTOLD)
        faults = any(passed.is_fault for passed in self.passed_over)
        return not doubts and not faults and all(left.is_foreseen for left in self.left)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is going to be asked, as far as it can be told before.

    `services` has the origin of everything that may be contacted. `staying` are the steps whose
    action has nothing that undoes it.
    """

    services: Mapping[str, str]
    steps: int
    requests: int
    staying: tuple[str, ...]
