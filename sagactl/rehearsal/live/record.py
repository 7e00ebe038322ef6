"""What came of one step: each of its promises with a verdict, asked or not."""

from sagactl.machine.contract import Promise, Tried, Verdict
from sagactl.machine.plan import PlannedStep
from sagactl.rehearsal.live.asking import Answer
from sagactl.rehearsal.live.judging import Judged
from sagactl.rehearsal.live.programme import asked_in, reasons
from sagactl.rehearsal.live.target import Targets


class Record:
    """The verdicts on a step. `failure`: why its action was not carried out."""

    def __init__(self, planned: PlannedStep, targets: Targets) -> None:
        self.planned = planned
        self.failure: str | None = None
        self._targets = targets
        self._reasons = reasons(planned.step)
        self._tried: dict[Promise, Tried] = {}

    def asks(self, promise: Promise) -> bool:
        """Whether it is asked for at all."""
        return not self._reasons[promise]

    def note(self, promise: Promise, judged: Judged, *answers: Answer | None) -> None:
        """Keep a verdict, with the statuses of the answers that led to it."""
        verdict, why = judged
        statuses = tuple(answer.status for answer in answers if answer is not None)
        self._tried[promise] = self._as_tried(promise, verdict, why, statuses)

    def tried(self, *, is_interrupted: bool) -> list[Tried]:
        """Every promise, in order."""
        return [
            self._tried.get(promise) or self._untried(promise, is_interrupted=is_interrupted)
            for promise in Promise
        ]

    def _untried(self, promise: Promise, *, is_interrupted: bool) -> Tried:
        reason = self._reasons[promise]
        if reason or is_interrupted:
            return self._as_tried(promise, Verdict.UNASKED, reason or "interrupted")
        why = "what has to come before it did not come to pass"
        if self.failure is not None:
            why = "its action was not carried out"
        return self._as_tried(promise, Verdict.UNTOLD, why)

    def _as_tried(
        self, promise: Promise, verdict: Verdict, why: str, statuses: tuple[int | None, ...] = ()
    ) -> Tried:
        service = self._targets.name_of(asked_in(self.planned.step, promise))
        return Tried(self.planned.name, promise, service, verdict, statuses, why)
