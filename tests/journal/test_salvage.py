"""What a survey tells of a damaged state, and what is saved of it: the last word, or none.

A campaign damages states in every way that their files allow. The oracle is what was written, by
the commit at which the log ends: nothing else may be saved, and whatever is not is told.
"""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
from journal.samples import began, begun, passed, started, story, succeeded
from tinydb import TinyDB

from sagactl.journal.compaction import compact, create
from sagactl.journal.inspection import Inspection, inspect
from sagactl.journal.salvage import Salvage, salvage
from sagactl.journal.store import Append, RunNotFound, StoreRefused, Summary
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.journal.tinydb_table import JournalDB
from sagactl.journal.volume import log_path
from sagactl.machine.event import Event, RunStarted
from sagactl.machine.state import ENDED

GOLDEN = Path(__file__).parent / "golden"
STATE, LOG = "state.json", "state.json.log"
SECTOR = 512

Sagas = dict[str, tuple[tuple[Event, ...], Summary]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power is cut here."""
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda fd: None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".sagactl" / STATE


# --- States to damage


@dataclass(frozen=True)
class Sample:
    """A state, and which sagas it held after each commit, by the length of its log."""

    path: Path
    files: dict[str, bytes]
    after: dict[int, Sagas]

    @property
    def sagas(self) -> Sagas:
        return self.after[max(self.after)]

    @property
    def is_checked(self) -> bool:
        return LOG in self.files

    def is_of(self, run_id: str, events: tuple[Event, ...]) -> bool:
        """Whether a saga was ever like this."""
        return any(sagas.get(run_id, ((), None))[0] == events for sagas in self.after.values())


def read(path: Path) -> Sagas:
    store = TinyDBStore(path, create=False)
    sagas = {one.run_id: (store.read(one.run_id), one) for one in store.summaries()}
    store.close()
    return sagas


def small(run_id: str, **fields: object) -> RunStarted:
    """A beginning of few bytes, of which a sector has several."""
    bare = replace(started(run_id), definition="", definition_name="", digest="", sagactl="")
    return replace(bare, input={}, env={}, **fields)


def both(path: Path) -> Iterator[object]:
    """Sagas in the state, in its log, and in both."""
    store = begun(path, "s-waits", "both-waits")
    store.append("both-ends", [small("both-ends", tags={"team": "blue"})], "started")
    store.append("s-ends", story("s-ends"), "completed")
    store.append_all(
        [Append(name, [small(name)], "completed") for name in ("gone", "again", "ü/1")]
    )
    with JournalDB(path) as db:
        db.table("notes").insert({"who": "somebody"})
    compact(path)
    yield
    yield from logged(store)
    yield store.append("both-ends", [passed(7.0), began(), succeeded()], "completed")
    yield store.append("both-waits", [passed(8.0)], "pending")
    yield store.append("ü/1", [passed(9.0)], "compensating")
    yield store.remove(["gone"])
    yield store.remove(["again"])
    yield store.append("again", [small("again"), passed(3.0)], "pending")
    yield store.append("l-ends", [passed(11.0)], "failed")
    store.close()


def logged(store: TinyDBStore) -> Iterator[object]:
    yield store.append("l-waits", [small("l-waits", tags={"team": "red"}), passed(1.0)], "pending")
    yield store.append("l-ends", story("l-ends"), "pending")
    together = [Append(name, [small(name)], "started") for name in ("c-1", "c-2", "c-3")]
    yield store.append_all(together)
    again = [Append(name, [passed(4.0)], "pending") for name in ("c-1", "c-2", "c-3")]
    yield store.append_all(again)


def log_alone(path: Path) -> Iterator[object]:
    path.parent.mkdir(parents=True)
    create(path)
    yield
    yield (store := begun(path, "first"))
    yield from logged(store)
    yield store.append("first", [passed(4.0)], "completed")
    store.close()


def state_alone(path: Path) -> Iterator[object]:
    for _ in both(path):
        pass
    compact(path)
    yield


def rewritten(path: Path) -> Iterator[object]:
    """In the layout of the stock TinyDB."""
    for _ in state_alone(path):
        pass
    with TinyDB(path) as db:
        db.table("notes").insert({"who": "somebody else"})
    yield
    store = TinyDBStore(path, create=False)
    yield store.append("s-waits", [passed(12.0)], "completed")
    yield from (store.append(name, [passed(13.0)], "pending") for name in ("c-1", "c-3"))
    store.close()


def oldest(path: Path) -> Iterator[object]:
    """In the first format, which had neither a log nor checksums."""
    path.parent.mkdir(parents=True)
    shutil.copy(GOLDEN / "format-1.json", path)
    yield


SAMPLES = [both, log_alone, state_alone, rewritten, oldest]


def sample(path: Path, make: Callable[[Path], Iterator[object]]) -> Sample:
    after = {}
    for _ in make(path):
        log = log_path(path)
        after[log.stat().st_size if log.exists() else 0] = read(path)
    files = {
        name: path.with_name(name).read_bytes()
        for name in (STATE, LOG)
        if path.with_name(name).exists()
    }
    return Sample(path, files, after)


# --- Damage


def damages(whole: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """A file in every way in which it can be damaged at one place."""
    for at in range(len(whole)):
        yield f"cut at {at}", whole[:at]
        flipped = whole[at] ^ 1 << chance.randrange(8)
        yield f"a bit of {at}", whole[:at] + bytes([flipped]) + whole[at + 1 :]
    for at in range(0, len(whole), SECTOR):
        size = min(SECTOR, len(whole) - at)
        for name, lost in (("zeros", bytes(size)), ("garbage", chance.randbytes(size))):
            yield f"{name} at {at}", whole[:at] + lost + whole[at + size :]
        stale = whole[: at // 2][:size]
        yield f"others' bytes at {at}", whole[:at] + stale + whole[at + len(stale) :]
    lines = whole.splitlines(keepends=True)
    for at, line in enumerate(lines):
        yield f"line {at} gone", b"".join(lines[:at] + lines[at + 1 :])
        yield f"lines {at} and {at + 1} gone", b"".join(lines[:at] + lines[at + 2 :])
        yield f"line {at} twice", b"".join([*lines[:at], line, *lines[at:]])
        for other in range(at):
            swapped = [*lines[:other], line, *lines[other + 1 : at], lines[other], *lines[at + 1 :]]
            yield f"lines {other} and {at} swapped", b"".join(swapped)


def cases(state: Sample, seed: int, share: float) -> Iterator[tuple[str, str, bytes]]:
    chance = random.Random(seed)
    for name, whole in state.files.items():
        for how, damage in damages(whole, chance):
            if damage != whole and chance.random() < share:
                yield name, how, damage


# --- What is demanded of each


def files(path: Path) -> dict[str, bytes]:
    return {child.name: child.read_bytes() for child in path.parent.iterdir() if child.is_file()}


def is_refused(path: Path, run_ids: set[str]) -> bool:
    """Whether anything that can be asked of the state is."""
    store = TinyDBStore(path, create=False)
    try:
        names = run_ids | {one.run_id for one in store.summaries()}
        for name in names:
            with suppress(RunNotFound):
                store.read(name)
        with JournalDB(path) as db:
            db.table("notes").all()
    except StoreRefused:
        return True
    finally:
        store.close()
    return False


def saved_from(path: Path) -> tuple[Inspection, Salvage | None]:
    """What is told and saved; the state is as before, and what is saved is a state."""
    before = files(path)
    found = inspect(path)
    new = path.parent.parent / "saved" / "new.json"
    try:
        saved = salvage(path, new)
    except StoreRefused:
        saved = None
    assert files(path) == before
    return found, saved


def demand_truth(state: Sample, case: str) -> None:
    found, saved = saved_from(state.path)
    if is_refused(state.path, set(state.sagas)):
        assert not found.is_sound, case
    elif not found.is_sound and state.is_checked:  # it is nothing of which an answer is made
        assert read(state.path) == state.sagas, (case, found.damages)
    new = state.path.parent.parent / "saved" / "new.json"
    if saved is None:
        assert found.refusal, case
        assert not new.exists(), case
        return
    sagas = read(new)
    assert inspect(new).is_sound, case
    assert set(sagas) == set(saved.saved), case
    assert not set(saved.saved) & set(saved.lost), case
    assert set(saved.doubts) <= set(saved.saved), case
    assert all([*saved.lost.values(), *saved.doubts.values()]), case
    with TinyDB(new) as db:
        assert {run["run_id"] for run in db.table("runs")} == set(sagas), case
        assert len(db.table("events")) == sum(len(events) for events, _ in sagas.values()), case
    truth = state.after.get(found.torn[0] if found.torn else found.log_size, state.sagas)
    if found.is_sound and state.is_checked:
        assert sagas == truth, case
        assert not saved.lost, case
        assert not saved.doubts, case
    elif state.is_checked:
        demand_last_words(state, truth, sagas, saved, case)
    rest = set(truth) - set(saved.saved) - set(saved.lost)
    content = b"".join(file.read_bytes() for file in state.path.parent.glob(f"{STATE}*"))
    for run_id in rest:
        assert json.dumps(run_id).encode() not in content, (case, run_id)
    shutil.rmtree(new.parent)


def demand_last_words(state: Sample, truth: Sagas, sagas: Sagas, saved: Salvage, case: str) -> None:
    for run_id, saga in sagas.items():
        if run_id in saved.doubts:
            assert saga[1].state in ENDED, (case, run_id)
            assert any(saga == then.get(run_id) for then in state.after.values()), (case, run_id)
        else:
            assert saga == truth.get(run_id), (case, run_id, saved)


@pytest.mark.parametrize("make", SAMPLES)
def test_a_sound_state_is_saved_whole(path: Path, make: Callable[[Path], Iterator[object]]) -> None:
    state = sample(path, make)
    demand_truth(state, "sound")
    assert inspect(path).is_sound


@pytest.mark.parametrize("make", SAMPLES)
@pytest.mark.parametrize(
    "share", [0.006, pytest.param(1.0, marks=pytest.mark.long)], ids=["some", "all"]
)
def test_of_a_damaged_state_the_last_words_are_saved_or_none(
    path: Path, make: Callable[[Path], Iterator[object]], share: float
) -> None:
    state = sample(path, make)
    for name, how, damage in cases(state, 1, share):
        state.path.with_name(name).write_bytes(damage)
        demand_truth(state, f"{name}: {how}")
        state.path.with_name(name).write_bytes(state.files[name])


@pytest.mark.parametrize("fill", [b"\0", b"\xff"], ids=["zeros", "ones"])
def test_what_stood_where_nothing_can_be_read_is_not_taken_for_nothing(
    path: Path, fill: bytes
) -> None:
    """Whole commits, and from within one to within the next."""
    state = sample(path, both)
    log = state.files[LOG]
    ends = sorted(state.after)
    for begin, end in pairwise(ends[:-2]):
        for start, stop in ((begin, end), (begin + 9, end - 9), (begin - 90, end + 90)):
            lost = fill * (stop - start)
            path.with_name(LOG).write_bytes(log[:start] + lost + log[stop:])
            demand_truth(state, f"{fill!r} from {start} to {stop}")


@pytest.mark.parametrize("make", [both, log_alone])
def test_a_log_without_its_first_line_is_read_on(
    path: Path, make: Callable[[Path], Iterator[object]]
) -> None:
    state = sample(path, make)
    log = state.files[LOG]
    path.with_name(LOG).write_bytes(b"\0" * 20 + log[20:])
    demand_truth(state, "no header")
    _, saved = saved_from(path)
    assert saved is not None
    assert set(saved.saved) == set(state.sagas)


def other_log(path: Path, *, is_later: bool) -> bytes:
    """The log of another state: from its beginning, or from behind all that the first one knows."""
    other = path.parent.parent / "other" / STATE
    store = begun(other, "x")
    if is_later:
        store.append_all([Append(f"x-{at}", story(f"x-{at}"), "pending") for at in range(20)])
        compact(other)
        store.append("x", [passed(2.0)], "pending")
    store.close()
    return log_path(other).read_bytes()


@pytest.mark.parametrize("make", SAMPLES[:4])
@pytest.mark.parametrize("lost", [STATE, LOG])
def test_of_a_state_that_misses_a_file_no_older_word_is_saved(
    path: Path, make: Callable[[Path], Iterator[object]], lost: str
) -> None:
    state = sample(path, make)
    path.with_name(lost).unlink()
    demand_truth(state, f"no {lost}")
    found, saved = saved_from(path)
    assert saved is not None
    assert not found.is_sound
    if lost == LOG:
        assert set(saved.saved) == set(saved.doubts)
    elif make is log_alone:
        assert set(saved.saved) == set(state.sagas)


@pytest.mark.parametrize("make", [both, state_alone, rewritten])
@pytest.mark.parametrize("is_later", [False, True], ids=["ends too early", "begins too late"])
def test_of_a_state_with_the_log_of_another_no_older_word_is_saved(
    path: Path, make: Callable[[Path], Iterator[object]], is_later: bool
) -> None:
    state = sample(path, make)
    path.with_name(LOG).write_bytes(other_log(path, is_later=is_later))
    demand_truth(state, "log of another")
    found, saved = saved_from(path)
    assert not found.is_sound
    assert saved is not None
    assert set(saved.saved) == set(saved.doubts)
    assert ("x" in saved.lost) == is_later
