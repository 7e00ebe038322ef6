"""A state followed while others write it: each event once, in order, and no lock taken.

How it waits: it asks the system for the sizes and times of the two files, ten times a second, and
reads only when they are others. After a reading it rests for nine times as long as that took, so
that it never takes more than a tenth of a processor, however large the state is.

How it misses nothing and tells nothing twice: it counts the events of each run. A compaction moves
them to another file, and changes neither their number nor their order.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sagactl.cli.exit import Exit
from sagactl.cli.performance import BY_STATE
from sagactl.cli.state_file import plan_of
from sagactl.definition.loader import DefinitionRejected
from sagactl.journal.refusal import RunNotFound
from sagactl.journal.tinydb_store import Standing, TinyDBStore
from sagactl.journal.volume import Mark
from sagactl.machine import event as e
from sagactl.machine.outstanding import in_flight, outstanding
from sagactl.machine.plan import Plan
from sagactl.machine.run import Run, apply
from sagactl.machine.state import ENDED, SagaState, saga_state
from sagactl.views.veil import Veil, veil_of

POLL_S = 0.1
REST = 9


@dataclass(frozen=True, slots=True)
class Told:
    """An event with the run that it led to; `is_new` is False for one from before the beginning."""

    run: Run
    plan: Plan
    veil: Veil
    event: e.Event
    is_new: bool = True

    @property
    def state(self) -> SagaState:
        return saga_state(self.plan, self.run)


@dataclass(slots=True)
class _Followed:
    """A run as far as it was told. What has come to rest keeps no more than its last event."""

    count: int = 0
    last: e.Event | None = None  # None: it was never read
    told: Told | None = None

    def is_continued_by(self, events: Sequence[e.Event]) -> bool:
        """Whether what was told is still there: a commit that the disk refused is taken back."""
        if len(events) < self.count:
            return False
        return self.last is None or events[self.count - 1] == self.last


class Following:
    """One state; `only` these runs, told from their beginning, or all, told from now on."""

    def __init__(self, store: TinyDBStore, only: Collection[str] | None) -> None:
        self.remarks: list[str] = []  # what else there is to say since the last look
        self.exits: dict[str, Exit] = {}  # of runs that are at rest
        self._store = store
        self._only = only
        self._stamps: object = None
        self._mark: Mark | None = None
        self._standing: dict[str, Standing] = {}
        self._runs: dict[str, _Followed] = {}
        self._is_first = True

    def has_changed(self) -> bool:
        """Whether there may be something to look at."""
        return self._store.stamps() != self._stamps

    def look(self) -> list[Told]:
        """Everything that was added since; raises StoreRefused, and RunNotFound for one of `only`.

        At first, of all runs those under way are told, as they came to be there.
        """
        self._stamps = self._store.stamps()  # before the reading: what comes meanwhile is for later
        moved, self._mark = self._store.moved(self._mark)
        told: list[Told] = []
        for run_id, standing in moved.items():
            is_wanted = self._only is None or run_id in self._only
            if is_wanted and self._standing.get(run_id) != standing:
                told.extend(self._look_at(run_id, standing))
                self._standing[run_id] = standing
        for run_id in self._only or ():
            if run_id not in self._runs:
                raise RunNotFound(run_id)
        self._is_first = False
        # Between runs the clock decides; a run's own order is kept, for its times never go back.
        return sorted(told, key=lambda each: each.event.at)

    def is_over(self) -> bool:
        """Whether every run of `only` is at rest."""
        return self._only is not None and all(run_id in self.exits for run_id in self._only)

    def _look_at(self, run_id: str, standing: Standing) -> Iterator[Told]:
        is_old = self._is_first and self._only is None
        if is_old and standing.state in (*ENDED, SagaState.STUCK):
            self._runs[run_id] = _Followed(standing.events)
            return
        try:
            events = self._store.read(run_id)
        except RunNotFound:  # pruned, right now
            return
        followed = self._runs.setdefault(run_id, _Followed())
        if not followed.is_continued_by(events):
            self.remarks.append(f"saga {run_id} was taken back or removed: it is told anew")
            followed = self._runs[run_id] = _Followed()
        try:
            yield from _added(followed, events, is_old=is_old)
        except DefinitionRejected as error:
            if self._only is not None:
                raise
            self.remarks.append(f"saga {run_id} is passed over: {error.problems[0].message}")
            return
        self._rest(followed)

    def _rest(self, followed: _Followed) -> None:
        told = followed.told
        assert told is not None  # there was an event
        if is_at_rest(told.plan, told.run):
            self.exits[told.run.id] = BY_STATE[told.state]
            followed.told = None
        else:
            self.exits.pop(told.run.id, None)


def is_at_rest(plan: Plan, run: Run) -> bool:
    """Whether a run has ended, or is stuck and nothing else of it goes on."""
    state = saga_state(plan, run)
    if state is SagaState.STUCK:
        return not in_flight(run) and not outstanding(plan, run)
    return state in ENDED


def _added(followed: _Followed, events: Sequence[e.Event], *, is_old: bool) -> Iterator[Told]:
    """The events that are new; where the run was laid aside, it is replayed in silence."""
    told, first = followed.told, followed.count
    run, veil = (None, None) if told is None else (told.run, told.veil)
    for number, event in enumerate(events):
        if told is not None and number < first:
            continue
        run = apply(run, event)
        plan = plan_of(run)
        if veil is None or isinstance(event, e.ChildBegan):
            veil = veil_of(plan, run)
        followed.told = Told(run, plan, veil, event, is_new=not is_old)
        if number >= first:
            yield followed.told
    followed.count, followed.last = len(events), events[-1]


def await_change(followings: Sequence[Following], looked_s: float) -> None:
    """Wait until a state may have changed; `looked_s` is how long the last reading took."""
    time.sleep(max(POLL_S, REST * looked_s))
    while not any(following.has_changed() for following in followings):
        time.sleep(POLL_S)
