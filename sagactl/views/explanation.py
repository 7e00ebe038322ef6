"""Why a run stands where it does, and the ways on: for whoever was woken up by it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sagactl.machine.command import Phase
from sagactl.machine.effect import Effect, effect_of
from sagactl.machine.moves import StepState as S
from sagactl.machine.objection import failed_steps
from sagactl.machine.outstanding import deadline, in_flight, orphan_ends
from sagactl.machine.plan import Plan, expanded
from sagactl.machine.request import rfc3339
from sagactl.machine.run import Run, StepRun, apply
from sagactl.machine.state import ENDED, SagaState, is_backwards, saga_state
from sagactl.source.node import Json
from sagactl.views.carets import visible
from sagactl.views.document import run_error
from sagactl.views.glyph import MARKS
from sagactl.views.members import member_words, shown_names
from sagactl.views.summary import said_elapsed, verdict_line
from sagactl.views.veil import veil_of
from sagactl.views.way import Move, Way, said, settled, ways

WORLD = {
    Effect.NONE: "did not take place",
    Effect.STANDS: "took place, and is not undone",
    Effect.MAYBE: "may have taken place: nobody knows",
    Effect.UNDOING: "took place, and may be undone already: nobody knows",
    Effect.UNDONE: "is undone",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    run: Run  # as it may be shown
    plan: Plan
    now: float
    head: str
    state: SagaState
    why: tuple[str, ...]
    moves: tuple[Move, ...]
    under_way: tuple[tuple[str, Phase], ...]
    deadline_at: float | None
    ways: tuple[Way, ...]


def explain(
    plan: Plan, run: Run, now: float, holder: str | None = None, option: str = ""
) -> Explanation:
    """What is to be said of the run at `now`; `holder` says who has it, None that nobody does."""
    veil = veil_of(plan, run)
    why = []
    under_way = in_flight(run)
    if holder is not None:
        why.append(f"{holder[0].upper()}{holder[1:]}, and goes on with it.")
    elif under_way:
        why.extend(
            f'sagactl ended while a request of "{name}" was under way: it may have arrived.'
            for name, _ in under_way
        )
        for event in orphan_ends(plan, run, max(now, run.updated_at)):
            run = apply(run, event)
        under_way = ()
    shown = veil.run(run)
    state = saga_state(plan, run)
    due_at = None if is_backwards(plan, run) or state in ENDED else deadline(plan, run)
    _, moves = settled(plan, run, now, veil)
    return Explanation(
        shown,
        plan,
        now,
        verdict_line(plan, run),
        state,
        (*why, *_why(plan, shown, state)),
        moves,
        under_way,
        due_at,
        tuple(ways(plan, run, now, holder, option, veil)),
    )


def _why(plan: Plan, run: Run, state: SagaState) -> Iterator[str]:
    """The causes, in the order in which a person needs them."""
    for planned in expanded(plan, run):
        name, step = planned.name, run.step(planned.name)
        if planned.members and step.state is not S.STUCK:
            continue  # its members speak for themselves
        if step.state is S.STUCK:
            yield _why_stuck(name, step)
        elif step.state is S.UNKNOWN and state not in ENDED:
            yield f'Nobody knows whether "{name}" took place: {step.action.detail}.'
        elif step.state is S.EXECUTING and planned.is_sleep:
            yield f'"{name}" sleeps until {rfc3339(step.action.due_at or 0.0)}.'
        elif step.state is S.EXECUTING and step.action.detail:
            yield f'"{name}" has not reached its service yet: {step.action.detail}.'
        elif step.state is S.COMPENSATING and step.compensation.detail:
            yield f'"{name}" is not undone yet: {step.compensation.detail}.'
    if state is SagaState.ABANDONED:
        yield f"An operator closed it: {run.abandon_reason or 'no reason given'}."
    elif state is SagaState.COMPLETED:
        yield "Every step is through."
    elif is_backwards(plan, run):
        yield from _why_turned(plan, run)
    elif state is SagaState.STARTED:
        yield "Nothing was sent yet."
    elif state is SagaState.PENDING:
        yield "It goes forwards: nothing has failed."


def _why_stuck(name: str, step: StepRun) -> str:
    message = step.error.message if step.error is not None else "no reason is known"
    if step.held:
        asked = f"; the last answer to it was: {step.action.detail}" if step.action.detail else ""
        return f'Nobody knows whether "{name}" took place: {message}{asked}.'
    if step.error is not None and step.error.phase is Phase.COMPENSATION:
        return f'"{name}" could not be undone: {message}.'
    return f'"{name}" was refused past the point of no return: {message}.'


def _why_turned(plan: Plan, run: Run) -> Iterator[str]:
    failed = failed_steps(plan, run)
    causes = [name for name in failed if run.step(name).error is not None]
    for name in causes:
        error = run.step(name).error
        assert error is not None
        yield f'The saga turned back because "{name}" failed: {error.message}.'
    if not causes:
        error_of_run = run_error(plan, run)
        message = "a step was given up" if error_of_run is None else error_of_run["message"]
        yield f"The saga turned back: {message}."


def explanation_lines(found: Explanation) -> list[str]:
    """The explanation as text, in short sentences."""
    mark = "  (sandbox)" if found.run.sandbox else ""
    lines = [f"{found.run.saga} {found.run.id}{mark}: {found.head}", "", "why"]
    lines.extend(f"  {line}" for line in found.why)
    lines += ["", "in the world"]
    names = shown_names(found.plan, found.run)
    width = max(map(len, names))
    for name in names:
        mark = MARKS[found.run.step(name).state]
        lines.append(f"  {mark} {name:<{width}}  {_world_words(found, name)}")
    if found.state not in ENDED:
        lines += ["", "next", *_next_lines(found)]
    if found.ways:
        lines += ["", "what you can do"]
        lines.extend(_way_lines(found.ways))
    return list(map(visible, lines))


def _world_words(found: Explanation, name: str) -> str:
    planned, step = expanded(found.plan, found.run).steps[name], found.run.step(name)
    if planned.is_sleep:
        return "a sleep"
    if planned.is_group and step.state is not S.PENDING:
        return member_words(found.plan, found.run, name) or "see its steps"
    return WORLD[effect_of(step)]


def _next_lines(found: Explanation) -> Iterator[str]:
    for name, phase in found.under_way:
        yield f'  {phase} of "{name}" is under way'
    for move in found.moves:
        when = "when it is resumed" if move.due_at is None else _when(move.due_at, found.now)
        yield f"  {said(move)}, {when}{_limit(move)}"
    if not found.moves and not found.under_way:
        yield "  nothing, until a person decides"
    if found.deadline_at is not None:
        if found.deadline_at > found.now:
            yield f"  its time is up {_when(found.deadline_at, found.now)}: then it is undone"
        else:
            yield (
                f"  its time was up at {rfc3339(found.deadline_at)}: a resume undoes it, unless "
                "--extend gives it more"
            )


def _limit(move: Move) -> str:
    if move.until is not None:
        return f"; asked until {rfc3339(move.until)}"
    if move.left is None:
        return "; tried until it succeeds"
    return f"; {move.left} attempt{'' if move.left == 1 else 's'} left"


def _when(at: float, now: float) -> str:
    return f"at {rfc3339(at)} (in {said_elapsed(at - now)})"


def _way_lines(ways: Sequence[Way]) -> Iterator[str]:
    for way in ways:
        if way.refused:
            yield f"  {way.verb} is refused: {'; '.join(way.refused)}"
        elif not way.command:
            yield f"  {way.verb}: {way.does}"
        else:
            yield f"  {way.command}"
            yield f"      {way.does}"


def explanation_document(found: Explanation) -> dict[str, Json]:
    """The explanation for programs."""
    deadline_at = found.deadline_at
    return {
        "id": found.run.id,
        "saga": found.run.saga,
        "state": str(found.state),
        "why": list(found.why),
        "world": [
            {
                "step": name,
                "status": str(found.run.step(name).state),
                "effect": str(effect_of(found.run.step(name))),
            }
            for name, planned in expanded(found.plan, found.run).steps.items()
            if not (planned.members or planned.is_sleep)
        ],
        "under_way": [{"step": name, "phase": str(phase)} for name, phase in found.under_way],
        "next": [_move_document(move) for move in found.moves],
        "deadline_at": None if deadline_at is None else rfc3339(deadline_at),
        "verbs": [
            {
                "verb": way.verb,
                "command": way.command or None,
                "does": way.does or None,
                "refused": list(way.refused),
            }
            for way in found.ways
        ],
    }


def _move_document(move: Move) -> dict[str, Json]:
    return {
        "step": move.step,
        "phase": str(move.phase),
        "request": move.request,
        "attempt": move.attempt,
        "attempts_left": move.left,
        "until": None if move.until is None else rfc3339(move.until),
        "due_at": None if move.due_at is None else rfc3339(move.due_at),
    }
