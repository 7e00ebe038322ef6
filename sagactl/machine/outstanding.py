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

A step that stands for several begins by saying for whom, and its members come and go like any other
step: an instance when its `for_each` has room, a step of a sub-saga when all it needs is through.
When they are all through, so is their step.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sagactl.definition.duration import parse_duration
from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.model import OnUnknown, OutcomeKind, Sleep, SubSaga
from sagactl.definition.template import Template, evaluate, evaluate_condition, evaluate_text
from sagactl.machine import event as e
from sagactl.machine.command import Call, Command, Note, Outcome, Phase
from sagactl.machine.moves import StepState as S
from sagactl.machine.plan import Plan, PlannedStep, expanded
from sagactl.machine.request import idempotency_key, render, scope_of, scope_within
from sagactl.machine.run import Run, StepRun
from sagactl.machine.state import clear_steps, is_backwards, is_past_pivot, is_through
from sagactl.machine.verdict import finish_until, may_resend, verdict
from sagactl.source.node import Json

ORPHANED = Outcome(OutcomeKind.UNKNOWN, "sagactl ended while the request was in flight")

# Every instance is kept in memory and asked about in every round.
MAX_ITEMS = 1_000
THROUGH = (S.COMPLETED, S.SKIPPED)


def outstanding(plan: Plan, run: Run) -> tuple[Command, ...]:
    """Every command that ought to be under way now, attempts already in flight apart."""
    if run.abandoned:
        return ()
    plan = expanded(plan, run)
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
    """When the saga's time is up, or None: no `timeout`, or the deadline means nothing any more.

    A sub-saga's time is its parent's too: nothing of a saga goes on without the rest.
    """
    plan = expanded(plan, run)
    if run.abandoned or is_past_pivot(plan, run) or is_through(plan, run):
        return None
    if run.deadline_at is not None:
        return run.deadline_at
    limits = [(run.started_at, plan.saga.timeout_s)]
    for path, members in run.members.items():
        child = plan.steps[path].child
        if child is not None and run.step(path).state is S.EXECUTING:
            limits.append((members.began_at, child.saga.timeout_s))
    return min((since + limit for since, limit in limits if limit is not None), default=None)


def orphan_ends(plan: Plan, run: Run, at: float) -> tuple[e.AttemptEnded, ...]:
    """How the attempts end that were in flight when their process died: nobody speaks for them."""
    return tuple(
        verdict(plan, run, call_in_flight(plan, run, name, phase), ORPHANED, at)
        for name, phase in in_flight(run)
    )


def call_in_flight(plan: Plan, run: Run, name: str, phase: Phase) -> Call:
    """The call whose attempt is in flight, as it was when it began."""
    planned = expanded(plan, run).steps[name]
    call = _call(planned, run, phase, None)
    assert isinstance(call, Call)  # it was rendered when it began
    return replace(call, attempt=call.attempt - 1)


def _forwards(plan: Plan, run: Run) -> Iterator[Command]:
    room: dict[str, int] = {}  # of what stands for several: how many more members may begin
    for planned in plan:
        step = run.step(planned.name)
        match step.state:
            case S.PENDING:
                if _may_begin(planned, run, room):
                    yield _first(planned, run)
            case S.EXECUTING if planned.is_group:
                states = [run.step(name).state for name in planned.members]
                if all(state in THROUGH for state in states):
                    yield _gathered(planned, run)
                elif _is_open(planned, run, room):
                    room[planned.name] = _room(planned, states)
            case S.EXECUTING if planned.is_sleep:
                yield Note(e.SleepEnded(at=0.0, step=planned.name), step.action.due_at)
            case S.EXECUTING if not step.in_flight:
                yield _call(planned, run, Phase.ACTION, step.action.due_at)
            case S.UNKNOWN if not step.in_flight:
                yield _doubtful(planned, run, step, turned=False)


def _may_begin(planned: PlannedStep, run: Run, room: dict[str, int]) -> bool:
    if not _is_open(planned, run, room):
        return False
    if planned.parent is not None:
        room[planned.parent] -= 1
        return room[planned.parent] >= 0
    return True


