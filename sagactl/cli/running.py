"""What run does, and how a run is gone on with."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sagactl.cli.attempt_log import AttemptLog
from sagactl.cli.beginning import (
    Begin,
    checked_faults,
    existing_run,
    parse_tags,
    resumed_events,
    run_id_of,
)
from sagactl.cli.exit import Exit
from sagactl.cli.form import Format
from sagactl.cli.input import example_input, fitting_input, gather_input
from sagactl.cli.loading import load_definition
from sagactl.cli.performance import BY_STATE, Ending, Stage, perform
from sagactl.cli.printing import note, print_endings, watching
from sagactl.cli.refusal import Refused
from sagactl.cli.secret import read_env, read_secrets
from sagactl.cli.state_file import Kept, StateFiles, read_run
from sagactl.definition.model import Saga
from sagactl.engine.clock import SystemClock
from sagactl.machine.event import Event
from sagactl.machine.outstanding import orphan_ends
from sagactl.machine.plan import make_plan
from sagactl.machine.run import apply
from sagactl.machine.state import ENDED, saga_state
from sagactl.source.node import Json

if TYPE_CHECKING:
    from sagactl.cli.redefining import Redefinition

# Clocks of two machines, or of one before and after it asked for the time, differ by less.
TOLD_BEHIND_S = 5.0


@dataclass(frozen=True)
class Wish:
    """What an operator asked for, for every run it concerns."""

    files: StateFiles
    fail: list[str]
    secrets_file: Path | None
    waits: bool
    log: AttemptLog

    def open(self, kept: Kept, other: "Redefinition | None" = None) -> "_Opened":
        return _Opened(self, kept, other)


class _Opened:
    """A kept run held by this process, read again now that nobody else can move it."""

    def __init__(self, wish: Wish, kept: Kept, other: "Redefinition | None") -> None:
        self._wish = wish
        self._saga = kept.plan.saga if other is None else other.saga
        self._kept = kept

    def __enter__(self) -> tuple[Kept, Stage]:
        kept, wish = self._kept, self._wish
        if wish.fail and not kept.sandbox:
            raise Refused("--fail goes with a sandboxed saga; this one is real")
        secrets = read_secrets(self._saga, wish.secrets_file, sandbox=kept.sandbox)
        faults = kept.run.faults
        if wish.fail:
            wanted = [] if wish.fail == ["none"] else wish.fail
            faults = checked_faults(self._saga, wanted, sandbox=True)
        with ExitStack() as stack:
            store = stack.enter_context(wish.files.open(sandbox=kept.sandbox, create=True))
            stack.enter_context(store.hold(kept.run.id))
            fresh = read_run(store, kept.run.id)
            self._stack = stack.pop_all()
        ledger = wish.files.ledger if kept.sandbox else None
        clock = SystemClock(fresh.run.updated_at)
        return fresh, Stage(store, secrets, wish.waits, clock, ledger, faults, wish.log)

    def __exit__(self, *exception: object) -> None:
        self._stack.close()


@dataclass(frozen=True)
class Start:
    """What sagas are to begin with: the definition, and how it is to be run."""

    file: Path
    fail: list[str]
    tags: list[str]
    secrets_file: Path | None
    files: StateFiles
    sandbox: bool
    waits: bool
    log: AttemptLog
    fail_file: Path | None = None

    def prepare(self) -> tuple[Begin, dict[str, str]]:
        """What every run begins with, and the secrets; all that is wrong is told before."""
        saga = load_definition(self.file)
        faults = checked_faults(saga, self.fail, sandbox=self.sandbox, file=self.fail_file)
        played = _staged(saga) if self.sandbox else saga
        env = read_env(played)
        secrets = read_secrets(saga, self.secrets_file, sandbox=self.sandbox)
        tags = parse_tags(self.tags)
        return Begin(saga, make_plan(played), env, tags, faults, self.sandbox), secrets

    @contextmanager
    def stage(self, begin: Begin, secrets: dict[str, str]) -> Iterator[Stage]:
        """The open store, and who answers."""
        with self.files.open(sandbox=self.sandbox, create=True) as store:
            ledger = self.files.ledger if self.sandbox else None
            yield Stage(
                store,
                secrets,
                waits=self.waits,
                ledger=ledger,
                faults=begin.faults,
                log=self.log,
            )


def run(
    start: Start, inputs: list[str], input_file: str | None, run_id: str | None, output: Format
) -> Exit:
    """Run a saga to its end, or go on with the one that has its ID already."""
    begin, secrets = start.prepare()
    given = _given(begin.saga, inputs, input_file, sandbox=start.sandbox)
    name = run_id_of(begin.saga, run_id, given, begin.env)
    with start.stage(begin, secrets) as stage, stage.store.hold(name):
        started = begin.event(name, given, stage.clock.now())
        kept = existing_run(stage.store, started)
        if kept is None:
            plan = begin.plan
            with watching(plan, stage.clock) as watcher:
                ending = perform(plan, None, [started], stage, watcher)
        else:
            stage.clock = SystemClock(kept.run.updated_at)
            plan, ending = kept.plan, go_on(kept, stage, [])
        print_endings([(plan, ending)], start.files, output)
    return ending.exit


def run_batch(start: Start, batch: str, id_from: str | None, concurrency: int) -> Exit:
    """Run a saga for each line of a file, or go on with those that were begun before."""
    from sagactl.cli.batch import perform_batch, read_batch
    from sagactl.views.progress import progressing

    begin, secrets = start.prepare()
    items = read_batch(begin.saga, batch, id_from, begin.env)
    with (
        start.stage(begin, secrets) as stage,
        progressing(len(items), sys.stderr) as progress,
    ):
        return perform_batch(begin, items, stage, concurrency, progress)


def go_on(
    kept: Kept,
    stage: Stage,
    wanted: list[Event],
    deadline_at: float | None = None,
    *,
    first: Sequence[Event] = (),
) -> Ending:
    """Drive a kept run further; where it has ended and nothing is wanted, it is only shown."""
    state = saga_state(kept.plan, kept.run)
    if state in ENDED and not wanted:
        return Ending(kept.run, BY_STATE[state], moved=False)
    if not first:
        _tell_changed(kept)
    if stage.clock.behind_s > TOLD_BEHIND_S:
        note(
            f"the clock is {stage.clock.behind_s:.0f}s behind the saga's last event: for this saga "
            "time goes on from there"
        )
    now = stage.clock.now()
    opening = [*first, *resumed_events(kept.run, now, deadline_at), *wanted]
    _tell_next(kept, opening, now)
    with watching(kept.plan, stage.clock) as watcher:
        return perform(kept.plan, kept.run, opening, stage, watcher)


def _tell_next(kept: Kept, opening: list[Event], now: float) -> None:
    """What is about to be done, before it is done."""
    from sagactl.views.veil import veil_of
    from sagactl.views.way import then

    run = kept.run
    for event in [*opening, *orphan_ends(kept.plan, run, now)]:
        run = apply(run, event)
    said = then(kept.plan, run, now, veil_of(kept.plan, run))
    note(f"saga {run.id} goes on: {said}")


def _given(saga: Saga, pairs: list[str], file: str | None, *, sandbox: bool) -> Json:
    if sandbox and not pairs and file is None:
        example = example_input(saga)
        if example is not None:
            note("no input given: the definition's example is used")
            return fitting_input(saga, example)
    return gather_input(saga, pairs, file)


def _staged(saga: Saga) -> Saga:
    from sagactl.rehearsal.stage import staged

    return staged(saga)


def _tell_changed(kept: Kept) -> None:
    for name, kept_text in {
        kept.run.definition.name: kept.run.definition.text,
        **kept.run.children,
    }.items():
        try:
            text = Path(name).read_bytes()
        except OSError:
            continue
        if text != kept_text.encode():
            note(f"{name} has changed since; the saga goes on with the definition it began with")
