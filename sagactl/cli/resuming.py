"""What resume and compensate do: they go on with sagas that stand somewhere."""

import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sagactl.cli.beginning import operator
from sagactl.cli.exit import Exit, worst
from sagactl.cli.form import Format
from sagactl.cli.intervening import known_step
from sagactl.cli.performance import Ending, Stage, pause
from sagactl.cli.printing import note, print_endings, print_lines, print_value
from sagactl.cli.refusal import Refused
from sagactl.cli.running import Wish, go_on
from sagactl.cli.secret import read_env, read_secrets
from sagactl.cli.state_file import Kept, StateFiles, find_run, read_run
from sagactl.definition.duration import parse_duration
from sagactl.definition.loader import DefinitionRejected
from sagactl.journal.refusal import RunHeld
from sagactl.machine.effect import undo_order
from sagactl.machine.event import CompensationRequested, Event
from sagactl.machine.objection import (
    compensate_objections,
    reopen_objections,
    reopened_steps,
    resume_objections,
)
from sagactl.machine.outstanding import deadline
from sagactl.machine.plan import Plan
from sagactl.machine.request import rfc3339
from sagactl.machine.state import ENDED, SagaState, is_backwards, saga_state
from sagactl.source.node import Json

if TYPE_CHECKING:
    from sagactl.cli.redefining import Redefinition


@dataclass(frozen=True)
class Going:
    """How sagas are to be gone on with: with more time, from other steps, by another definition."""

    extend_s: float | None = None
    again: tuple[str, ...] = ()  # `--from`
    other: "Redefinition | None" = None
    reason: str = ""

    @property
    def is_special(self) -> bool:
        return bool(self.again) or self.other is not None


def going(extend: str | None, again: list[str], definition: Path | None, reason: str) -> Going:
    """What the options of that name ask for; raises Refused, or Invalid for the definition."""
    other = None
    if definition is not None:
        from sagactl.cli.redefining import redefinition

        other = redefinition(definition)
    extend_s = None if extend is None else _duration(extend)
    return Going(extend_s, tuple(again), other, reason)


def resume(
    ids: list[str],
    wish: Wish,
    going: Going,
    output: Format,
    *,
    every: bool,
    rate: str | None,
) -> Exit:
    """Go on with the sagas named, or with every one that has not ended."""
    files = wish.files
    interval_s = 0.0 if rate is None else parse_rate(rate)
    if every and (going.is_special or ids):
        raise Refused("--all goes without IDs, --from and --definition: those are for one saga")
    named = _every(files) if every else [find_run(files, prefix) for prefix in ids]
    found = list({(kept.sandbox, kept.run.id): kept for kept in named}.values())
    if not found and not every:
        raise Refused("resume takes the ID of a saga, or --all")
    if len(found) > 1 and going.again:
        raise Refused("--from is for one saga at a time")
    if not found:
        note("no saga waits to go on")
        return Exit.OK
    endings, exits = _resume_each(found, wish, going, interval_s)
    print_endings(endings, files, output)
    return worst(exits)


def _resume_each(
    found: list[Kept], wish: Wish, going: Going, interval_s: float
) -> tuple[list[tuple[Plan, Ending]], list[Exit]]:
    """One after the other; of several, one that cannot be had keeps no other from going on."""
    endings: list[tuple[Plan, Ending]] = []
    exits: list[Exit] = []
    for number, kept in enumerate(found):
        began = time.monotonic()
        try:
            plan, ending = _resume_one(kept, wish, going)
        except (Refused, RunHeld, DefinitionRejected) as error:
            if len(found) == 1:
                raise
            exits.append(_tell_left_out(kept, error))
            continue
        endings.append((plan, ending))
        exits.append(ending.exit)
        stopped = ending.signal
        left_s = began + interval_s - time.monotonic()
        if stopped is None and number + 1 < len(found) and left_s > 0:
            stopped = pause(left_s, _Notes())
        if stopped is not None and number + 1 < len(found):
            more = len(found) - number - 1
            note("1 more was not begun" if more == 1 else f"{more} more were not begun")
            exits.append(stopped)
            break
    return endings, exits


def _resume_one(kept: Kept, wish: Wish, going: Going) -> tuple[Plan, Ending]:
    with wish.open(kept, going.other) as (fresh, stage):
        objections = resume_objections(fresh.run)
        if objections:
            raise Refused(*objections)
        now = stage.clock.now()
        deadline_at = None if going.extend_s is None else now + going.extend_s
        first: list[Event] = []
        if going.other is not None:
            if saga_state(fresh.plan, fresh.run) in ENDED and not going.again:
                raise Refused(f"saga {fresh.run.id} has ended: no definition moves it any more")
            replaced = going.other.event(fresh, going.reason, now)
            first = [] if replaced is None else [replaced]
            fresh = replace(fresh, plan=going.other.plan(fresh))
        wanted = _reopened(fresh, going, now, deadline_at)
        _tell_deadline(fresh, stage, deadline_at)
        return fresh.plan, go_on(fresh, stage, wanted, deadline_at, first=first)


