"""That something takes its time: a line on a terminal, gone when it is over.

Who is answered within a moment sees nothing of it, nor does a pipe. Deliberately absent: how much
is still to do, which nobody knows of a walk before it is over.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, TextIO

from sagactl.views.carets import visible
from sagactl.views.live import is_live, steadfast_console

if TYPE_CHECKING:
    from rich.console import RenderableType

A_MOMENT_S = 0.7
FRAMES_PER_SECOND = 8


@contextmanager
def at_work(what: str, total: int, stream: TextIO) -> Iterator[Callable[[], None]]:
    """Say that `total` parts of `what` are under way; call what it yields when one is done."""
    if not is_live(stream):
        yield lambda: None
        return
    line = _Line(what, total, stream)
    thread = Thread(target=line.show, daemon=True)
    thread.start()
    try:
        yield line.count
    finally:
        line.is_over.set()
        thread.join()


class _Line:
    """Drawn by a thread of its own, which only reads."""

    def __init__(self, what: str, total: int, stream: TextIO) -> None:
        self._what = visible(what)
        self._total = total
        self._stream = stream
        self._done = 0
        self._began = time.monotonic()
        self.is_over = Event()

    def count(self) -> None:
        """One more is done."""
        self._done += 1

    def show(self) -> None:
        """Draw the line until it is over, if it is not by then."""
        if self.is_over.wait(A_MOMENT_S):
            return
        from rich.live import Live
        from rich.spinner import Spinner

        spinner = Spinner("dots", style="cyan")

        def frame() -> "RenderableType":
            spinner.update(text=self._words())
            return spinner

        console = steadfast_console(self._stream)
        live = Live(
            console=console,
            get_renderable=frame,
            refresh_per_second=FRAMES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with live:
            console.show_cursor(True)  # a killed process brings no cursor back
            self.is_over.wait()

    def _words(self) -> str:
        parts = f", {self._done} of {self._total}" if self._total > 1 else ""
        return f"{self._what}{parts}, {time.monotonic() - self._began:.0f} s"
