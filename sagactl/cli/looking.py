"""What list, show and history do: they look and change nothing."""

import os
import sys
from pathlib import Path

from sagactl.cli.option import Format
from sagactl.cli.printing import has_colour, note, print_lines, print_value
from sagactl.cli.refusal import Refused
from sagactl.cli.state_file import find_run, state_files
from sagactl.definition.duration import parse_duration
from sagactl.engine.clock import SystemClock
from sagactl.machine.state import SagaState
from sagactl.source.problem import nearest


def list_runs(
    statuses: list[str],
    saga: str | None,
    since: str | None,
    limit: int,
    state: Path | None,
    output: Format,
    *,
    sandbox: bool,
) -> None:
    """Print sagas, newest first."""
    wanted = [_status(text) for text in statuses]
    after = _after(since)
    with state_files(state).open(sandbox=sandbox) as store:
        found = [
            summary
            for summary in store.summaries()
            if (not wanted or summary.state in wanted)
            and (saga is None or summary.saga == saga)
            and summary.started_at >= after
        ][:limit]
    if output is Format.TABLE:
        from sagactl.views.summary import list_table

        if not found:
            note("no sagas found")
        else:
            width = os.get_terminal_size().columns if sys.stdout.isatty() else 200
            print_lines(list_table(found, width=width, colour=has_colour(sys.stdout)))
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


def _status(text: str) -> SagaState:
    try:
        return SagaState(text)
    except ValueError:
        states = [str(state) for state in SagaState]
        close = nearest(text, states)
        meant = f'; did you mean "{close}"?' if close else ""
        raise Refused(f'--status takes one of {", ".join(states)}, not "{text}"{meant}') from None


def _after(since: str | None) -> float:
    if since is None:
        return 0.0
    seconds = parse_duration(since)
    if seconds is None:
        raise Refused(f'--since takes a duration such as 30m or 2d, not "{since}"')
    return SystemClock().now() - seconds
