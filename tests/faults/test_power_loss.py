"""S9: a power cut at any moment, with whatever was not synced lost, reordered or torn.

`pytest -m long tests/faults/test_power_loss.py` looks at more than a hundred thousand states.
"""

import hashlib
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from faults.lossy_disk import Disk, State, record
from journal.samples import began, passed, started, story, succeeded

from sagactl.journal import compaction
from sagactl.journal.compaction import compact
from sagactl.journal.store import Append, RunNotFound
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.machine.event import Event

FIRST_FORMAT = Path(__file__).parent.parent / "journal" / "golden" / "format-1.json"

BIG = replace(succeeded(), result={"page": "x" * 3000})
RUNS = [f"order-{number}" for number in range(1, 9)]

Kept = dict[str, tuple[Event, ...]]


class Story:
    """A workload in progress: what was acknowledged, and what is being appended."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self.disk = disk
        self.acknowledged: Kept = {}
        self.appending: Kept = {}
        self.store = TinyDBStore(path, create=True)

    def append(
        self, *events: Event, run: str = "order-1", store: TinyDBStore | None = None
    ) -> None:
        self.append_all({run: events}, store)

    def append_all(
        self, events: dict[str, tuple[Event, ...]], store: TinyDBStore | None = None
    ) -> None:
        self.appending = events
        (store or self.store).append_all(
            [Append(run, its, "pending") for run, its in events.items()]
        )
        for run, its in events.items():
            self.acknowledged[run] = (*self.acknowledged.get(run, ()), *its)
        self.appending = {}

    def begin(self, *runs: str) -> None:
        self.append_all({run: (started(run),) for run in runs})


def creation(story: Story) -> None:
    story.begin("order-1")


def appends(story: Story) -> None:
    story.begin("order-1")
    for number in range(6):
        story.append(passed(float(number)))


def long_appends(story: Story) -> None:
    story.begin("order-1")
    story.append(*(began(number) for number in range(12)))
    story.append(*(began(number) for number in range(12)))


def big_bodies(story: Story) -> None:
    story.begin("order-1")
    story.append(BIG)
    story.append(began(), BIG, BIG)
    story.append(passed(1.0))


def group_commits(story: Story) -> None:
    story.begin(*RUNS)
    story.append_all({run: (began(), passed(2.0)) for run in RUNS})
    story.append_all(dict.fromkeys(RUNS[:3], (BIG,)))


def compaction_of_one(story: Story) -> None:
    story.begin("order-1")
    compact(story.path)
    story.append(began())


def compaction_of_many(story: Story) -> None:
    story.begin(*RUNS)
    story.append_all(dict.fromkeys(RUNS, (BIG,)))
    compact(story.path)
    story.append(began())


def compaction_twice(story: Story) -> None:
    story.begin("order-1", "order-2")
    compact(story.path)
    story.append(began(), run="order-2")
    compact(story.path)
    story.append(began())


def compaction_of_nothing_new(story: Story) -> None:
    story.begin("order-1")
    compact(story.path)
    compact(story.path)


def appends_during_compaction(story: Story) -> None:
    story.begin("order-1", "order-2")
    story.append(BIG)
    whole = compaction.pack
    other = TinyDBStore(story.path, create=False)

    def packing(volume: compaction.Volume) -> Callable[[int], None]:
        fill = whole(volume)

        def filling(fd: int) -> None:
            fill(fd)
            story.append(began(), run="order-2", store=other)
            story.append(passed(3.0), store=other)

        return filling

    compaction.pack = packing
    try:
        compact(story.path)
    finally:
        compaction.pack = whole
    story.append(began(2), run="order-2")


def torn_tail_is_healed(story: Story) -> None:
    story.begin("order-1")
    log = story.path.with_name("state.json.log")
    with log.open("ab") as file:
        file.write(b'0123abcd [0,1,"events",99,{"run":"order-1"' + b"torn" * 300)
    story.disk.load()
    story.store.close()
    story.append(BIG)
    story.append(passed(1.0))


def zeros_are_healed(story: Story) -> None:
    story.begin("order-1")
    log = story.path.with_name("state.json.log")
    with log.open("ab") as file:
        file.write(b"0123abcd [0," + bytes(700) + b"]\n")
    story.disk.load()
    story.store.close()
    story.append(BIG)
    story.append(passed(1.0))


def upgrade(story: Story) -> None:
    events = TinyDBStore(story.path, create=False)
    story.acknowledged = {run: events.read(run) for run in ("order-1", "order-2")}
    story.append(began(), run="order-2")
    story.append(passed(9.0))


def two_stores(story: Story) -> None:
    stores = [story.store, TinyDBStore(story.path, create=True)]
    story.begin("order-1", "order-2")
    for number in range(6):
        run = f"order-{number % 2 + 1}"
        story.append(passed(float(number)), run=run, store=stores[number // 2 % 2])


def a_store_opened_anew(story: Story) -> None:
    for number in range(4):
        story.store = TinyDBStore(story.path, create=True)
        if number == 0:
            story.begin("order-1")
        story.append(began(number))


def runs_begun_one_by_one(story: Story) -> None:
    for run in RUNS[:5]:
        story.begin(run)
        story.append(began(), run=run)


def a_whole_story(story_: Story) -> None:
    for event in story("order-1"):
        story_.append(event)


def one_commit_of_everything(story_: Story) -> None:
    story_.append_all({run: tuple(story(run)) for run in RUNS[:4]})


def removal(story: Story) -> None:
    story.begin("order-1", "order-2", "order-3")
    story.append(BIG, run="order-2")
    gone = story.acknowledged.pop("order-2")
    # Until it is acknowledged, the run may be there, whole, or gone.
    story.appending = {"order-2": gone}
    story.store.remove(["order-2"])
    story.appending = {}
    story.append(began())


def removal_and_compaction(story: Story) -> None:
    removal(story)
    compact(story.path)
    story.append(passed(4.0), run="order-3")


def reserved_room(story: Story) -> None:
    story.begin("order-1")
    story.store.reserve(64 * 1024)
    story.append(BIG)
    story.append(passed(1.0))


WORKLOADS = [
    creation, appends, long_appends, big_bodies, group_commits, compaction_of_one,
    compaction_of_many, compaction_twice, compaction_of_nothing_new, appends_during_compaction,
    torn_tail_is_healed, zeros_are_healed, upgrade, two_stores, a_store_opened_anew,
    runs_begun_one_by_one, a_whole_story, one_commit_of_everything, removal,
    removal_and_compaction, reserved_room,
]  # fmt: skip


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory, where there is one: these are many small files."""
    shared = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
    yield made
    shutil.rmtree(made)