def _reopened(kept: Kept, going: Going, now: float, deadline_at: float | None) -> list[Event]:
    """What turns the saga forwards again; Refused where that is not sound."""
    for name in going.again:
        known_step(kept.plan, kept.run, name)
    if going.again:
        wrong = reopen_objections(kept.plan, kept.run, going.again, now, deadline_at)
        if wrong:
            head = f"saga {kept.run.id} cannot go forwards again:"
            raise Refused(head, *(f"  {line}" for line in wrong), "nothing was sent")
    if not going.again:
        return []
    return [
        *reopened_steps(kept.plan, kept.run, going.again, now, operator(), going.reason),
    ]


def _tell_left_out(kept: Kept, error: Exception) -> Exit:
    from sagactl.cli.ending import exit_of

    note(f"saga {kept.run.id} is left as it is:")
    return exit_of(error)


class _Notes:
    """Tells what a signal did, where no saga is watched."""

    def say(self, text: str) -> None:
        note(text)


def compare(ids: list[str], wish: Wish, going: Going, output: Format) -> Exit:
    """Tell whether sagas may go on with another definition; exit 2 where one may not."""
    from sagactl.views.change import change_document, change_lines

    other = going.other
    if other is None:
        raise Refused("--dry-run goes with --definition: it tells whether that fits")
    documents: list[Json] = []
    for kept in [find_run(wish.files, prefix) for prefix in ids]:
        verdict = other.verdict(kept)
        read_env(other.plan(kept).saga, kept.run.env)
        read_secrets(other.saga, wish.secrets_file, sandbox=kept.sandbox)
        documents.append({"id": kept.run.id, **change_document(verdict)})
        if output is Format.TABLE:
            fits = "fits" if verdict.is_sound else "does not fit"
            head = f"{other.saga.source.name} {fits} saga {kept.run.id}"
            print_lines([head, *change_lines(verdict)])
    if not documents:
        raise Refused("--dry-run compares a definition with a saga: it takes an ID")
    if output is not Format.TABLE:
        print_value(documents[0] if len(documents) == 1 else documents, output)
    return Exit.OK if all(document["sound"] for document in documents) else Exit.USAGE


def parse_rate(text: str) -> float:
    """The seconds between two begins; Refused for what is no rate."""
    found = re.fullmatch(r"(\d{1,6})/([smh])", text)
    if found is None or not int(found[1]):
        raise Refused(f'--rate takes a number per second, minute or hour, as 5/s, not "{text}"')
    return {"s": 1.0, "m": 60.0, "h": 3600.0}[found[2]] / int(found[1])


def compensate(run_id: str, reason: str, wish: Wish, output: Format) -> Exit:
    """Stop going forwards and undo what was done."""
    with wish.open(find_run(wish.files, run_id)) as (kept, stage):
        objections = compensate_objections(kept.plan, kept.run)
        if objections:
            raise Refused(*objections, "nothing was sent")
        wanted: list[Event] = []
        if not is_backwards(kept.plan, kept.run):
            order = ", ".join(f'"{name}"' for name in undo_order(kept.plan, kept.run))
            note(f"saga {kept.run.id} turns back; undone, in this order: {order or 'nothing'}")
            wanted.append(
                CompensationRequested(at=stage.clock.now(), operator=operator(), reason=reason)
            )
        ending = go_on(kept, stage, wanted)
        print_endings([(kept.plan, ending)], wish.files, output)
    return ending.exit


def _every(files: StateFiles) -> list[Kept]:
    with files.open(sandbox=False) as store:
        unfinished = [s.run_id for s in store.summaries() if SagaState(s.state) not in ENDED]
        return [read_run(store, run_id) for run_id in reversed(unfinished)]


def _duration(text: str) -> float:
    seconds = parse_duration(text)
    if seconds is None:
        raise Refused(f'--extend takes a duration such as 30m or 1h, not "{text}"')
    return seconds


def _tell_deadline(kept: Kept, stage: Stage, extended: float | None) -> None:
    deadline_at = extended or deadline(kept.plan, kept.run)
    if deadline_at is None or deadline_at > stage.clock.now():
        return
    if saga_state(kept.plan, kept.run) in ENDED or is_backwards(kept.plan, kept.run):
        return
    note(
        f"the saga's time was up at {rfc3339(deadline_at)}: it is compensated now "
        "(--extend 1h would have given it more)"
    )
