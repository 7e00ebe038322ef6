"""A run while it runs: a table of its steps that moves, and a clean one left behind.

Only a terminal that can gets it; anything else gets lines. What a service said never goes through
rich's markup, and no trouble with the terminal ever reaches the run.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

from sagactl.machine import event as e
from sagactl.machine.command import Call, Phase
from sagactl.machine.moves import StepState as S
from sagactl.machine.outstanding import outstanding
from sagactl.machine.plan import Plan, expanded
from sagactl.machine.run import Attempts, Run, StepRun
from sagactl.machine.state import SagaState, is_backwards, saga_state
from sagactl.views.carets import visible
from sagactl.views.glyph import MARKS, SPINNER, STYLES
from sagactl.views.lines import LineWatcher
from sagactl.views.members import member_words, shown_names
from sagactl.views.summary import said_elapsed, verdict_line
from sagactl.views.veil import Veil, veil_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

Clock = Callable[[], float]

FRAMES_PER_SECOND = 10
# The head, the verdict, two ellipses and the line below them all.
LINES_BESIDE_STEPS = 5
STATE_STYLES = {
    SagaState.COMPLETED: "bold green",
    SagaState.FAILED: "bold red",
    SagaState.STUCK: "bold yellow",
}
VERBS = {Phase.ACTION: "again", Phase.LOOKUP: "asked about", Phase.COMPENSATION: "undo"}


def make_watcher(plan: Plan, stream: TextIO, clock: Clock) -> "LiveRun | LineWatcher":
    """The best watcher that the stream can show."""
    return LiveRun(plan, stream, clock) if is_live(stream) else LineWatcher(plan, stream)


def is_live(stream: TextIO) -> bool:
    """Whether the stream is a terminal that can redraw what it shows, and has our marks."""
    draws = (stream.encoding or "").lower().replace("-", "").startswith("utf")
    return draws and stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


@dataclass(frozen=True, slots=True)
class _Seen:
    """All that a frame is drawn from, in one piece: frames are drawn by a thread of their own."""

    run: Run
    veil: Veil
    began_at: float
    last: str | None = None  # the step that moved last
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)  # of steps: first, last

    def after(self, event: e.Event, run: Run) -> "_Seen":
        if not isinstance(event, e.StepEvent):
            return replace(self, run=run)
        first, _ = self.spans.get(event.step, (event.at, event.at))
        if isinstance(event, e.CompensationBegan) and event.attempt == 1:
            first = event.at  # the time between its doing and its undoing was not its own
        spans = {**self.spans, event.step: (first, event.at)}
        return replace(self, run=run, last=event.step, spans=spans)


class LiveRun:
    """The steps of a run, redrawn ten times a second."""

    def __init__(self, plan: Plan, stream: TextIO, clock: Clock) -> None:
        from rich.live import Live

        self._console = steadfast_console(stream)
        self._table = RunTable(plan, self._console, clock)
        self._live = Live(
            console=self._console,
            get_renderable=self.frame,
            refresh_per_second=FRAMES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=True,  # what else is told meanwhile goes above the table
        )

    def __enter__(self) -> "LiveRun":
        self._live.__enter__()
        # A killed process brings no cursor back, so it is not taken away.
        self._console.show_cursor(True)
        return self

    def __exit__(self, *exception: object) -> None:
        self._table.is_over = True
        self._live.__exit__(None, None, None)

    def say(self, text: str) -> None:
        """A remark above the table, which goes on below it."""
        from rich.text import Text

        self._console.print(Text(visible(text), "dim"))
        self._live.refresh()  # what was drawn below it is the frame before

    def watch(self, event: e.Event, run: Run) -> None:
        self._table.watch(event, run)

    def frame(self) -> "RenderableType":
        """The table as it is now."""
        return self._table.frame()


class RunTable:
    """A run as it is drawn: a head, a line for each step, and a verdict once it `is_over`."""

    def __init__(self, plan: Plan, console: "Console", clock: Clock) -> None:
        self.is_over = False
        self._plan = plan
        self._console = console
        self._clock = clock
        self._seen: _Seen | None = None

    def watch(self, event: e.Event, run: Run, plan: Plan | None = None) -> None:
        """Take note of an event; `plan` where the run has another one since."""
        self._plan = plan or self._plan
        seen = self._seen or _Seen(run, veil_of(self._plan, run), event.at)
        if isinstance(event, e.ChildBegan):
            seen = replace(seen, veil=veil_of(self._plan, run))
        self._seen = seen.after(event, run)

    @property
    def height(self) -> int:
        """How many lines the whole of it takes."""
        seen = self._seen
        return 0 if seen is None else len(shown_names(self._plan, seen.run)) + LINES_BESIDE_STEPS

    def head(self) -> "Text":
        """The run in one line."""
        from rich.text import Text

        seen = self._seen
        if seen is None:
            return Text("")
        now = seen.run.updated_at if self.is_over else self._clock()
        return self._head(seen, saga_state(self._plan, seen.run), now)

    def frame(self) -> "RenderableType":
        """The table as it is now."""
        from rich.console import Group
        from rich.text import Text

        seen = self._seen
        if seen is None:
            return Text("")
        state = saga_state(self._plan, seen.run)
        now = seen.run.updated_at if self.is_over else self._clock()
        rows: list[RenderableType] = [self._head(seen, state, now), *self._steps(seen, now)]
        if state in STATE_STYLES and (self.is_over or state is not SagaState.STUCK):
            rows.append(Text(visible(verdict_line(self._plan, seen.run)), STATE_STYLES[state]))
        return Group(*rows)

    def _head(self, seen: _Seen, state: SagaState, now: float) -> "Text":
        run = seen.run
        parts = [(run.saga, "bold"), (visible(run.id), "")]
        if run.sandbox:
            parts.append(("SANDBOX", "reverse"))
        parts.append((state, STATE_STYLES.get(state, "cyan")))
        parts.append((said_elapsed(now - seen.began_at), "dim"))
        if sum(len(text) + 2 for text, _ in parts) > self._console.width:
            del parts[1]  # the state matters more, and hints at the end name the run again
        return _one_line(parts, "  ")

    def _steps(self, seen: _Seen, now: float) -> "list[RenderableType]":
        from rich.text import Text

        names = shown_names(self._plan, seen.run)
        first, last = 0, len(names)
        room = self._console.size.height - LINES_BESIDE_STEPS
        if not self.is_over and last > room > 0:
            focus = names.index(seen.last) if seen.last in names else 0
            first = max(0, min(focus - room // 2, last - room))
            last = first + room
        rows: list[RenderableType] = [*self._rows(seen, names[first:last], now)]
        if first > 0:
            rows.insert(0, Text(f"… {first} above", "dim"))
        if last < len(names):
            rows.append(Text(f"… {len(names) - last} below", "dim"))
        return rows

    def _rows(self, seen: _Seen, names: list[str], now: float) -> "Iterator[Text]":
        shown = seen.veil.run(seen.run)
        plan = expanded(self._plan, seen.run)
        waits = waiting(self._plan, seen.run)
        turned = is_backwards(self._plan, seen.run)
        # A name may take half of a narrow terminal, so that something is left for what goes on.
        width = min(max(map(len, names)), max(8, self._console.width // 2))
        for name in names:
            step = shown.step(name)
            style = STYLES[step.state]
            words = (
                member_words(plan, seen.run, name)
                or under_way(step, now, waits.get(name))
                or _waits_for(plan, name, step, turned)
            )
            elapsed = self._elapsed(seen, name, name in waits, now)
            parts = [
                (self._mark(step, now), style),
                (_cut(name, width), style),
                (f"{elapsed:>5}", "dim"),
                (visible(words), style if step.in_flight or step.error else "dim"),
            ]
            yield _one_line(parts, " ")

    def _mark(self, step: StepRun, now: float) -> str:
        if step.in_flight and not self.is_over:
            return SPINNER[int(now * FRAMES_PER_SECOND) % len(SPINNER)]
        return MARKS[step.state]

    def _elapsed(self, seen: _Seen, name: str, waits: bool, now: float) -> str:
        if name not in seen.spans:
            return ""
        first, last = seen.spans[name]
        moves = seen.run.step(name).in_flight or waits
        return said_elapsed((now if moves else last) - first)


def _waits_for(plan: Plan, name: str, step: StepRun, turned: bool) -> str:
    """What a step waits for, where that is not simply the step above it."""
    planned = plan.steps[name]
    if step.state is not S.PENDING or turned or planned.index is not None:
        return ""
    beside = [other.name for other in plan if other.parent == planned.parent]
    place = beside.index(name)
    chain = (beside[place - 1],) if place else ()
    if planned.needs == chain:
        return ""
    return f"after {', '.join(planned.needs)}" if planned.needs else "at once"


def _one_line(parts: list[tuple[str, str]], space: str) -> "Text":
    """Parts in their styles on one line, cut off where the terminal ends."""
    from rich.text import Text

    spaced = [part for pair in parts for part in (pair, (space, ""))]
    line = Text.assemble(*spaced[:-1], no_wrap=True, overflow="ellipsis")
    line.rstrip()
    return line


def _cut(name: str, width: int) -> str:
    return name.ljust(width) if len(name) <= width else name[: width - 1] + "…"


def waiting(plan: Plan, run: Run) -> dict[str, tuple[Phase, float]]:
    """The steps that wait for their next attempt: which conversation, and when it is due."""
    return {
        command.step: (command.phase, command.due_at)
        for command in outstanding(plan, run)
        if isinstance(command, Call) and command.due_at is not None
    }


def under_way(step: StepRun, now: float, wait: tuple[Phase, float] | None = None) -> str:
    """What a step is doing, or how it ended, in a few words."""
    for attempts, verb in (
        (step.compensation, "undoing: "),
        (step.lookup, "asking: "),
        (step.action, ""),
    ):
        if attempts.in_flight and attempts.sending is not None:
            return f"{verb}{attempts.sending.method} {_path(attempts)}{_attempt(attempts)}"
    if wait is not None:
        phase, due_at = wait
        asked = step.attempts(phase)
        number = f", attempt {asked.count + 1}" if asked.count else ""
        why = asked.detail or step.action.detail
        return f"{VERBS[phase]} in {said_elapsed(due_at - now)}{number}: {why}"
    if step.error is not None and step.state in (S.FAILED, S.STUCK):
        return step.error.message
    match step.state:
        case S.PENDING:
            return ""
        case S.EXECUTING if step.action.due_at is not None and not step.action.count:
            return f"sleeps for another {said_elapsed(step.action.due_at - now)}"
        case S.COMPLETED:
            return f"after {step.action.count} attempts" if step.action.count > 1 else ""
        case S.COMPENSATED:
            return "undone"
        case S.UNKNOWN | S.STUCK:
            return f"{step.state}: {step.action.detail}"
    return str(step.state)


def _path(attempts: Attempts) -> str:
    url = attempts.sending.url if attempts.sending is not None else ""
    return "/" + url.split("://", 1)[-1].partition("/")[2]


def _attempt(attempts: Attempts) -> str:
    return f"  (attempt {attempts.count})" if attempts.count > 1 else ""


def steadfast_console(stream: TextIO) -> "Console":
    """A console that takes nothing for markup, and no notice when its terminal has gone."""
    from rich.console import Console

    steadfast = cast(IO[str], _Steadfast(stream))
    return Console(file=steadfast, highlight=False, emoji=False, markup=False)


class _Steadfast:
    """A stream that takes no notice when its terminal has gone: the run must not either."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
