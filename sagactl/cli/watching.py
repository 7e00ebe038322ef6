"""What watch does: it shows sagas while other processes move them, and changes nothing."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sagactl.cli.exit import Exit, worst
from sagactl.cli.following import Following, Told, await_change, is_at_rest
from sagactl.cli.form import Format
from sagactl.cli.printing import note, print_lines
from sagactl.cli.refusal import Refused
from sagactl.cli.state_file import StateFiles, find_run, state_files
from sagactl.engine.clock import SystemClock
from sagactl.journal.export import is_export
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.views.carets import visible
from sagactl.views.live import is_live

if TYPE_CHECKING:
    from sagactl.views.live_many import LiveMany


class Teller(Protocol):
    """Whoever shows what is told."""

    def tell(self, told: Told) -> None: ...
    def say(self, text: str) -> None: ...
    def end(self, run_id: str) -> None: ...


def watch(ids: list[str], state: Path | None, output: Format, *, sandbox: bool) -> Exit:
    """Tell what happens to the sagas named until all are at rest; to all of them, where none is."""
    files = state_files(state)
    if is_export(files.real):
        raise Refused(f"{files.real}: an export never moves; sagactl history tells all of it")
    found = [find_run(files, prefix) for prefix in ids]
    only = {flag: {k.run.id for k in found if k.sandbox is flag} for flag in (False, True)}
    wanted = [flag for flag in only if only[flag]] if ids else [sandbox]
    with ExitStack() as stack:
        followings = [
            Following(stack.enter_context(_store(files, sandbox=flag)), only[flag] if ids else None)
            for flag in wanted
        ]
        teller = stack.enter_context(_telling(output, several=len(found) != 1))
        _look(followings, teller)
        if not ids:
            # An empty screen looks like one that hangs.
            teller.say(f"watching {files.path(sandbox=sandbox)}; Ctrl-C ends it")
        _follow(followings, teller)
    return worst([code for following in followings for code in following.exits.values()])


def _follow(followings: Sequence[Following], teller: Teller) -> None:
    looked_s = 0.0
    while not all(following.is_over() for following in followings):
        await_change(followings, looked_s)
        looked_s = _look(followings, teller)


def _look(followings: Sequence[Following], teller: Teller) -> float:
    """Tell what is new; the seconds that it took to read it."""
    looked_s = 0.0
    for following in followings:
        began = time.monotonic()
        moved = following.look()
        # Not the telling: a reader who takes his time is no reason to look more seldom.
        looked_s += time.monotonic() - began
        for told in moved:
            teller.tell(told)
        for run_id in {told.run.id for told in moved} & following.exits.keys():
            teller.end(run_id)
        for remark in following.remarks:
            teller.say(remark)
        following.remarks.clear()
    return looked_s


@contextmanager
def _store(files: StateFiles, *, sandbox: bool) -> Iterator[TinyDBStore]:
    store = TinyDBStore(files.path(sandbox=sandbox), create=False)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _telling(output: Format, *, several: bool) -> Iterator[Teller]:
    if output is not Format.TABLE:
        yield _Documents(output)
    elif is_live(sys.stdout):
        from sagactl.views.live_many import LiveMany

        with LiveMany(sys.stdout, SystemClock().now) as view:
            yield _Tables(view)
    else:
        yield _Lines(several=several)


class _Lines:
    """A line for each event, and one for the end of a saga."""

    def __init__(self, *, several: bool) -> None:
        self._several = several

    def tell(self, told: Told) -> None:
        if not told.is_new:
            return
        from sagactl.views.lines import event_line
        from sagactl.views.summary import verdict_line

        run = told.run
        width = 0 if self._several else max(map(len, ("saga", *told.plan.steps)))
        line = event_line(told.veil.event(told.event), run.started_at, width=width)
        lines = [f"{visible(run.id)}  {line}" if self._several else line]
        if is_at_rest(told.plan, run):
            lines.append(visible(f"{run.saga} {run.id}: {verdict_line(told.plan, run)}"))
        print_lines(lines)

    def say(self, text: str) -> None:
        note(text)

    def end(self, run_id: str) -> None:
        pass


class _Documents:
    """A JSON object on a line of its own for each event, or a YAML document."""

    def __init__(self, output: Format) -> None:
        self._output = output

    def tell(self, told: Told) -> None:
        if not told.is_new:
            return
        from sagactl.views.document import event_document, to_yaml

        event = event_document(told.veil.event(told.event), told.plan.saga.input_schema)
        document = {"id": told.run.id, "state": str(told.state), **event}
        if self._output is Format.JSON:
            print_lines([json.dumps(document)])
        else:
            print_lines(["---", *to_yaml(document).splitlines()])

    def say(self, text: str) -> None:
        note(text)

    def end(self, run_id: str) -> None:
        pass


class _Tables:
    """A table for each saga on a terminal."""

    def __init__(self, view: "LiveMany") -> None:
        self._view = view

    def tell(self, told: Told) -> None:
        self._view.watch(told.event, told.run, told.plan)

    def say(self, text: str) -> None:
        self._view.say(text)

    def end(self, run_id: str) -> None:
        self._view.end(run_id)