class Judge:
    """Lays out each state that a power cut may leave, and opens it."""

    def __init__(self, folder: Path, story: Story, disk: Disk, seed: int, count: int) -> None:
        self.seen: set[bytes] = set()
        self._folder = folder
        self._story = story
        self._disk = disk
        self._chance = random.Random(seed)
        self._count = count

    def look(self) -> None:
        self._disk.is_off = True
        for state in self._disk.states(self._chance, self._count):
            self._judge(state)
        self._disk.is_off = False

    def _judge(self, state: State) -> None:
        promised = repr((sorted(self._story.acknowledged), len(self._story.appending)))
        digest = hashlib.sha256(promised.encode())
        for name in sorted(state):
            digest.update(name.encode() + b"\0" + state[name] + b"\0")
        if digest.digest() in self.seen:
            return
        self.seen.add(digest.digest())
        after = self._folder / "after"
        after.mkdir()
        for name, content in state.items():
            target = after / Path(name).relative_to(self._disk.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        self._demand_everything(after / "state.json")
        shutil.rmtree(after)

    def _demand_everything(self, path: Path) -> None:
        story = self._story
        store = TinyDBStore(path, create=True)
        found = {summary.run_id: store.read(summary.run_id) for summary in store.summaries()}
        more = {
            run: (*story.acknowledged.get(run, ()), *events)
            for run, events in story.appending.items()
        }
        # The commit that was under way is there as a whole, or not at all.
        assert found in (story.acknowledged, {**story.acknowledged, **more})
        if "order-1" in found:
            store.append("order-1", [passed(99.0)], "pending")
            again = TinyDBStore(path, create=False)
            assert again.read("order-1")[:-1] == found["order-1"]
            again.close()
        else:
            with pytest.raises(RunNotFound):
                store.read("order-1")
        store.close()


def states_of(
    workload: Callable[[Story], None],
    folder: Path,
    patch: pytest.MonkeyPatch,
    seed: int,
    count: int,
) -> int:
    """How many different states were opened, and found to hold what they must."""
    root = folder / "before"
    root.mkdir()
    disk = Disk(root)
    story = Story(root / "state.json", disk)
    judge = Judge(folder, story, disk, seed, count)
    disk.on_operation = judge.look
    record(patch, disk)
    if workload is upgrade:
        shutil.copy(FIRST_FORMAT, story.path)
        disk.load()
    workload(story)
    judge.look()
    return len(judge.seen)


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.__name__)
def test_S9_a_power_cut_loses_nothing_that_was_acknowledged(
    workload: Callable[[Story], None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert states_of(workload, folder, monkeypatch, seed=9, count=200) > 40


@pytest.mark.long
@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.__name__)
@pytest.mark.parametrize("seed", range(12))
def test_S9_in_a_hundred_thousand_power_cuts(
    workload: Callable[[Story], None],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    states = states_of(workload, folder, monkeypatch, seed, count=2000)
    with capsys.disabled():
        print(f"{workload.__name__}: {states} states")
