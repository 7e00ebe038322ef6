"""All that is sound in a state and its log, run by run, and every place that is not.

Where a `volume` stops at the first damage a survey goes on: whoever is to be told everything, or to
save what is whole, comes here. It takes no lock and changes nothing.

A run is whole where its events stand in order, 1 to n, as many as its last summary counts. That
summary is its last word only if none may have stood in bytes that are lost: a run that was not
heard of behind them is in doubt.
"""

import math
import mmap
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from sagactl.journal import disk
from sagactl.journal.codec import build, decode
from sagactl.journal.document import Document, parse_document, uncollected
from sagactl.journal.finding import Damage, Found
from sagactl.journal.line import REMOVED, decode_line
from sagactl.journal.log_index import run_of
from sagactl.journal.log_scan import LogScan
from sagactl.journal.loose import OURS, UNCHECKED
from sagactl.journal.refusal import StateDamaged, refusing
from sagactl.journal.state_scan import Content, StateScan, scan_state
from sagactl.journal.store import Summary
from sagactl.journal.trail import Account, Spot, Stretch, Trail, event_of
from sagactl.journal.volume import FIRST_POSITION, log_path
from sagactl.machine.event import Event, RunStarted
from sagactl.machine.moves import IllegalMove
from sagactl.machine.run import replay


