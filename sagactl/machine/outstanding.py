"""What ought to be under way, given where a run stands.

Theory of operation
-------------------
`outstanding(plan, run)` is a function of the state alone, never of the last event. The driver
performs what it names, less what it already has in hand; a resume is the same loop beginning with
empty hands. Attempts in flight are not named here: whoever sent them will say how they ended, and
after a crash nobody will speak for them, which makes them unknown (`in_flight` lists them).

A run goes forwards until something turns it round (a step that failed, a deadline, an operator, an
outcome taken as done on suspicion), and never turns again. Past the pivot nothing turns it.

Forwards, a step starts when all it needs is completed or skipped. Backwards, once no action is left
executing, a step is undone when all that needed it is clear: undone, or never done. A step whose
outcome is still unknown is first asked about, in either direction, and holds back only what it
needed.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.model import Lookup, OnUnknown, OutcomeKind, Request
from sagactl.definition.template import evaluate_condition
from sagactl.machine import event as e
from sagactl.machine.command import Call, Command, Note, Outcome, Phase
from sagactl.machine.moves import StepState as S
from sagactl.machine.plan import Plan, PlannedStep
from sagactl.machine.request import idempotency_key, render, scope_of
from sagactl.machine.run import Run, StepRun
from sagactl.machine.state import are_dependents_clear, is_backwards, is_past_pivot, is_through
from sagactl.machine.verdict import finish_until, may_resend, verdict

ORPHANED = Outcome(OutcomeKind.UNKNOWN, "sagactl ended while the request was in flight")


def outstanding(plan: Plan, run: Run) -> tuple[Command, ...]:
    """Every command that ought to be under way now, attempts already in flight apart."""
    if run.abandoned:
        return ()
    turned = is_backwards(plan, run)
    moves = _backwards if turned else _forwards
    commands = list(moves(plan, run))
    moving = bool(commands) or bool(in_flight(run))
    deadline_at = deadline(plan, run)
    # A run that waits for a person alone has no deadline to wake up for.
    if moving and not turned and deadline_at is not None:
        commands.append(Note(e.DeadlinePassed(at=0.0), deadline_at))
    return tuple(commands)


def in_flight(run: Run) -> tuple[tuple[str, Phase], ...]:
    """The attempts that began and have not ended."""
    return tuple(
        (name, phase)
        for name, step in run.steps.items()
        for phase in Phase
        if step.attempts(phase).in_flight
    )


def deadline(plan: Plan, run: Run) -> float | None:
    """When the saga's time is up, or None: no `timeout`, or the deadline means nothing any more."""
    if run.abandoned or is_past_pivot(plan, run) or is_through(plan, run):
        return None
    if run.deadline_at is not None:
        return run.deadline_at
    limit = plan.saga.timeout_s
    return None if limit is None else run.started_at + limit


def orphan_ends(plan: Plan, run: Run, at: float) -> tuple[e.AttemptEnded, ...]:
    """How the attempts end that were in flight when their process died: nobody speaks for them."""
    return tuple(
        verdict(plan, run, call_in_flight(plan, run, name, phase), ORPHANED, at)
        for name, phase in in_flight(run)
    )


def call_in_flight(plan: Plan, run: Run, name: str, phase: Phase) -> Call:
    """The call whose attempt is in flight, as it was when it began."""
    planned = plan.steps[name]
    call = _call(planned, run, phase, None)
    assert isinstance(call, Call)  # it was rendered when it began
    return replace(call, attempt=call.attempt - 1)


def _forwards(plan: Plan, run: Run) -> Iterator[Command]:
    for planned in plan:
        step = run.step(planned.name)
        match step.state:
            case S.PENDING:
                if all(run.step(n).state in (S.COMPLETED, S.SKIPPED) for n in planned.step.needs):
                    yield _first(planned, run)
            case S.EXECUTING if not step.in_flight:
                yield _call(planned, run, Phase.ACTION, step.action.due_at)
            case S.UNKNOWN if not step.in_flight:
                yield _doubtful(planned, run, step, turned=False)


def _backwards(plan: Plan, run: Run) -> Iterator[Command]:
    drained = not any(step.state is S.EXECUTING for step in run.steps.values())
    for planned in plan:
        step = run.step(planned.name)
        if step.in_flight:
            continue
        undoable = planned.step.compensation is not None
        may_undo = undoable and drained and are_dependents_clear(plan, run, planned.name)
        match step.state:
            case S.EXECUTING:
                yield Note(e.ActionCancelled(at=0.0, step=planned.name))
            case S.UNKNOWN if not step.assumed:
                yield _doubtful(planned, run, step, turned=True)
            case S.UNKNOWN if may_undo:
                # The doubtful request may still be under way: no undo may overtake it.
                settled_at = (step.action.ended_at or 0.0) + planned.step.settle_s
                yield _call(planned, run, Phase.COMPENSATION, settled_at)
            case S.COMPLETED if may_undo:
                yield _call(planned, run, Phase.COMPENSATION, None)
            case S.COMPENSATING:
                yield _call(planned, run, Phase.COMPENSATION, step.compensation.due_at)


