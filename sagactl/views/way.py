"""The ways on from where a run stands: what comes next, and what each verb would do now.

What a verb would do is not described from memory: the machine itself is asked, by applying to the
run what the verb would write down, and looking at what ought to be under way then.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sagactl.machine import event as e
from sagactl.machine.command import Call, Note, Phase
from sagactl.machine.effect import Effect, left_in_world, undo_order
from sagactl.machine.moves import Resolution
from sagactl.machine.moves import StepState as S
from sagactl.machine.objection import (
    abandon_objections,
    compensate_objections,
    failed_steps,
    needed_paths,
    reopen_objections,
    reopened_steps,
    resume_objections,
)
from sagactl.machine.outstanding import outstanding
from sagactl.machine.plan import Plan, expanded
from sagactl.machine.run import Run, apply, reopenings
from sagactl.machine.state import ENDED, SagaState, is_backwards, saga_state
from sagactl.machine.verdict import finish_until
from sagactl.views.command_line import command_line, resolutions, skeleton
from sagactl.views.veil import Veil

FOUND_OUT = {
    Resolution.COMPLETED: "you know that it took place, or did it by hand",
    Resolution.FAILED: "you know that it did not take place",
    Resolution.COMPENSATED: "you undid it by hand",
}
OPERATOR = "you"


@dataclass(frozen=True, slots=True)
class Move:
    """A request that comes next; `due_at` None: at once. `left` is None where there is no limit."""

    step: str
    phase: Phase
    request: str
    attempt: int
    left: int | None
    until: float | None
    due_at: float | None


@dataclass(frozen=True, slots=True)
class Way:
    """A verb that could be used now: its command and what it would do, or why it is refused."""

    verb: str
    command: str
    does: str
    refused: tuple[str, ...] = ()


def settled(plan: Plan, run: Run, now: float, veil: Veil) -> tuple[Run, tuple[Move, ...]]:
    """The run once every fact that is due is noted, and the requests that come next."""
    while True:
        commands = outstanding(plan, run)
        due = (c for c in commands if isinstance(c, Note) and (c.due_at or 0.0) <= now)
        note = next(due, None)
        if note is None:
            break
        run = apply(run, replace(note.event, at=max(now, run.updated_at)))
    calls = [command for command in commands if isinstance(command, Call)]
    return run, tuple(_move(plan, run, call, now, veil) for call in calls)


def _move(plan: Plan, run: Run, call: Call, now: float, veil: Veil) -> Move:
    planned, step = expanded(plan, run).steps[call.step], run.step(call.step)
    most, spent = call.request.retry.max_attempts, step.attempts(call.phase).spent
    left: int | None = max(0, most - spent)
    until = None
    if planned.past_pivot and call.phase is Phase.ACTION:
        left = None
    elif left == 0:  # `finish`: by time, not by number
        left, until = None, finish_until(planned, step.doubted_at or run.updated_at)
    sending = veil.sending(call.sending)
    due_at = call.due_at if call.due_at is not None and call.due_at > now else None
    request = f"{sending.method} {sending.url}"
    return Move(call.step, call.phase, request, call.attempt, left, until, due_at)


def ways(
    plan: Plan, run: Run, now: float, holder: str | None, option: str, veil: Veil
) -> Iterator[Way]:
    """Every verb, the most useful first."""
    if run.abandoned or saga_state(plan, run) is SagaState.FAILED:
        yield from _from_ways(plan, run, now, option, veil)
        return
    at = max(now, run.updated_at)
    going_on: list[e.Event] = [
        e.RunResumed(at=at, operator=OPERATOR, deadline_at=None),
        *reopenings(run, at),
    ]
    ended = saga_state(plan, run) in ENDED

    def after(*events: e.Event) -> str:
        moved = run
        for event in events:
            moved = apply(moved, event)
        return then(plan, moved, now, veil)

    if not ended:
        refused = resume_objections(run)
        yield Way("resume", command_line("resume", run, option), after(*going_on), refused)
        yield from _from_ways(plan, run, now, option, veil)
        yield from _resolve_ways(plan, run, now, option, veil)
    if not is_backwards(plan, run):
        refused = compensate_objections(plan, run)
        wanted = e.CompensationRequested(at=at, operator=OPERATOR, reason="")
        does = "" if refused else after(*going_on, wanted)
        yield Way("compensate", command_line("compensate", run, option), does, refused)
    elif not ended:
        does = "it is being undone already: the same as resume"
        yield Way("compensate", command_line("compensate", run, option), does)
    refused = abandon_objections(plan, run)
    if not refused:
        yield Way("abandon", command_line("abandon", run, option), _abandoned(plan, run))
        waits = "it goes on by itself" if holder is not None else "nothing happens: nobody has it"
        yield Way("wait", "", waits)


def _resolve_ways(plan: Plan, run: Run, now: float, option: str, veil: Veil) -> Iterator[Way]:
    at = max(now, run.updated_at)
    for name in expanded(plan, run).steps:
        if run.step(name).state not in (S.UNKNOWN, S.STUCK, S.EXECUTING, S.COMPENSATING):
            continue
        for resolution, command in resolutions(plan, run, name, option).items():
            paths = needed_paths(plan, run, name) if resolution == "completed" else ()
            told = e.StepResolved(
                at=at, step=name, outcome=str(resolution), result=skeleton(paths),
                has_result=bool(paths), operator=OPERATOR, reason="",
            )  # fmt: skip
            moved = apply(run, told)
            for event in (
                e.RunResumed(at=at, operator=OPERATOR, deadline_at=None),
                *reopenings(moved, at),
            ):
                moved = apply(moved, event)
            does = f"{FOUND_OUT[resolution]}; resume then {then(plan, moved, now, veil)}"
            yield Way("resolve", command, does)


def _from_ways(plan: Plan, run: Run, now: float, option: str, veil: Veil) -> Iterator[Way]:
    failed = failed_steps(plan, run)
    if not failed or reopen_objections(plan, run, failed, now, None):
        return
    at = max(now, run.updated_at)
    moved = apply(run, e.RunResumed(at=at, operator=OPERATOR, deadline_at=None))
    for event in reopened_steps(plan, run, failed, at, OPERATOR, ""):
        moved = apply(moved, event)
    named = [word for name in failed for word in ("--from", name)]
    command = command_line("resume", run, option, *named)
    yield Way("resume --from", command, f"nothing is undone yet: {then(plan, moved, now, veil)}")


def _abandoned(plan: Plan, run: Run) -> str:
    doubtful = (Effect.MAYBE, Effect.UNDOING)
    left = [
        f"{'perhaps ' if effect in doubtful else ''}{_quoted(name)}"
        for name, effect in left_in_world(plan, run).items()
    ]
    if not left:
        return "closes it for ever; nothing of it is left in the world"
    return f"closes it for ever; this stays in the world: {', '.join(left)}"


def then(plan: Plan, run: Run, now: float, veil: Veil) -> str:
    """What a run does next, in one sentence without its beginning."""
    run, moves = settled(plan, run, now, veil)
    state = saga_state(plan, run)
    if not moves:
        match state:
            case SagaState.COMPLETED:
                return "ends it as completed"
            case SagaState.FAILED:
                return "ends it as failed, with all undone that had to be"
        stuck = [name for name in expanded(plan, run).steps if run.step(name).state is S.STUCK]
        return f"stays stuck at {', '.join(map(_quoted, stuck))}" if stuck else "does nothing"
    steps = "; ".join(said(move) for move in moves)
    turned = is_backwards(plan, run)
    now_undone = {move.step for move in moves if move.phase is Phase.COMPENSATION}
    rest = [name for name in undo_order(plan, run) if name not in now_undone] if turned else []
    undoes = f"; then undoes {', '.join(map(_quoted, rest))}" if rest else ""
    return f"{steps}{undoes}"


def said(move: Move) -> str:
    match move.phase:
        case Phase.ACTION:
            again = " again" if move.attempt > 1 else ""
            return f'sends "{move.step}"{again} ({move.request})'
        case Phase.LOOKUP:
            return f'asks whether "{move.step}" took place ({move.request})'
        case Phase.COMPENSATION:
            undoes = "tries again to undo" if move.attempt > 1 else "undoes"
            return f'{undoes} "{move.step}" ({move.request})'


def _quoted(name: str) -> str:
    return f'"{name}"'