def _is_open(planned: PlannedStep, run: Run, room: Mapping[str, int]) -> bool:
    """Whether all that it needs is through, and all that the step it is a member of needs."""
    if planned.parent is not None and planned.parent not in room:
        return False
    return all(run.step(name).state in THROUGH for name in planned.needs)


def _room(planned: PlannedStep, states: Sequence[S]) -> int:
    if not planned.is_each or planned.step.for_each is None:
        return len(states)  # the steps of a sub-saga wait for one another, and for nothing else
    under_way = sum(state not in (*THROUGH, S.PENDING) for state in states)
    return planned.step.for_each.max_parallel - under_way


def _backwards(plan: Plan, run: Run) -> Iterator[Command]:
    drained = not any(step.state is S.EXECUTING for step in run.steps.values())
    clear = clear_steps(plan, run)
    for planned in plan:
        step = run.step(planned.name)
        if step.in_flight:
            continue
        dependents_clear = clear.issuperset(planned.needed_by)
        may_undo = planned.is_undoable and drained and dependents_clear
        match step.state:
            case S.EXECUTING if planned.is_group:
                yield Note(e.MembersTurned(at=0.0, step=planned.name))
            case S.COMPLETED if planned.is_group:
                if planned.is_undoable and drained and clear.issuperset(_after(planned)):
                    yield Note(e.MembersTurned(at=0.0, step=planned.name))
            case S.COMPENSATING if planned.is_group:
                if drained and dependents_clear:
                    yield Note(_cleared(planned, run))
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


def _after(planned: PlannedStep) -> set[str]:
    """The steps that come after one that stands for several, its members apart."""
    return set(planned.needed_by).difference(planned.members)


def _first(planned: PlannedStep, run: Run) -> Command:
    when = planned.step.when
    try:
        # Asked once, and not for each of its instances.
        if when is not None and planned.index is None and not _holds(when, planned, run):
            return Note(e.StepSkipped(at=0.0, step=planned.name))
        if planned.is_each:
            return Note(_instances_began(planned, run))
        match planned.step.action:
            case Sleep():
                return Note(_sleep_began(planned, planned.step.action, run))
            case SubSaga():
                return Note(_child_began(planned, planned.step.action, run))
    except ExpressionFailed as failure:
        return _unsendable(planned, Phase.ACTION, failure)
    return _call(planned, run, Phase.ACTION, None)


def _holds(when: Template, planned: PlannedStep, run: Run) -> bool:
    return evaluate_condition(when, scope_of(run, planned.name))


def _instances_began(planned: PlannedStep, run: Run) -> e.Event:
    for_each = planned.step.for_each
    assert for_each is not None  # only such a step has instances
    items = evaluate(for_each.items, scope_of(run, planned.name))
    place = for_each.items.node.place
    if not isinstance(items, list):
        raise ExpressionFailed('"for_each" takes a list', place)
    if len(items) > MAX_ITEMS:
        raise ExpressionFailed(f'"for_each" takes at most {MAX_ITEMS} elements', place)
    return e.InstancesBegan(at=0.0, step=planned.name, items=items)


def _sleep_began(planned: PlannedStep, sleep: Sleep, run: Run) -> e.Event:
    text = evaluate_text(sleep.duration, scope_of(run, planned.name))
    seconds = parse_duration(text)
    if seconds is None:
        message = f'"sleep" takes a duration such as 10s or 24h, not "{text[:40]}"'
        raise ExpressionFailed(message, sleep.place)
    return e.SleepBegan(at=0.0, step=planned.name, duration_s=seconds)


def _child_began(planned: PlannedStep, action: SubSaga, run: Run) -> e.Event:
    # Whoever has no sub-sagas does without what it takes to hold a value against a schema.
    from sagactl.definition.schema import check_input, with_defaults

    given: Json = {}
    if action.input is not None:
        given = evaluate(action.input, scope_of(run, planned.name))
    schema = action.saga.input_schema
    given = with_defaults(schema, given)
    for wrong in check_input(schema, given) if schema is not None else ():
        where = ".".join(["input", *map(str, wrong.path)])
        raise ExpressionFailed(f'of the sub-saga, "{where}" {wrong.message}', action.place)
    return e.ChildBegan(at=0.0, step=planned.name, saga=action.saga.name, input=given)


