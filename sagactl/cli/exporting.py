"""What export does: sagas as JSON Lines, to look at elsewhere."""

from dataclasses import replace
from itertools import chain
from pathlib import Path

from sagactl.cli.printing import note, print_lines
from sagactl.cli.selection import Selection
from sagactl.cli.state_file import read_run, state_files
from sagactl.engine.clock import SystemClock
from sagactl.journal.export import first_line, saga_line
from sagactl.journal.store import Store, Summary
from sagactl.machine.state import saga_state
from sagactl.views.veil import veil_of


def export(ids: list[str], wanted: Selection, state: Path | None, *, sandbox: bool) -> None:
    """Print the sagas that are wanted, the oldest first; of those with these IDs, where given."""
    with state_files(state).open(sandbox=sandbox) as store:
        found = _chosen(store, ids, wanted)
        if not found:
            note("no sagas found")
        first = first_line(len(found), SystemClock().now())
        print_lines(chain([first], (_line(store, summary) for summary in found)))


def _chosen(store: Store, ids: list[str], wanted: Selection) -> list[Summary]:
    names = {store.find(prefix) for prefix in ids}
    summaries = reversed(store.summaries())
    return [s for s in summaries if (not ids or s.run_id in names) and wanted.fits(s)]


def _line(store: Store, summary: Summary) -> str:
    """A saga as `history` shows it, and where those very events leave it."""
    kept = read_run(store, summary.run_id)
    veil = veil_of(kept.plan, kept.run)
    state = saga_state(kept.plan, kept.run)
    now = replace(summary, state=str(state), updated_at=kept.run.updated_at)
    return saga_line(now, [veil.event(event) for event in kept.events])
