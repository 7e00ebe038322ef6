"""A run as plain lines, one per event: for logs, pipes and terminals that can do no more."""

from contextlib import suppress
from typing import Protocol, TextIO

from sagactl.definition.duration import said_duration
from sagactl.machine import event as e
from sagactl.machine.plan import Plan
from sagactl.machine.run import Run
from sagactl.views.carets import visible
from sagactl.views.glyph import speakable
from sagactl.views.veil import Veil, veil_of

SAGA = "saga"


def event_line(event: e.Event, started_at: float, *, width: int = 0) -> str:
    """What happened, in one line, with the time since the run began; `width` is the step's."""
    elapsed_ms = max(0, round((event.at - started_at) * 1000))
    minutes, rest_ms = divmod(elapsed_ms, 60_000)
    clock = f"{minutes:02d}:{rest_ms // 1000:02d}.{rest_ms % 1000:03d}"
    return visible(f"{clock}  {concerned(event):>{width}}  {event_words(event)}")


def concerned(event: e.Event) -> str:
    """Whom an event is about: a step, or the saga as a whole."""
    return event.step if isinstance(event, e.StepEvent) else SAGA


def event_words(event: e.Event) -> str:
    """What an event says, in words."""
    match event:
        case e.RunStarted():
            where = " in the sandbox" if event.sandbox else ""
            return f"{event.saga} {event.run_id} started{where}"
        case e.RunResumed():
            return f"resumed by {event.operator}"
        case e.DeadlinePassed():
            return "its time is up: what was done is undone"
        case e.CompensationRequested():
            return f"to be undone, {_says(event.operator, event.reason)}"
        case e.RunAbandoned():
            return f"abandoned as it stands, by {event.operator}: {event.reason}"
        case e.DefinitionReplaced():
            return f"goes on with {event.definition_name}, {_says(event.operator, event.reason)}"
        case e.StepResolved():
            return f"resolved as {event.outcome}, {_says(event.operator, event.reason)}"
        case e.StepReopened():
            return f"to be tried again, {_says(event.operator, event.reason)}"
        case e.AttemptBegan():
            return f"{_phase(event)} {event.attempt}: {event.method} {event.url}"
        case e.AttemptEnded():
            return _ended_words(event)
        case e.SleepBegan():
            return f"sleeps for {said_duration(event.duration_s)}"
        case e.SleepEnded():
            return "awake again"
        case e.StepSkipped():
            return "skipped: its condition is false"
        case e.ActionCancelled():
            return "given up before it was sent again: the saga turns back"
        case e.OutcomeAssumed():
            return "nobody could find out: taken as done, and undone"
        case e.OutcomeHeld():
            return f"stuck: {event.detail}"
        case e.ActionReopened() | e.OutcomeReopened() | e.CompensationReopened():
            return "taken up again"
    return _group_words(event)


def _group_words(event: e.Event) -> str:
    """What happens to a step that stands for others."""
    match event:
        case e.InstancesBegan():
            count = len(event.items)
            return f"once for each of {count} {'element' if count == 1 else 'elements'}"
        case e.ChildBegan():
            return f"sub-saga {event.saga} began"
        case e.MembersSucceeded():
            return "all of it is completed"
        case e.MembersTurned():
            return "what it did is undone"
        case e.MembersReopened():
            return "taken up again"
        case e.MembersUndone():
            return "all of it is undone"
        case e.MembersVoid():
            return f"nothing of it took place{': ' if event.detail else ''}{event.detail}"
    return type(event).__name__


def _says(operator: str, reason: str) -> str:
    return f"says {operator}: {reason or 'no reason given'}"


def _phase(event: e.AttemptBegan) -> str:
    match event:
        case e.ActionBegan():
            return "attempt"
        case e.LookupBegan():
            return "lookup"
    return "undo, attempt"


def _ended_words(event: e.AttemptEnded) -> str:
    detail = event.detail
    match event:
        case e.ActionSucceeded():
            return f"applied: {detail}"
        case e.ActionNotSent():
            return f"not sent: {detail}{_again(event.at, event.due_at)}"
        case e.ActionUnknown():
            what = "it happened, but its result is lost" if event.happened else "unknown"
            return f"{what}: {detail}{_again(event.at, event.due_at, 'asked again')}"
        case e.ActionFailed():
            return f"failed without effect: {detail}"
        case e.ActionRefused() | e.CompensationFailed():
            return f"stuck: {detail}"
        case e.LookupFound():
            return f"found: it took place ({detail})"
        case e.LookupMissed():
            return f"not found: it never took place ({detail})"
        case e.LookupCleared():
            return f"not found: it is sent again ({detail})"
        case e.LookupUnanswered():
            return f"no answer: {detail}{_again(event.at, event.due_at, 'asked again')}"
        case e.CompensationSucceeded():
            return f"undone: {detail}"
        case e.CompensationUnsettled():
            return f"not undone yet: {detail}{_again(event.at, event.due_at)}"
    return detail


def _again(at: float, due_at: float | None, verb: str = "again") -> str:
    return "" if due_at is None else f"; {verb} in {max(0.0, due_at - at):.1f}s"


class Watcher(Protocol):
    """Whoever shows a run while it runs."""

    def watch(self, event: e.Event, run: Run) -> None: ...
    def say(self, text: str) -> None: ...


class LineWatcher:
    """Prints a line for each event, as soon as it is durable."""

    def __init__(self, plan: Plan, stream: TextIO) -> None:
        self._plan = plan
        self._stream = stream
        self._veil: Veil | None = None  # of a run that is yet to be seen
        self._width = max(map(len, (SAGA, *plan.steps)))

    def __enter__(self) -> "LineWatcher":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def watch(self, event: e.Event, run: Run) -> None:
        if self._veil is None or isinstance(event, e.ChildBegan):
            self._veil = veil_of(self._plan, run)
        self.say(event_line(self._veil.event(event), run.started_at, width=self._width))

    def say(self, text: str) -> None:
        """A line of its own. Nobody who reads along may stop a saga by going away."""
        line = speakable(visible(text), self._stream.encoding)
        with suppress(OSError, ValueError):
            print(line, file=self._stream, flush=True)
