"""What prune does: sagas that ended long ago are removed, once somebody has said yes."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from sagactl.cli.form import Format
from sagactl.cli.printing import has_colour, note, print_lines, print_value, terminal_width
from sagactl.cli.refusal import Refused
from sagactl.cli.selection import Selection, parse_status, time_before
from sagactl.cli.state_file import StateFiles
from sagactl.journal.compaction import compact
from sagactl.journal.export import unwritable
from sagactl.journal.refusal import RunHeld, RunNotFound, StoreRefused
from sagactl.journal.store import Summary
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.machine.state import ENDED

# Every saga of a commit is held, and that is an open file: some systems allow 256 of them.
COMMIT = 200

# Whoever is to say yes reads no more lines than these.
SHOWN = 100


def ended(statuses: Sequence[str], saga: str | None, older_than: str) -> Selection:
    """Sagas that ended so long ago; raises Refused for states in which nothing has ended."""
    wanted = tuple(map(parse_status, statuses)) or ENDED
    for status in wanted:
        if status not in ENDED:
            names = ", ".join(ENDED)
            raise Refused(f'only a saga that has ended can go: --status {names}, not "{status}"')
    before = time_before("--older-than", older_than)
    return Selection(wanted, saga, updated_before=before)


def prune(
    wanted: Selection, files: StateFiles, output: Format, *, sandbox: bool, yes: bool
) -> None:
    """Remove the sagas that are wanted, or show them where nobody said yes."""
    with files.open(sandbox=sandbox) as store:
        if not isinstance(store, TinyDBStore):
            raise unwritable(files.real)
        found = list(filter(wanted.fits, reversed(store.summaries())))
        gone = list(_remove(store, found)) if yes else found
    if yes and gone and not compact(files.path(sandbox=sandbox)):
        note("somebody else compacts the state now; the room is free after the next time")
    if output is Format.TABLE:
        _print_table(gone, yes=yes)
        return
    from sagactl.views.document import summary_document

    names = {summary.run_id for summary in gone}
    print_value(
        {
            "dry_run": not yes,
            "sagas": [summary_document(summary) for summary in gone],
            "skipped": [summary.run_id for summary in found if summary.run_id not in names],
        },
        output,
    )


def _remove(store: TinyDBStore, found: Sequence[Summary]) -> Iterator[Summary]:
    """Remove what nobody else has and nothing has happened to; each once it is gone."""
    count = 0
    try:
        for at in range(0, len(found), COMMIT):
            with ExitStack() as stack:
                ours = [s for s in found[at : at + COMMIT] if _is_ours(store, s, stack)]
                if ours:
                    store.remove([summary.run_id for summary in ours])
            count += len(ours)
            yield from ours
    except StoreRefused:
        note(f"{count} of {len(found)} sagas were removed before that")
        raise


def _is_ours(store: TinyDBStore, summary: Summary, stack: ExitStack) -> bool:
    """Hold the saga, and see whether it stands where it stood."""
    try:
        stack.enter_context(store.hold(summary.run_id))
        if store.summary(summary.run_id) == summary:
            return True
        note(f"saga {summary.run_id} has moved meanwhile: it stays")
    except RunHeld as held:
        note(f"{held}: it stays")
    except RunNotFound:
        note(f"saga {summary.run_id} is gone already")
    return False


def _print_table(gone: Sequence[Summary], *, yes: bool) -> None:
    from sagactl.views.summary import list_table

    what = "1 saga" if len(gone) == 1 else f"{len(gone)} sagas"
    if yes:
        print_lines([f"removed {what}"])
        return
    if not gone:
        note("no sagas found")
        return
    print_lines(list_table(gone[:SHOWN], width=terminal_width(), colour=has_colour(sys.stdout)))
    more = [f"… and {len(gone) - SHOWN} more"] if len(gone) > SHOWN else []
    print_lines([*more, f"nothing was removed; the same with --yes removes {what}"])
