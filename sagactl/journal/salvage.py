"""What is whole in a damaged state, in a state of its own; the damaged one stays as it is.

A saga is saved with all of its events or not at all: half a history would send again what was sent,
or forget what is to be undone. Nor is one saved that may have gone on where nothing can be read.
One that had ended is, and told: hardly any goes on, but it may have been compensated or removed.
What stands in tables that are not ours is left behind.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sagactl.journal import disk
from sagactl.journal.compaction import begin_log
from sagactl.journal.document import document_line, text_of, uncollected
from sagactl.journal.lock import Turn
from sagactl.journal.packing import Packing
from sagactl.journal.refusal import StoreRefused, refusing
from sagactl.journal.survey import Survey, surveyed
from sagactl.journal.trail import Account
from sagactl.journal.volume import log_path
from sagactl.journal.writer import Writer
from sagactl.machine.state import ENDED


@dataclass
class Salvage:
    """What came into the state at `path`, and what did not, and why."""

    path: Path
    saved: list[str] = field(default_factory=list)
    doubts: dict[str, str] = field(default_factory=dict)  # of some that are saved, and had ended
    lost: dict[str, str] = field(default_factory=dict)
    has_others: bool = False  # tables that are not ours, which are left behind


def salvage(path: Path, new: Path) -> Salvage:
    """Write every whole saga of the state at `path` into one at `new`.

    Raises StoreRefused where there is something at `new`, or where nothing can be read or written.
    """
    result = Salvage(new)
    writer = Writer(new, create=True, allow_network=True)  # nobody else uses it yet
    writer.prepare()
    turn = Turn(new.with_name(f"{new.name}.lock"))
    try:
        with turn.taken(), surveyed(path) as survey, uncollected():
            with refusing(new):
                for each in (new, log_path(new)):
                    if disk.stamp(each) is not None:
                        raise StoreRefused(each, "it is there already, and is not written over")
            accounts = list(_whole(survey, result))
            with refusing(new):
                disk.write_temporary(new, lambda fd: _fill(Packing(fd), survey, accounts))
            # The log first, as in the making of any state.
            begin_log(new, survey.next_id)
            with refusing(new):
                disk.put_in_place(new)
            result.has_others = survey.has_others
    finally:
        turn.close()
        writer.close()
    return result


def _whole(survey: Survey, result: Salvage) -> Iterator[Account]:
    named = {run_id for damage in survey.damages for run_id in damage.runs}
    for account in survey.accounts():
        named.discard(account.run_id)
        why = account.flaw or survey.mistake(account)
        doubt = "" if why else survey.doubt(account)
        if why or (doubt and account.state not in ENDED):
            result.lost[account.run_id] = why or doubt
            continue
        if doubt:
            result.doubts[account.run_id] = doubt
        result.saved.append(account.run_id)
        yield account
    for run_id in sorted(filter(survey.is_lost, named)):
        result.lost[run_id] = "nothing of it can be read"


def _fill(packing: Packing, survey: Survey, accounts: list[Account]) -> None:
    spans = [
        packing.events(document_line(*event) for event in survey.texts(account))
        for account in accounts
    ]
    packing.begin_runs()
    for account, span in zip(accounts, spans, strict=True):
        assert account.summary is not None
        document = survey.document(account)
        run = {"run_id": account.run_id, **document}
        run.pop("span", None)
        packing.run(account.summary[0], text_of(run), span)
    packing.finish({}, survey.next_id)
