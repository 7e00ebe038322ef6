"""A run while it runs: a table of its steps that moves, and a clean one left behind.

Only a terminal that can gets it; anything else gets lines.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from sagactl.machine import event as e
from sagactl.machine.moves import StepState as S
from sagactl.machine.plan import Plan
from sagactl.machine.run import Attempts, Run, StepRun
from sagactl.machine.state import SagaState, saga_state
from sagactl.views.carets import visible
from sagactl.views.lines import LineWatcher
from sagactl.views.summary import MARKS, verdict_line

if TYPE_CHECKING:
    from rich.console import RenderableType

Clock = Callable[[], float]

STYLES = {
    S.PENDING: "dim",
    S.EXECUTING: "cyan",
    S.COMPLETED: "green",
    S.FAILED: "red",
    S.UNKNOWN: "yellow",
    S.COMPENSATING: "magenta",
    S.COMPENSATED: "blue",
    S.STUCK: "bold yellow",
    S.SKIPPED: "dim",
}
STATE_STYLES = {
    SagaState.COMPLETED: "bold green",
    SagaState.FAILED: "bold red",
    SagaState.STUCK: "bold yellow",
}


def make_watcher(plan: Plan, stream: TextIO, clock: Clock) -> "LiveRun | LineWatcher":
    """The best watcher that the stream can show."""
    return LiveRun(plan, stream, clock) if is_live(stream) else LineWatcher(stream)


def is_live(stream: TextIO) -> bool:
    """Whether the stream is a terminal that can redraw what it shows."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class LiveRun:
    """The steps of a run, redrawn ten times a second."""

    def __init__(self, plan: Plan, stream: TextIO, clock: Clock) -> None:
        from rich.console import Console
        from rich.live import Live

        self._plan = plan
        self._clock = clock
        self._run: Run | None = None
        self._began_at: dict[str, float] = {}
        self._ended_at: dict[str, float] = {}
        self._live = Live(
            console=Console(file=stream, highlight=False, emoji=False, markup=False),
            get_renderable=self._render,
            refresh_per_second=10,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> "LiveRun":
        self._live.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.__exit__(None, None, None)

    def say(self, text: str) -> None:
        """A remark above the table, which goes on below it."""
        from rich.text import Text

        self._live.console.print(Text(visible(text), "dim"))

    def watch(self, event: e.Event, run: Run) -> None:
        self._run = run
        if isinstance(event, e.StepEvent):
            self._began_at.setdefault(event.step, event.at)
            self._ended_at[event.step] = event.at

    def _render(self) -> "RenderableType":
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        run = self._run
        if run is None:
            return Text("")
        state = saga_state(self._plan, run)
        now = self._clock()
        head = Text.assemble(
            (run.saga, "bold"), " ", (visible(run.id), "dim"),
            "  SANDBOX" if run.sandbox else "", "  ", (str(state), STATE_STYLES.get(state, "")),
        )  # fmt: skip
        table = Table.grid(padding=(0, 1), expand=True)
        # Where room is short it is the details that give way, never the names.
        table.add_column(width=1)
        table.add_column(no_wrap=True, width=max(map(len, self._plan.steps)))
        table.add_column(no_wrap=True, width=6, justify="right")
        table.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
        for name in self._plan.steps:
            table.add_row(*self._row(name, run.step(name), now))
        rows: list[RenderableType] = [head, table]
        if state in STATE_STYLES:
            rows.append(Text(visible(verdict_line(self._plan, run)), STATE_STYLES[state]))
        return Group(*rows)

    def _row(self, name: str, step: StepRun, now: float) -> "tuple[RenderableType, ...]":
        from rich.spinner import Spinner
        from rich.text import Text

        style = STYLES[step.state]
        mark: RenderableType = Text(MARKS[step.state], style)
        if step.in_flight:
            mark = Spinner("dots", style=style)
        elapsed = ""
        if name in self._began_at:
            moves = step.in_flight or step.action.due_at or step.compensation.due_at
            end = now if moves else self._ended_at[name]
            elapsed = f"{max(0.0, end - self._began_at[name]):.1f}s"
        words = Text(visible(under_way(step, now)), style if step.in_flight else "dim")
        return mark, Text(name, style), Text(elapsed, "dim"), words


def under_way(step: StepRun, now: float) -> str:
    """What a step is doing, or how it ended, in a few words."""
    for attempts, verb in (
        (step.compensation, "undoing: "),
        (step.lookup, "asking: "),
        (step.action, ""),
    ):
        if attempts.in_flight and attempts.sending is not None:
            return f"{verb}{attempts.sending.method} {_path(attempts)}{_attempt(attempts)}"
    for attempts in (step.compensation, step.lookup, step.action):
        if attempts.due_at is not None and step.state not in (S.COMPLETED, S.FAILED):
            left = max(0.0, attempts.due_at - now)
            return f"again in {left:.1f}s, attempt {attempts.count + 1}: {attempts.detail}"
    if step.state is S.PENDING:
        return ""
    if step.error is not None and step.state in (S.FAILED, S.STUCK):
        return step.error.message
    if step.state is S.COMPENSATED:
        return "undone"
    return "" if step.state is S.COMPLETED else str(step.state)


def _path(attempts: Attempts) -> str:
    url = attempts.sending.url if attempts.sending is not None else ""
    return "/" + url.split("://", 1)[-1].partition("/")[2]


def _attempt(attempts: Attempts) -> str:
    return f"  (attempt {attempts.count})" if attempts.count > 1 else ""
