"""What the end of an attempt means for its step.

Given an Outcome, `verdict` answers with the one event that records it, together with its
consequence: the due time of the next attempt, or that there will be none. It is decided once, when
it happens, and written down; replaying never decides again.

The worst attempt rules the step: where an earlier attempt may have had its effect, a later "no"
proves nothing about that one.
"""

from hashlib import sha256
from typing import Any

from sagactl.definition.model import OutcomeKind, Request, Retry
from sagactl.machine import event as e
from sagactl.machine.command import Call, Outcome, Phase
from sagactl.machine.plan import Plan, PlannedStep, expanded
from sagactl.machine.run import Attempts, Run

# How long `finish` asks where neither the step nor the key says: the day that most services keep
# their keys for.
FINISH_BUDGET_S = 24 * 3600.0


def verdict(plan: Plan, run: Run, call: Call, outcome: Outcome, now: float) -> e.AttemptEnded:
    """The event that ends `call`, whose attempt is in flight in `run`."""
    planned = expanded(plan, run).steps[call.step]
    match call.phase:
        case Phase.ACTION:
            return _action(planned, run, call, outcome, now)
        case Phase.LOOKUP:
            return _lookup(planned, run, call, outcome, now)
        case Phase.COMPENSATION:
            return _compensation(planned, run, call, outcome, now)


def _action(
    planned: PlannedStep, run: Run, call: Call, outcome: Outcome, now: float
) -> e.AttemptEnded:
    step = run.step(call.step)
    end = _End(call, outcome, now)
    match outcome.kind:
        case OutcomeKind.APPLIED:
            return end.of(e.ActionSucceeded, result=outcome.result)
        case OutcomeKind.REJECTED if planned.past_pivot:
            return end.of(e.ActionRefused)
        case OutcomeKind.REJECTED if step.action.doubted:
            return end.of(e.ActionUnknown, happened=False, due_at=None)
        case OutcomeKind.REJECTED:
            return end.of(e.ActionFailed)
        case OutcomeKind.NOT_SENT if not step.action.doubted:
            if outcome.retriable:
                due_at = _next_due(planned, call, step.action, outcome, now)
                if due_at is not None:
                    return end.of(e.ActionNotSent, due_at=due_at)
            return end.of(e.ActionRefused if planned.past_pivot else e.ActionFailed)
    happened = outcome.kind is OutcomeKind.RESULT_LOST
    due_at = None
    # A later attempt that never left is as safe to repeat as the doubtful one before it: no safer.
    if outcome.retriable and may_resend(call.request, step.action, now):
        due_at = _next_due(planned, call, step.action, outcome, now)
        if due_at is not None and not may_resend(call.request, step.action, due_at):
            due_at = None
    return end.of(e.ActionUnknown, happened=happened, due_at=due_at)


def _lookup(
    planned: PlannedStep, run: Run, call: Call, outcome: Outcome, now: float
) -> e.AttemptEnded:
    step = run.step(call.step)
    end = _End(call, outcome, now)
    if outcome.found and outcome.kind is OutcomeKind.APPLIED:
        return end.of(e.LookupFound, result=outcome.result)
    if outcome.found is False and not step.happened:
        return end.of(e.LookupCleared if planned.past_pivot else e.LookupMissed)
    due_at = None
    asks_in_vain = outcome.found is False or outcome.kind is OutcomeKind.REJECTED
    if outcome.retriable and not asks_in_vain:
        due_at = _backoff(call.request.retry, call, step.lookup, outcome, now)
    return end.of(e.LookupUnanswered, due_at=due_at)


def _compensation(
    planned: PlannedStep, run: Run, call: Call, outcome: Outcome, now: float
) -> e.AttemptEnded:
    step = run.step(call.step)
    end = _End(call, outcome, now)
    if outcome.absent and step.assumed and step.compensation.absences == 0:
        # Nobody knows whether the action ever landed. If it is late, it must not land behind an
        # undo that found nothing: ask once more when it can no longer be under way.
        due_at = now + planned.step.settle_s
        return end.of(e.CompensationUnsettled, doubtful=False, due_at=due_at)
    if outcome.kind is OutcomeKind.APPLIED:
        return end.of(e.CompensationSucceeded)
    if outcome.kind is OutcomeKind.REJECTED or not outcome.retriable:
        return end.of(e.CompensationFailed)
    doubtful = outcome.kind is not OutcomeKind.NOT_SENT
    in_doubt = doubtful or step.compensation.doubted
    if in_doubt and not may_resend(call.request, step.compensation, now):
        return end.of(e.CompensationFailed)
    due = _backoff(call.request.retry, call, step.compensation, outcome, now)
    if due is None:
        return end.of(e.CompensationFailed)
    return end.of(e.CompensationUnsettled, doubtful=doubtful, due_at=due)


def may_resend(request: Request, attempts: Attempts, at: float) -> bool:
    """Whether the same bytes may go out again at `at` although an attempt may have had its effect.

    A service forgets its keys: past their time to live the same key is a new request.
    """
    if not request.may_repeat:
        return False
    keeps = request.idempotency
    if keeps is None or keeps.ttl_s is None or attempts.began_at is None:
        return True
    return at < attempts.began_at + keeps.ttl_s


def finish_until(planned: PlannedStep, doubted_at: float) -> float:
    """Until when `finish` keeps asking about an outcome that became doubtful at `doubted_at`."""
    budget = planned.step.budget_s
    if budget is None:
        request = planned.step.request
        keeps = None if request is None else request.idempotency
        budget = keeps.ttl_s if keeps is not None and keeps.ttl_s is not None else FINISH_BUDGET_S
    return doubted_at + budget


class _End:
    """Makes the event that ends one call, so that its common fields are written once."""

    def __init__(self, call: Call, outcome: Outcome, now: float) -> None:
        self.call = call
        self.outcome = outcome
        self.now = now

    def of(self, kind: type[e.AttemptEnded], **more: Any) -> e.AttemptEnded:
        return kind(
            at=self.now,
            step=self.call.step,
            attempt=self.call.attempt,
            status=self.outcome.status,
            detail=self.outcome.detail,
            **more,
        )


def _next_due(
    planned: PlannedStep, call: Call, attempts: Attempts, outcome: Outcome, now: float
) -> float | None:
    if planned.past_pivot:
        return _due(call.request.retry, call, attempts, outcome, now)
    due = _backoff(call.request.retry, call, attempts, outcome, now)
    limit = planned.step.timeout_s
    if due is None or limit is None or attempts.budget_at is None:
        return due
    return due if due < attempts.budget_at + limit else None


def _backoff(
    retry: Retry, call: Call, attempts: Attempts, outcome: Outcome, now: float
) -> float | None:
    if attempts.spent >= retry.max_attempts:
        return None
    return _due(retry, call, attempts, outcome, now)


def _due(retry: Retry, call: Call, attempts: Attempts, outcome: Outcome, now: float) -> float:
    # The exponent is bounded so that no multiplier overflows a float in a loop without end.
    growth = retry.multiplier ** min(max(attempts.spent - 1, 0), 60)
    ceiling = min(retry.initial_interval_s * growth, retry.max_interval_s)
    wait = ceiling * _jitter(call)
    if outcome.retry_after_s is not None:
        wait = max(wait, outcome.retry_after_s)
    return now + wait


def _jitter(call: Call) -> float:
    """Full jitter in [0, 1), from a hash, so that a replay comes to the same due time."""
    digest = sha256(f"{call.key}\n{call.attempt}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