class Survey:
    """The state at `path` as it was found; made by `surveyed`."""

    def __init__(self, path: Path, state: StateScan | None, log: LogScan | None) -> None:
        self.path = path
        self.log_path = log_path(path)
        self.format = None if state is None else state.format
        self.damages: list[Damage] = []
        self.torn_at: int | None = None
        self.next_id = FIRST_POSITION  # a document id that nobody was given
        self.has_others = False
        self._state = state
        self._log = log
        self._trails: dict[str, Trail] = {}
        self._removed: dict[tuple[bytes, int], int] = {}
        self._gaps = [] if log is None else log.gaps
        self._lost: list[tuple[float, str]] = []  # up to where something may be hidden, and where
        self._collect()

    def accounts(self) -> Iterator[Account]:
        """Every run that was not removed, in the order in which they began.

        Once: what is wrong with a run whose every line is sound comes to `damages` on the way.
        """
        named = {run_id for damage in self.damages for run_id in damage.runs}
        ages = [(trail.age, run_id) for run_id, trail in self._trails.items()]
        for _, run_id in sorted(ages):
            account = self._account(run_id, self._trails[run_id])
            if account is not None:
                if run_id not in named:
                    self._check(account)
                yield account

    def is_lost(self, run_id: str) -> bool:
        """Whether a run that is named in what is damaged, and is no account, was not removed."""
        trail = self._trails.get(run_id)
        if trail is None:
            return True
        removed_at = self._removed.get((b"runs", max(trail.summaries, default=0)), 0)
        return any(gap.begins > removed_at for gap in self._gaps if run_id in gap.names)

    def doubt(self, account: Account) -> str:
        """Why nobody knows whether a whole run has gone on since; empty where it has not."""
        assert account.summary is not None
        as_of = account.summary[1].as_of
        where = next((where for ends, where in self._lost if ends > as_of + 1), None)
        return "" if where is None else f"what it did last may have stood in what is lost: {where}"

    def document(self, account: Account) -> Document:
        """A run's last summary."""
        assert account.summary is not None
        return parse_document(self._text(account.summary[1]))

    def texts(self, account: Account) -> list[tuple[int, bytes]]:
        """A run's events with their ids."""
        events = account.events
        if events is None:
            events = list(self._expanded(self._trails[account.run_id].stretches))
        return [(doc_id, self._text(spot)) for doc_id, spot in events]

    def mistake(self, account: Account) -> str:
        """Why the documents of a whole run, which are sound, make no run; empty where they do."""
        summary = self.document(account)
        values = {key: value for key, value in summary.items() if key not in ("events", "span")}
        events: list[Event] = []
        try:
            build(Summary, values, self.path, "its summary")
            for doc_id, text in self.texts(account):
                where = f'document {doc_id} of table "events"'
                events.append(decode(parse_document(text).get("event"), self.path, where))
            first = events[0]
            if isinstance(first, RunStarted) and first.run_id != account.run_id:
                return f'it begins as "{first.run_id}"'
            replay(events)
        except StateDamaged as refusal:
            return refusal.reason
        except (IllegalMove, ValueError) as error:
            return str(error)
        return ""

    def _collect(self) -> None:
        known_until = 0
        if self._state is not None:
            for found in self._state.found():
                self._take(found, is_logged=False)
            self.damages += self._state.damages
            self.format = self._state.format
            self.has_others = self._state.has_others
            if not self._state.damages:
                known_until = self._state.position or 0
        if self._log is not None:
            for found in self._log.found():
                if found.as_of >= known_until:
                    self._take(found, is_logged=True)
            self.damages += self._log.damages
            self.torn_at = self._log.torn_at
            self._lost += [
                (gap.ends, f'"{self.log_path.name}" at offset {gap.offset}')
                for gap in self._gaps
                if gap.hides
            ]
        self._compare()

    def _take(self, found: Found, *, is_logged: bool) -> None:
        table, doc_id, text, as_of, offset, size = found
        self.next_id = max(self.next_id, doc_id + 1, as_of + 1)
        if table not in (b"events", b"runs"):
            self.has_others |= table.decode() not in OURS
            return
        if text == REMOVED:
            self._removed[table, doc_id] = as_of
            return
        if table == b"events":
            run_id, number = event_of(text)
            trail = self._trail(run_id)
            if is_logged or self._state is None or not self._state.has_offsets:
                trail.events[doc_id] = Spot(as_of, offset, size, is_logged, number)
            else:
                trail.add(doc_id, number, offset, offset + size)
            return
        document = parse_document(text)
        count = document.get("events")
        trail = self._trail(run_of(text))
        spot = Spot(as_of, offset, size, is_logged, count if type(count) is int else 0)
        before = trail.summaries.get(doc_id)
        if before is None or before[0].as_of <= as_of:
            trail.summaries[doc_id] = spot, str(document.get("state"))
        if not is_logged and isinstance(span := document.get("span"), list):
            trail.span = span[0], span[0] + span[1]

    def _trail(self, run_id: str) -> Trail:
        trail = self._trails.get(run_id)
        if trail is None:
            trail = self._trails[run_id] = Trail()
        return trail

    def _is_gone(self, table: bytes, doc_id: int, spot: Spot) -> bool:
        return self._removed.get((table, doc_id), -1) > spot.as_of

    def _account(self, run_id: str, trail: Trail) -> Account | None:
        events: list[tuple[int, Spot]] | None
        summaries = {
            i: s for i, s in trail.summaries.items() if not self._is_gone(b"runs", i, s[0])
        }
        last = max(trail.summaries, default=0)
        if last not in summaries:
            # It was removed: what came later is of one that began again.
            events = self._events(trail, max(last, self._removed.get((b"runs", last), 0)))
            flaw = "its summary cannot be read"
            good = _unbroken(events)
            return Account(run_id, "", None, len(events), good, flaw, events) if events else None
        if trail.is_plain and not self._removed and len(summaries) == 1:
            events = None
            count = good = trail.stretches[0].last
        else:
            # It may have been removed and begun again: what is older is not its own.
            events = self._events(trail, max((i for i in trail.summaries if i < last), default=0))
            count = len(events)
            good = _unbroken(events)
        summary, state = summaries[last]
        flaw = _flaw(summary.number, good, count)
        if flaw and len(summaries) > 1:
            flaw = "it is there twice"
        return Account(run_id, state, (last, summary), count, good, flaw, events)

    def _events(self, trail: Trail, begins: int) -> list[tuple[int, Spot]]:
        """The events of a run that have higher ids."""
        events = {**dict(self._expanded(trail.stretches)), **trail.events}
        return sorted(
            (doc_id, spot)
            for doc_id, spot in events.items()
            if doc_id > begins and not self._is_gone(b"events", doc_id, spot)
        )

    def _expanded(self, stretches: Iterable[Stretch]) -> Iterator[tuple[int, Spot]]:
        assert self._state is not None or not stretches
        for stretch in stretches:
            found = self._state.between(stretch.offset, stretch.end) if self._state else ()
            for number, (_, doc_id, _, as_of, offset, size) in enumerate(found, stretch.first):
                yield doc_id, Spot(as_of, offset, size, False, number)

    def _check(self, account: Account) -> None:
        """Tell what is wrong with a run although every line of it is sound."""
        trail = self._trails[account.run_id]
        flaw = account.flaw
        if not flaw and self.format == UNCHECKED:
            flaw = self.mistake(account)
        if not flaw and trail.span is not None:
            start, stop = trail.span
            if not all(start <= part.offset <= part.end <= stop for part in trail.stretches):
                flaw = "its events stand among those of another run"
        if flaw and account.summary is not None:
            self._tell(account.summary[1], f'run "{account.run_id}"', flaw, (account.run_id,))
        elif flaw and account.events:
            self._tell(account.events[0][1], f'run "{account.run_id}"', flaw, (account.run_id,))

    def _tell(self, spot: Spot, record: str, reason: str, runs: tuple[str, ...]) -> None:
        path = self.log_path if spot.is_logged else self.path
        has_offset = spot.is_logged or (self._state is not None and self._state.has_offsets)
        offset = spot.offset if has_offset else None
        self.damages.append(Damage(path, offset, spot.size, record, reason, runs))

    def _compare(self) -> None:
        """See whether the two files belong together, and what is missing between them."""
        state, log = self._state, self._log
        if state is None:
            if log is not None and (log.begins != FIRST_POSITION or log.ends != log.begins):
                reason = f'it is missing, and its log "{self.log_path.name}" is there'
                self.damages.append(Damage(self.path, None, 0, "the file", reason))
            return
        if state.format == UNCHECKED:
            return
        name = self.log_path.name
        if log is None:
            reason = "it is missing, and with it what was kept since the last compaction"
            self.damages.append(Damage(self.log_path, None, 0, "the file", reason))
            self._lost.append((math.inf, f'"{name}" is missing'))
        elif log.begins is None or log.ends is None:
            self._lost.append((math.inf, f'"{name}" cannot be read'))
        elif state.position is not None and log.begins > state.position:
            reason = f"the state ends at {state.position}"
            record = f"its beginning (record {log.begins})"
            self.damages.append(Damage(self.log_path, 0, 0, record, reason))
            self._lost.append((log.begins, f'"{name}" begins too late'))
        elif state.position is not None and log.ends < state.position:
            reason = f"the state was made from {state.position}"
            self.damages.append(
                Damage(self.log_path, None, 0, f"its end (record {log.ends})", reason)
            )
            self._lost.append((math.inf, f'"{name}" ends too early'))

    def _text(self, spot: Spot) -> bytes:
        if not spot.is_logged:
            assert self._state is not None
            return self._state.text(spot.offset, spot.size)
        assert self._log is not None
        with refusing(self.log_path):
            line = decode_line(self._log.read(spot.offset, spot.size)[:-1], spot.as_of)
        if line is None:
            raise StateDamaged(
                self.log_path, f"offset {spot.offset}", "it changes while it is read"
            )
        return line.change.text