def _gathered(planned: PlannedStep, run: Run) -> Note:
    """What a step that stands for several answers with, now that they are all through."""
    result: Json = None
    if planned.is_each:
        result = [run.step(name).result for name in planned.members]
    elif planned.child is not None and planned.child.saga.output is not None:
        try:
            result = evaluate(planned.child.saga.output, scope_within(run, f"{planned.name}/"))
        except ExpressionFailed as failure:
            return _unsendable(planned, Phase.ACTION, failure)
    return Note(e.MembersSucceeded(at=0.0, step=planned.name, result=result))


def _cleared(planned: PlannedStep, run: Run) -> e.Event:
    """How a step that stands for several ends, now that nothing is left of it."""
    members = [(name, run.step(name)) for name in planned.members]
    if run.step(planned.name).has_result or any(m.state is S.COMPENSATED for _, m in members):
        return e.MembersUndone(at=0.0, step=planned.name)
    failed = next(((name, m.error) for name, m in members if m.error is not None), None)
    detail = "" if failed is None else f"{failed[0]}: {failed[1].message}"
    return e.MembersVoid(at=0.0, step=planned.name, detail=detail)


def _doubtful(planned: PlannedStep, run: Run, step: StepRun, *, turned: bool) -> Command:
    """What is asked next about an outcome nobody knows: action again, lookup, then `on_unknown`."""
    action = step.action
    due_at = None if turned else action.due_at
    resends = planned.asked(Phase.ACTION)
    if due_at is not None and may_resend(resends, action, max(due_at, run.updated_at)):
        return _call(planned, run, Phase.ACTION, due_at)
    if planned.step.lookup is not None and (step.lookup.spent == 0 or step.lookup.due_at):
        settled_at = (action.ended_at or 0.0) + planned.step.settle_s
        return _call(planned, run, Phase.LOOKUP, step.lookup.due_at or settled_at)
    match planned.on_unknown:
        case OnUnknown.COMPENSATE if not step.assumed:
            return Note(e.OutcomeAssumed(at=0.0, step=planned.name))
        case OnUnknown.COMPENSATE:
            # Assumed, and yet forwards: a pivot was passed that has nothing to do with it.
            return _held(planned, "nobody could find out whether it took place")
        case OnUnknown.FINISH:
            return _finish(planned, run, step)
        case OnUnknown.HOLD:
            return _held(planned, "nobody could find out whether it took place")


def _finish(planned: PlannedStep, run: Run, step: StepRun) -> Command:
    """Ask again, at the retry's longest interval, until the budget is spent.

    By the action under its key where that is safe, else by the lookup.
    """
    sent = planned.asked(Phase.ACTION)
    resend = may_resend(sent, step.action, run.updated_at)
    if not resend and planned.step.lookup is None:
        return _held(planned, "it may not be sent again, and there is no lookup to ask")
    phase = Phase.ACTION if resend else Phase.LOOKUP
    asked = step.action if resend else step.lookup
    request = sent if resend else planned.asked(phase)
    due_at = (asked.ended_at or 0.0) + request.retry.max_interval_s
    doubted_at = run.updated_at if step.doubted_at is None else step.doubted_at
    until = finish_until(planned, doubted_at)
    if due_at > until and not planned.past_pivot:
        return _held(planned, "nobody could find out whether it took place in the time allowed")
    return _call(planned, run, phase, due_at)


def _held(planned: PlannedStep, detail: str) -> Note:
    return Note(e.OutcomeHeld(at=0.0, step=planned.name, detail=detail))


def _call(planned: PlannedStep, run: Run, phase: Phase, due_at: float | None) -> Command:
    step = run.step(planned.name)
    attempts = step.attempts(phase)
    request = planned.asked(phase)
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
