"""Several runs while they run: a table for each as far as there is room, else a line for each.

What has ended moves up and stays; what runs is drawn below it.
"""

from typing import TYPE_CHECKING, TextIO

from sagactl.machine import event as e
from sagactl.machine.plan import Plan
from sagactl.machine.run import Run
from sagactl.views.carets import visible
from sagactl.views.live import FRAMES_PER_SECOND, Clock, RunTable, steadfast_console

if TYPE_CHECKING:
    from rich.console import RenderableType


class LiveMany:
    """The runs that are under way, redrawn ten times a second."""

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        from rich.live import Live

        self._clock = clock
        self._console = steadfast_console(stream)
        self._tables: dict[str, RunTable] = {}
        self._live = Live(
            console=self._console,
            get_renderable=self.frame,
            refresh_per_second=FRAMES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=True,
        )

    def __enter__(self) -> "LiveMany":
        self._live.__enter__()
        self._console.show_cursor(True)  # a killed process brings no cursor back
        return self

    def __exit__(self, *exception: object) -> None:
        for table in self._tables.values():
            table.is_over = True
        self._live.__exit__(None, None, None)

    def say(self, text: str) -> None:
        """A remark above the tables."""
        from rich.text import Text

        self._console.print(Text(visible(text), "dim"))

    def watch(self, event: e.Event, run: Run, plan: Plan) -> None:
        """Take note of an event of a run."""
        table = self._tables.get(run.id) or RunTable(plan, self._console, self._clock)
        table.watch(event, run, plan)
        # Only a table that has something to show may be seen by the thread that draws.
        self._tables[run.id] = table

    def end(self, run_id: str) -> None:
        """Leave a run behind, as it stands."""
        table = self._tables.pop(run_id, None)
        if table is not None:
            table.is_over = True
            self._console.print(table.frame())

    def frame(self) -> "RenderableType":
        """Everything that is under way now."""
        from rich.console import Group
        from rich.text import Text

        tables = list(self._tables.values())
        room = self._console.size.height - 1
        if sum(table.height for table in tables) <= room or len(tables) == 1:
            return Group(*(table.frame() for table in tables))
        shown = tables[: max(1, room - 1)]
        more = [Text(f"… {len(tables) - len(shown)} more", "dim")] if tables[len(shown) :] else []
        return Group(*(table.head() for table in shown), *more)