@contextmanager
def surveyed(path: Path) -> Iterator[Survey]:
    """A survey of the state at `path`; raises StoreRefused for what cannot be read at all."""
    with ExitStack() as stack:
        content, file = _opened_state(path, stack), _opened_log(log_path(path), stack)
        with refusing(path), uncollected():
            state = None if content is None else scan_state(path, content)
            survey = Survey(path, state, _log_scan(path, file, state))
        yield survey


def _log_scan(path: Path, file: BinaryIO | None, state: StateScan | None) -> LogScan | None:
    if file is None:
        return None
    position = None if state is None else state.position
    size = os.fstat(file.fileno()).st_size
    candidates = (position or FIRST_POSITION, FIRST_POSITION)
    return LogScan(log_path(path), file, size, candidates)


def _opened_state(path: Path, stack: ExitStack) -> Content | None:
    with refusing(path):
        try:
            fd = disk.open_file(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        stack.callback(os.close, fd)
        size = os.fstat(fd).st_size
        if size == 0:
            return b""
        return stack.enter_context(mmap.mmap(fd, size, prot=mmap.PROT_READ))


def _opened_log(path: Path, stack: ExitStack) -> BinaryIO | None:
    # Not mapped into memory: a writer may cut it off behind us.
    with refusing(path):
        try:
            fd = disk.open_file(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        return stack.enter_context(open(fd, "rb", buffering=1 << 20))


def _unbroken(events: list[tuple[int, Spot]]) -> int:
    """How many events there are up to the first one that is missing."""
    numbers = enumerate(spot.number for _, spot in events)
    return next((at for at, number in numbers if number != at + 1), len(events))


def _flaw(count: int, good: int, found: int) -> str:
    if good < max(found, count):
        return f"its event {good + 1} cannot be read"
    if count < found:
        return f"its last summary cannot be read: {found} events are there, and not {count}"
    return ""
