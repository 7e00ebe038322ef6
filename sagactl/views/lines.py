"""A run as plain lines, one per event: for logs, pipes and terminals that can do no more."""

from contextlib import suppress
from typing import Protocol, TextIO

from sagactl.machine import event as e
from sagactl.machine.run import Run
from sagactl.views.carets import visible


def event_line(event: e.Event, started_at: float) -> str:
    """What happened, in one line, with the time since the run began."""
    elapsed = max(0.0, event.at - started_at)
    clock = f"{int(elapsed // 60):02d}:{elapsed % 60:06.3f}"
    step = event.step if isinstance(event, e.StepEvent) else "saga"
    return visible(f"{clock}  {step}  {event_words(event)}")


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
            return f"to be undone, says {event.operator}: {event.reason or 'no reason given'}"
        case e.AttemptBegan():
            return f"{_phase(event)} {event.attempt}: {event.method} {event.url}"
        case e.AttemptEnded():
            return _ended_words(event)
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
    return type(event).__name__


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
            return f"not sent: {detail}; again in {_wait(event.at, event.due_at)}"
        case e.ActionUnknown():
            what = "it happened, but its result is lost" if event.happened else "unknown"
            return f"{what}: {detail}{_again(event.at, event.due_at)}"
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
            return f"no answer: {detail}{_again(event.at, event.due_at)}"
        case e.CompensationSucceeded():
            return f"undone: {detail}"
        case e.CompensationUnsettled():
            return f"not undone yet: {detail}; again in {_wait(event.at, event.due_at)}"
    return detail


def _again(at: float, due_at: float | None) -> str:
    return "" if due_at is None else f"; asked again in {_wait(at, due_at)}"


def _wait(at: float, due_at: float | None) -> str:
    return f"{max(0.0, (due_at or at) - at):.1f}s"


class Watcher(Protocol):
    """Whoever shows a run while it runs."""

    def watch(self, event: e.Event, run: Run) -> None: ...
    def say(self, text: str) -> None: ...


class LineWatcher:
    """Prints a line for each event, as soon as it is durable."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __enter__(self) -> "LineWatcher":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def watch(self, event: e.Event, run: Run) -> None:
        self.say(event_line(event, run.started_at))

    def say(self, text: str) -> None:
        """A line of its own. Nobody who reads along may stop a saga by going away."""
        encoding = self._stream.encoding or "ascii"
        with suppress(OSError, ValueError):
            line = visible(text).encode(encoding, "replace").decode(encoding)
            print(line, file=self._stream, flush=True)
