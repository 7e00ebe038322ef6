"""Where a run stands, as text: for `show`, and for the end of a run."""

from collections.abc import Iterable, Sequence

from sagactl.machine import event as e
from sagactl.machine.moves import StepState as S
from sagactl.machine.outstanding import outstanding
from sagactl.machine.plan import Plan
from sagactl.machine.request import rfc3339
from sagactl.machine.run import Run
from sagactl.machine.state import SagaState, saga_state
from sagactl.views.carets import visible
from sagactl.views.document import Summary, run_document, run_error, to_yaml
from sagactl.views.lines import event_words

MARKS = {
    S.PENDING: "·",
    S.EXECUTING: "→",
    S.COMPLETED: "✓",
    S.FAILED: "✗",
    S.UNKNOWN: "?",
    S.COMPENSATING: "↶",
    S.COMPENSATED: "↺",
    S.STUCK: "!",
    S.SKIPPED: "–",
}


def run_summary(plan: Plan, run: Run) -> list[str]:
    """The run's head, a line for each step, and what can be done next."""
    mark = "  (sandbox)" if run.sandbox else ""
    lines = [f"{run.saga} {run.id}{mark}: {verdict_line(plan, run)}"]
    lines.extend(_step_lines(plan, run))
    return [*map(visible, lines), *outcome_lines(plan, run)]


def outcome_lines(plan: Plan, run: Run) -> list[str]:
    """What came of the run, and what can be done next, for those who saw its steps already."""
    lines = []
    output = run_document(plan, run)["output"]
    if output is not None:
        lines.append("output:")
        lines.extend(to_yaml(output, 1).splitlines())
    lines.extend(f"  {hint}" for hint in next_hints(plan, run))
    return [visible(line) for line in lines]


def _step_lines(plan: Plan, run: Run) -> list[str]:
    lines = []
    width = max(len(name) for name in plan.steps)
    for name in plan.steps:
        step = run.step(name)
        line = f"  {MARKS[step.state]} {name:<{width}}  {step.state}"
        if step.action.count > 1:
            line += f" after {step.action.count} attempts"
        if step.error is not None:
            line += f": {step.error.message}"
        elif step.state is S.UNKNOWN:
            line += f": {step.action.detail}"
        lines.append(line)
    return lines


def verdict_line(plan: Plan, run: Run) -> str:
    """The run's state and, in words, what it means."""
    state = saga_state(plan, run)
    error = run_error(plan, run)
    why = ""
    if error is not None:
        where = f"{error['step']}: " if error["step"] else ""
        why = f": {where}{error['message']}"
    match state:
        case SagaState.COMPLETED:
            return f"completed in {run.updated_at - run.started_at:.1f}s"
        case SagaState.FAILED:
            return f"failed, and everything that was done is undone{why}"
        case SagaState.STUCK:
            return f"stuck, a person is needed{why}"
        case SagaState.COMPENSATING:
            return f"compensating{why}"
    return str(state)


def next_hints(plan: Plan, run: Run) -> list[str]:
    """What to type next, where the run has not ended."""
    state = saga_state(plan, run)
    if state is SagaState.STUCK:
        return [
            f"look:   sagactl history {run.id}",
            f"go on:  sagactl resume {run.id}",
        ]
    if state in (SagaState.STARTED, SagaState.PENDING, SagaState.COMPENSATING):
        hints = [f"go on:  sagactl resume {run.id}"]
        if state is SagaState.PENDING:
            hints.append(f"undo:   sagactl compensate {run.id}")
        due = [c.due_at for c in outstanding(plan, run) if c.due_at is not None]
        if due:
            hints.insert(0, f"next:   due at {rfc3339(min(due))}")
        return hints
    return []


def list_table(summaries: Sequence[Summary], *, width: int, colour: bool) -> list[str]:
    """Runs as a table, in the manner of kubectl."""
    rows = [("ID", "SAGA", "STATE", "STARTED", "UPDATED")]
    rows.extend(
        (s.run_id, s.saga, s.state, rfc3339(s.started_at), rfc3339(s.updated_at)) for s in summaries
    )
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = []
    for row in rows:
        cells = [visible(cell).ljust(widths[i]) for i, cell in enumerate(row)]
        line = "  ".join(cells).rstrip()[:width]
        if colour and row[2] in ("stuck", "failed"):
            line = f"\x1b[{'33' if row[2] == 'stuck' else '31'}m{line}\x1b[0m"
        lines.append(line)
    return lines


def history_table(events: Iterable[e.Event]) -> list[str]:
    """Every event with its time, oldest first."""
    lines = []
    for event in events:
        step = event.step if isinstance(event, e.StepEvent) else "saga"
        lines.append(visible(f"{rfc3339(event.at)}  {step}  {event_words(event)}"))
    return lines
