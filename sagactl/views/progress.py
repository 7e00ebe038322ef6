"""A batch while it runs: a bar with its rate and how many ended how, on a terminal."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, TextIO, cast

from sagactl.views.live import STATE_STYLES, is_live

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

FRAMES_PER_SECOND = 5


class Progress:
    """Counts, and says at the end what came of it. `total` is the number of sagas."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self._total = total
        self._stream = stream
        self._began = time.monotonic()
        self._ended: Counter[str] = Counter()

    def begin(self) -> None:
        """One more saga is under way."""

    def end(self, state: str) -> None:
        """One has ended, or is left, in this state."""
        self._ended[state] += 1

    def say(self, text: str) -> None:
        """A remark, on a line of its own."""
        with suppress(OSError, ValueError):
            print(f"sagactl: {text}", file=self._stream, flush=True)

    def close(self) -> None:
        """Say what came of it."""
        self.say(f"{self._ended.total()} of {self._total} sagas: {self.counts()}, {self.rate()}")

    def counts(self) -> str:
        """How many are in which state, the most frequent first."""
        return ", ".join(f"{count} {state}" for state, count in self._ended.most_common())

    def rate(self) -> str:
        """Sagas per second so far."""
        elapsed_s = max(time.monotonic() - self._began, 0.001)
        return f"{self._ended.total() / elapsed_s:.0f}/s"


class Bar(Progress):
    """The same, with a bar that moves."""

    def __init__(self, total: int, stream: TextIO) -> None:
        super().__init__(total, stream)
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns: list[ProgressColumn] = [
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", style="cyan"),
            TextColumn("{task.fields[counts]}"),
            TimeRemainingColumn(),
        ]
        console = Console(file=cast(IO[str], stream), markup=True, highlight=False)
        self._rich = RichProgress(
            *columns, console=console, refresh_per_second=FRAMES_PER_SECOND, transient=True
        )
        self._task = self._rich.add_task("", total=total, rate="", counts="")
        self._rich.start()

    def end(self, state: str) -> None:
        super().end(state)
        # A bar that cannot be drawn stops no saga.
        with suppress(OSError, ValueError):
            self._rich.update(
                self._task, advance=1, rate=self.rate(), counts=self._coloured_counts()
            )

    def say(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._rich.console.print(f"sagactl: {text}", markup=False)

    def close(self) -> None:
        with suppress(OSError, ValueError):
            self._rich.stop()
        super().close()

    def _coloured_counts(self) -> str:
        styles = {str(state): style for state, style in STATE_STYLES.items()}
        return " ".join(
            f"[{styles.get(state, 'dim')}]{count} {state}[/]"
            for state, count in self._ended.most_common()
        )


@contextmanager
def progressing(total: int, stream: TextIO) -> Iterator[Progress]:
    """A bar on a terminal that can show one, else a line at the end."""
    progress = (Bar if is_live(stream) else Progress)(total, stream)
    try:
        yield progress
    finally:
        progress.close()
