"""list, show, history: the verbs that look and change nothing."""

import os
import sys
from typing import Annotated

import typer

from sagactl.cli import option
from sagactl.cli.printing import has_colour, print_data, print_lines
from sagactl.cli.refusal import Refused
from sagactl.cli.state_file import find_run, state_files
from sagactl.definition.duration import parse_duration
from sagactl.engine.clock import SystemClock
from sagactl.machine.state import SagaState


def list_runs(
    status: Annotated[
        list[SagaState] | None, typer.Option("--status", help="Only sagas in this state.")
    ] = None,
    saga: Annotated[str | None, typer.Option("--saga", help="Only this saga's runs.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DURATION", help="Only what began since.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="The sandboxed sagas.")] = False,
    state: option.State = None,
    output: option.Output = option.Format.TABLE,
) -> None:
    """List sagas, newest first.

    Example: sagactl list --status stuck --since 1d
    """
    after = _after(since)
    with state_files(state).open(sandbox=sandbox) as store:
        found = [
            summary
            for summary in store.summaries()
            if (not status or summary.state in status)
            and (saga is None or summary.saga == saga)
            and summary.started_at >= after
        ][:limit]
    if output is option.Format.TABLE:
        from sagactl.views.summary import list_table

        if not found:
            print("sagactl: no sagas found", file=sys.stderr)
        else:
            width = os.get_terminal_size().columns if sys.stdout.isatty() else 200
            print_lines(list_table(found, width=width, colour=has_colour(sys.stdout)))
        return
    from sagactl.views.document import summary_document

    print_data([summary_document(summary) for summary in found], output)


def show(
    run_id: option.RunId,
    state: option.State = None,
    output: option.Output = option.Format.TABLE,
) -> None:
    """Show where a saga stands.

    Example: sagactl show 3fk2 -o json
    """
    kept = find_run(state_files(state), run_id)
    if output is option.Format.TABLE:
        from sagactl.views.summary import run_summary

        print_lines(run_summary(kept.plan, kept.run))
        return
    from sagactl.views.document import run_document

    print_data(run_document(kept.plan, kept.run), output)


def history(
    run_id: option.RunId,
    state: option.State = None,
    output: option.Output = option.Format.TABLE,
) -> None:
    """Show everything that happened to a saga, oldest first.

    Example: sagactl history 3fk2
    """
    kept = find_run(state_files(state), run_id)
    if output is option.Format.TABLE:
        from sagactl.views.summary import history_table

        print_lines(history_table(kept.events))
        return
    from sagactl.views.document import event_document

    print_data([event_document(event) for event in kept.events], output)


def _after(since: str | None) -> float:
    if since is None:
        return 0.0
    seconds = parse_duration(since)
    if seconds is None:
        raise Refused(f'--since takes a duration such as 30m or 2d, not "{since}"')
    return SystemClock().now() - seconds
