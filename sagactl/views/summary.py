"""Where a run stands, as text: for `show`, and for the end of a run."""

from collections.abc import Iterable, Sequence

from sagactl.machine import event as e
from sagactl.machine.moves import StepState as S
from sagactl.machine.plan import Plan, expanded
from sagactl.machine.request import rfc3339
from sagactl.machine.run import Run
from sagactl.machine.state import SagaState, saga_state
from sagactl.views.carets import visible
from sagactl.views.command_line import command_line, resolve_commands
from sagactl.views.document import Summary, next_due_at, run_document, run_error, to_yaml
from sagactl.views.glyph import MARKS
from sagactl.views.lines import concerned, event_words
from sagactl.views.members import member_words, shown_names
from sagactl.views.veil import veil_of

PAINTS: dict[str, str] = {SagaState.STUCK: "33", SagaState.FAILED: "31"}


def run_summary(plan: Plan, run: Run, option: str = "") -> list[str]:
    """The run's head, a line for each step, and what can be done next.

    `option` is what a command needs besides the ID to find the run, with a blank before it.
    """
    mark = "  (sandbox)" if run.sandbox else ""
    lines = [f"{run.saga} {run.id}{mark}: {verdict_line(plan, run)}"]
    lines.extend(_step_lines(plan, veil_of(plan, run).run(run)))
    return [*map(visible, lines), *outcome_lines(plan, run, option)]


def outcome_lines(plan: Plan, run: Run, option: str = "") -> list[str]:
    """What came of the run, and what can be done next, for those who saw its steps already."""
    lines = []
    document = run_document(plan, run)
    if document["output"] is not None:
        lines.append("output:")
        lines.extend(to_yaml(document["output"], 1).split("\n")[:-1])
    if "output_error" in document:
        lines.append(f"no output: {document['output_error']}")
    lines.extend(f"  {hint}" for hint in next_hints(plan, run, option))
    return [visible(line) for line in lines]


def _step_lines(plan: Plan, run: Run) -> list[str]:
    lines = []
    names = shown_names(plan, run)
    width = max(map(len, names))
    for name in names:
        step = run.step(name)
        line = f"  {MARKS[step.state]} {name:<{width}}  {step.state}"
        if step.action.count > 1:
            line += f" after {step.action.count} attempts"
        if words := member_words(plan, run, name):
            line += f" ({words})"
        if step.error is not None:
            line += f": {step.error.message}"
        elif step.state is S.UNKNOWN:
            line += f": {step.action.detail}"
        lines.append(line)
    return lines


def verdict_line(plan: Plan, run: Run) -> str:
    """The run's state and, in words, what it means."""
    state = saga_state(plan, run)
    error = run_error(plan, veil_of(plan, run).run(run))
    why = ""
    if error is not None:
        where = f"{error['step']}: " if error["step"] else ""
        why = f": {where}{error['message']}"
    match state:
        case SagaState.COMPLETED:
            return f"completed in {said_elapsed(run.updated_at - run.started_at)}"
        case SagaState.FAILED:
            stands = any(run.step(name).state is S.COMPLETED for name in run.steps)
            what = "had to be undone" if stands else "was done"
            return f"failed, and everything that {what} is undone{why}"
        case SagaState.STUCK:
            return f"stuck, a person is needed{why}"
        case SagaState.COMPENSATING:
            return f"compensating{why}"
        case SagaState.ABANDONED:
            return f"closed as it stands{why}"
    return str(state)


def said_elapsed(seconds: float) -> str:
    """A stretch of time, as exactly as anyone wants to read it."""
    if seconds < 59.95:
        return f"{max(0.0, seconds):.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours < 48 else f"{hours // 24}d{hours % 24:02d}h"


def next_hints(plan: Plan, run: Run, option: str = "") -> list[str]:
    """What to type next, where the run has not ended."""
    state = saga_state(plan, run)
    if state is SagaState.STUCK:
        stuck = [name for name in expanded(plan, run).steps if run.step(name).state is S.STUCK]
        tell = [
            f"tell:   {command}"
            for name in stuck
            for command in resolve_commands(plan, run, name, option)
        ]
        return [
            f"look:   {command_line('explain', run, option)}",
            f"go on:  {command_line('resume', run, option)}",
            *tell,
            f"close:  {command_line('abandon', run, option)}",
        ]
    if state in (SagaState.STARTED, SagaState.PENDING, SagaState.COMPENSATING):
        hints = [f"go on:  sagactl resume {run.id}{option}"]
        if state is SagaState.PENDING:
            hints.append(f"undo:   sagactl compensate {run.id}{option}")
        due_at = next_due_at(plan, run)
        if due_at is not None and due_at > run.updated_at:
            hints.insert(0, f"next:   due at {rfc3339(due_at)}")
        return hints
    return []


def list_table(summaries: Sequence[Summary], *, width: int, colour: bool) -> list[str]:
    """Runs as a table, in the manner of kubectl."""
    rows: list[tuple[str, ...]] = [("ID", "SAGA", "STATE", "STARTED", "UPDATED", "TAGS")]
    rows.extend(
        (
            visible(s.run_id),
            visible(s.saga),
            s.state,
            rfc3339(s.started_at),
            rfc3339(s.updated_at),
            visible(",".join(f"{key}={value}" for key, value in s.tags.items())),
        )
        for s in summaries
    )
    if not any(s.tags for s in summaries):
        rows = [row[:-1] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)]
        line = "  ".join(cells).rstrip()[:width]
        if colour and row[2] in PAINTS:
            line = f"\x1b[{PAINTS[row[2]]}m{line}\x1b[0m"
        lines.append(line)
    return lines


def history_table(events: Iterable[e.Event]) -> list[str]:
    """Every event with its time, oldest first."""
    rows = [(rfc3339(event.at), concerned(event), event_words(event)) for event in events]
    width = max((len(step) for _, step, _ in rows), default=0)
    return [visible(f"{at}  {step:>{width}}  {words}") for at, step, words in rows]
