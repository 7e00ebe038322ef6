"""What explain does: it looks at one saga, and says why it stands there and what can be done."""

from sagactl.cli.form import Format
from sagactl.cli.printing import print_lines, print_value
from sagactl.cli.state_file import Kept, StateFiles, find_run
from sagactl.engine.clock import SystemClock
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.views.explanation import explain, explanation_document, explanation_lines


def explain_run(run_id: str, files: StateFiles, output: Format) -> None:
    """Print the explanation of a saga."""
    holder = _holder(files, find_run(files, run_id))
    # Read again: whoever let go of it in between may have moved it.
    kept = find_run(files, run_id)
    now = max(SystemClock(kept.run.updated_at).now(), kept.run.updated_at)
    found = explain(kept.plan, kept.run, now, holder, files.option)
    if output is Format.TABLE:
        print_lines(explanation_lines(found))
    else:
        print_value(explanation_document(found), output)


def _holder(files: StateFiles, kept: Kept) -> str | None:
    with files.open(sandbox=kept.sandbox) as store:
        held = store.holder(kept.run.id) if isinstance(store, TinyDBStore) else None
        return None if held is None else str(held)
