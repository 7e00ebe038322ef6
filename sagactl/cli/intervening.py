"""What resolve and abandon do: they write down an operator's word, and send nothing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sagactl.cli.beginning import operator
from sagactl.cli.exit import Exit
from sagactl.cli.form import Format
from sagactl.cli.performance import Ending
from sagactl.cli.printing import note, print_endings
from sagactl.cli.refusal import Refused
from sagactl.cli.state_file import Kept, StateFiles, find_run, read_run
from sagactl.engine.clock import SystemClock
from sagactl.journal.store import Store
from sagactl.machine.effect import Effect, left_in_world
from sagactl.machine.event import Event, RunAbandoned, StepResolved
from sagactl.machine.moves import Resolution
from sagactl.machine.objection import abandon_objections, resolve_objections
from sagactl.machine.outstanding import orphan_ends
from sagactl.machine.plan import Plan, expanded
from sagactl.machine.run import Run, apply
from sagactl.machine.state import saga_state
from sagactl.source.json_text import JsonRejected, parse_json
from sagactl.source.node import Json
from sagactl.source.problem import nearest


def resolve(
    files: StateFiles,
    run_id: str,
    step: str,
    outcome: str,
    result: str | None,
    reason: str,
    output: Format,
) -> None:
    """Write down what a person found out about a step, or did by hand."""
    resolution = _resolution(outcome)
    value = _result(result)
    _demand_reason(reason)
    with held(files, run_id) as (kept, store, now):
        known_step(kept.plan, kept.run, step)
        run, events = _orphaned(kept, now)
        wrong = resolve_objections(
            kept.plan, run, step, resolution, value, has_result=result is not None
        )
        if wrong:
            raise Refused(*wrong, "nothing was written down")
        resolved = StepResolved(
            at=now,
            step=step,
            outcome=str(resolution),
            result=value,
            has_result=result is not None,
            operator=operator(),
            reason=reason,
        )
        note(
            f'saga {run.id}: step "{step}" is {run.step(step).state}, and counts as {resolution} '
            f"from now on; nothing is sent"
        )
        _write(files, kept, store, run, [*events, resolved], output)


def abandon(files: StateFiles, run_id: str, reason: str, output: Format) -> None:
    """Close a run as it stands, and tell what stays in the world."""
    _demand_reason(reason)
    with held(files, run_id) as (kept, store, now):
        wrong = abandon_objections(kept.plan, kept.run)
        if wrong:
            raise Refused(*wrong)
        run, events = _orphaned(kept, now)
        note(
            f"saga {run.id} is closed as it stands, for ever; nothing is undone", *_left(kept, run)
        )
        closed = RunAbandoned(at=now, operator=operator(), reason=reason)
        _write(files, kept, store, run, [*events, closed], output)


@contextmanager
def held(files: StateFiles, run_id: str) -> Iterator[tuple[Kept, Store, float]]:
    """The run, read while nobody else has it; its store; and the time. RunHeld where one has."""
    found = find_run(files, run_id)
    with (
        files.open(sandbox=found.sandbox, create=True) as store,
        store.hold(found.run.id),
    ):
        kept = read_run(store, found.run.id)
        yield kept, store, max(SystemClock(kept.run.updated_at).now(), kept.run.updated_at)


def known_step(plan: Plan, run: Run, name: str) -> None:
    """Refused where the run has no such step."""
    names = list(expanded(plan, run).steps)
    if name not in names:
        close = nearest(name, names)
        meant = f'; did you mean "{close}"?' if close else ""
        raise Refused(f'there is no step "{name}" in it{meant}')


def _orphaned(kept: Kept, now: float) -> tuple[Run, list[Event]]:
    """The run once its attempts in flight are unknown: whoever made them is gone, we have it."""
    run = kept.run
    events: list[Event] = [*orphan_ends(kept.plan, run, now)]
    for event in events:
        run = apply(run, event)
    return run, events


def _write(
    files: StateFiles,
    kept: Kept,
    store: Store,
    run: Run,
    events: Sequence[Event],
    output: Format,
) -> None:
    run = apply(run, events[-1])
    store.append(run.id, events, saga_state(kept.plan, run).value)
    print_endings([(kept.plan, Ending(run, Exit.OK, moved=False))], files, output)


def _left(kept: Kept, run: Run) -> Iterator[str]:
    for name, effect in left_in_world(kept.plan, run).items():
        sure = {Effect.STANDS: "", Effect.UNDOING: " (unless its undo was done)"}
        yield f'  stays in the world: what "{name}" did{sure.get(effect, ", if it did anything")}'


def _resolution(text: str) -> Resolution:
    try:
        return Resolution(text)
    except ValueError:
        words = ", ".join(Resolution)
        raise Refused(f'--as takes one of {words}, not "{text}"') from None


def _result(text: str | None) -> Json:
    if text is None:
        return None
    try:
        return parse_json(text)
    except JsonRejected as error:
        raise Refused(f"--result is not JSON: {error}") from None


def _demand_reason(reason: str) -> None:
    if not reason.strip():
        raise Refused("--reason says why; the history keeps it for ever")