def _first(planned: PlannedStep, run: Run) -> Command:
    when = planned.step.when
    if when is not None:
        try:
            if not evaluate_condition(when, scope_of(run, planned.name)):
                return Note(e.StepSkipped(at=0.0, step=planned.name))
        except ExpressionFailed as failure:
            return _unsendable(planned, Phase.ACTION, failure)
    return _call(planned, run, Phase.ACTION, None)


def _doubtful(planned: PlannedStep, run: Run, step: StepRun, *, turned: bool) -> Command:
    """What is asked next about an outcome nobody knows: action again, lookup, then `on_unknown`."""
    action = step.action
    due_at = None if turned else action.due_at
    resends = planned.step.action
    if due_at is not None and may_resend(resends, action, max(due_at, run.updated_at)):
        return _call(planned, run, Phase.ACTION, due_at)
    if planned.step.lookup is not None and (step.lookup.spent == 0 or step.lookup.due_at):
        settled_at = (action.ended_at or 0.0) + planned.step.settle_s
        return _call(planned, run, Phase.LOOKUP, step.lookup.due_at or settled_at)
    match planned.on_unknown:
        case OnUnknown.COMPENSATE:
            return Note(e.OutcomeAssumed(at=0.0, step=planned.name))
        case OnUnknown.FINISH:
            return _finish(planned, run, step)
        case OnUnknown.HOLD:
            return _held(planned, "nobody could find out whether it took place")


def _finish(planned: PlannedStep, run: Run, step: StepRun) -> Command:
    """Ask again, at the retry's longest interval, until the budget is spent.

    By the action under its key where that is safe, else by the lookup.
    """
    resend = may_resend(planned.step.action, step.action, run.updated_at)
    if not resend and planned.step.lookup is None:
        return _held(planned, "it may not be sent again, and there is no lookup to ask")
    phase = Phase.ACTION if resend else Phase.LOOKUP
    asked = step.action if resend else step.lookup
    request = planned.step.action if resend else _request(planned, phase)
    due_at = (asked.ended_at or 0.0) + request.retry.max_interval_s
    until = finish_until(planned, step.doubted_at or run.updated_at)
    if due_at > until and not planned.past_pivot:
        return _held(planned, "nobody could find out whether it took place in the time allowed")
    return _call(planned, run, phase, due_at)


def _held(planned: PlannedStep, detail: str) -> Note:
    return Note(e.OutcomeHeld(at=0.0, step=planned.name, detail=detail))


def _call(planned: PlannedStep, run: Run, phase: Phase, due_at: float | None) -> Command:
    step = run.step(planned.name)
    attempts = step.attempts(phase)
    request = _request(planned, phase)
    scope = scope_of(run, planned.name, phase)
    # The bytes of the first attempt are the bytes of every other: one key, one body.
    sending = attempts.sending
    if sending is None:
        try:
            sending = render(request, scope)
        except ExpressionFailed as failure:
            return _unsendable(planned, phase, failure)
    return Call(
        run_id=run.id,
        step=planned.name,
        phase=phase,
        attempt=attempts.count + 1,
        key=idempotency_key(run.id, planned.name, phase),
        action_key=idempotency_key(run.id, planned.name, Phase.ACTION),
        sending=sending,
        request=request,
        lookup=planned.step.lookup if phase is Phase.LOOKUP else None,
        scope=scope,
        doubted=attempts.doubted,
        needs_body=planned.needs_body and phase is not Phase.COMPENSATION,
        needed_paths=planned.needed_paths if phase is not Phase.COMPENSATION else (),
        due_at=due_at,
    )


def _request(planned: PlannedStep, phase: Phase) -> Request:
    step = planned.step
    asked: Request | Lookup | None = {
        Phase.ACTION: step.action,
        Phase.LOOKUP: step.lookup,
        Phase.COMPENSATION: step.compensation,
    }[phase]
    assert asked is not None  # only asked for where the step has one
    return asked.request if isinstance(asked, Lookup) else asked


def _unsendable(planned: PlannedStep, phase: Phase, failure: ExpressionFailed) -> Note:
    """An expression failed, so nothing was sent: what that means for the phase."""
    fields: dict[str, Any] = {"at": 0.0, "step": planned.name, "attempt": 0, "status": None}
    detail = str(failure)
    match phase:
        case Phase.ACTION:
            kind = e.ActionRefused if planned.past_pivot else e.ActionFailed
            return Note(kind(**fields, detail=detail))
        case Phase.LOOKUP:
            return Note(e.LookupUnanswered(**fields, detail=detail, due_at=None))
        case Phase.COMPENSATION:
            return Note(e.CompensationFailed(**fields, detail=detail))
