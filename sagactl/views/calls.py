"""The calls that the sandbox played, as they come in: one line each, in columns, for people."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sagactl.machine.played import EffectKind, PlayedCall
from sagactl.views.carets import visible
from sagactl.views.glyph import SGR

# What became of a call, in words that fit a column, and how a terminal shows them.
WORDS = {
    EffectKind.APPLIED: ("done", "green"),
    EffectKind.UNDONE: ("undone", "blue"),
    EffectKind.REPLAYED: ("same again", "cyan"),
    EffectKind.EMPTY: ("nothing there", "cyan"),
    EffectKind.NONE: ("-", "dim"),
}
METHOD = len("DELETE")
EFFECT = max(len(word) for word, _ in WORDS.values())
WIDEST = 48
NOBODY = "?"


def whom(step: str, phase: str) -> str:
    """A phase of a step, in the words that order its faults."""
    return step if phase == "action" else f"{step}.{phase}"


class CallLines:
    """Makes the lines; `whom` are the phases that may be called, for the width of their column."""

    def __init__(self, whom: Iterable[str], *, colour: bool) -> None:
        # "@12" behind it says which attempt it was.
        widest = max((len(name) for name in whom), default=0) + len("@1")
        self._width = min(widest, WIDEST)
        self._colour = colour

    def line(self, call: PlayedCall) -> str:
        """One call: when, what was answered, to whom, what became of it, and what was asked."""
        clock = datetime.fromtimestamp(call.at, UTC).strftime("%H:%M:%S")
        word, look = WORDS[call.effect]
        status = self._status(call)
        line = (
            f"{self._painted(clock, 'dim')}  {status}  {_whom(call):<{self._width}}  "
            f"{self._painted(f'{word:<{EFFECT}}', look)}  {call.method:<{METHOD}} "
            f"{visible(call.path)}"
        )
        remarks = [remark for remark in (_order(call), call.note) if remark]
        if not remarks:
            return line
        remark = visible(f"({'; '.join(remarks)})")
        return f"{line}  {self._painted(remark, 'yellow')}"

    def _status(self, call: PlayedCall) -> str:
        if call.status is None:
            return self._painted("---", "yellow")
        look = "red" if call.status >= 400 else "green"
        return self._painted(str(call.status), look)

    def _painted(self, text: str, look: str) -> str:
        return f"\x1b[{SGR[look]}m{text}\x1b[0m" if self._colour else text


def _whom(call: PlayedCall) -> str:
    if call.step is None or call.phase is None:
        return NOBODY
    attempt = "" if call.attempt is None else f"@{call.attempt}"
    return visible(f"{whom(call.step, call.phase)}{attempt}")


def _order(call: PlayedCall) -> str | None:
    return None if call.fault is None else f"on order: {call.fault}"
