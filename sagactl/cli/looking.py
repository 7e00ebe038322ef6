"""What list, show and history do: they look and change nothing."""

import sys
from itertools import islice
from pathlib import Path

from sagactl.cli.form import Format
from sagactl.cli.printing import has_colour, note, print_lines, print_value, terminal_width
from sagactl.cli.selection import Selection
from sagactl.cli.state_file import find_run, state_files


def list_runs(
    wanted: Selection, limit: int, state: Path | None, output: Format, *, sandbox: bool
) -> None:
    """Print sagas, newest first."""
    with state_files(state).open(sandbox=sandbox) as store:
        found = list(islice(filter(wanted.fits, store.summaries()), limit))
    if output is Format.TABLE:
        from sagactl.views.summary import list_table

        if not found:
            note("no sagas found")
        else:
            colour = has_colour(sys.stdout)
            print_lines(list_table(found, width=terminal_width(), colour=colour))
        return
    from sagactl.views.document import summary_document

    print_value([summary_document(summary) for summary in found], output)


def show(run_id: str, state: Path | None, output: Format) -> None:
    files = state_files(state)
    kept = find_run(files, run_id)
    if output is Format.TABLE:
        from sagactl.views.summary import run_summary

        print_lines(run_summary(kept.plan, kept.run, files.option))
        return
    from sagactl.views.document import run_document

    print_value(run_document(kept.plan, kept.run), output)


def history(run_id: str, state: Path | None, output: Format) -> None:
    from sagactl.views.veil import veil_of

    kept = find_run(state_files(state), run_id)
    veil = veil_of(kept.plan, kept.run)
    events = [veil.event(event) for event in kept.events]
    if output is Format.TABLE:
        from sagactl.views.summary import history_table

        print_lines(history_table(events))
        return
    from sagactl.views.document import event_document

    print_value([event_document(event) for event in events], output)
