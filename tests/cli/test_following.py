"""A state followed while it is written: each event once, whatever becomes of the files."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from views.story import REJECTED, Story, applied, ordered

from sagactl.cli import following as module
from sagactl.cli.exit import Exit
from sagactl.cli.following import Following, Told, await_change
from sagactl.journal.compaction import compact
from sagactl.journal.refusal import RunNotFound
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.journal.volume import log_path
from sagactl.machine import event as e
from sagactl.machine.state import saga_state


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


@pytest.fixture
def store(path: Path) -> Iterator[TinyDBStore]:
    store = TinyDBStore(path, create=True)
    yield store
    store.close()


def called(story: Story, run_id: str) -> Story:
    """The story as that of another run."""
    first = story.events[0]
    assert isinstance(first, e.RunStarted)
    story.events[0] = replace(first, run_id=run_id)
    story.run = replace(story.run, id=run_id)
    return story


def keep(store: TinyDBStore, story: Story, *, since: int = 0) -> int:
    """Keep what happened since an event, and say how many there are now."""
    state = saga_state(story.plan, story.run)
    store.append(story.run.id, story.events[since:], state)
    return len(story.events)


def followed(path: Path, *only: str) -> Following:
    return Following(TinyDBStore(path, create=False), only or None)


def told(moved: list[Told]) -> list[tuple[str, e.Event]]:
    return [(each.run.id, each.event) for each in moved if each.is_new]


def test_a_run_that_is_named_is_told_from_its_beginning_and_then_as_it_goes_on(
    path: Path, store: TinyDBStore
) -> None:
    story = ordered().tries("reserve", applied())
    seen = keep(store, story)
    following = followed(path, "r-1")
    assert told(following.look()) == [("r-1", event) for event in story.events]
    assert told(following.look()) == []
    story.tries("charge", applied({"id": "c"}))
    keep(store, story, since=seen)
    assert told(following.look()) == [("r-1", event) for event in story.events[seen:]]
    assert not following.is_over()
    story.tries("ship", applied())
    keep(store, story, since=seen + 2)
    last = following.look()[-1]
    assert (str(last.state), following.exits) == ("completed", {"r-1": Exit.OK})
    assert following.is_over()


def test_no_event_is_missed_and_none_told_twice_across_compactions(
    path: Path, store: TinyDBStore
) -> None:
    stories = [called(ordered(), f"r-{number}") for number in range(5)]
    all_of_them = followed(path)
    assert all_of_them.look() == []  # there is no state yet
    named = followed(path, "r-3")
    seen: list[tuple[str, e.Event]] = []
    seen_of_one: list[tuple[str, e.Event]] = []
    kept = [keep(store, story) for story in stories]
    for step in ("reserve", "charge", "ship"):
        for number, story in enumerate(stories):
            story.tries(step, applied({"id": "c"}))
            kept[number] = keep(store, story, since=kept[number])
            if number == 1:
                seen += told(all_of_them.look())
            if number == 2:
                assert compact(path)
            if number == 3:
                seen_of_one += told(named.look())
    assert compact(path)
    seen += told(all_of_them.look())
    seen_of_one += told(named.look())
    for story in stories:
        assert [event for run_id, event in seen if run_id == story.run.id] == story.events
    assert seen_of_one == [("r-3", event) for event in stories[3].events]
    assert told(all_of_them.look()) == []


def test_without_a_name_what_was_there_before_is_not_told_as_new(
    path: Path, store: TinyDBStore
) -> None:
    over = called(ordered(), "over")
    for step in ("reserve", "charge", "ship"):
        over.tries(step, applied({"id": "c"}))
    keep(store, over)
    under_way = called(ordered(), "under-way").begins("reserve")
    seen = keep(store, under_way)
    following = followed(path)
    first = following.look()
    assert {each.run.id for each in first} == {"under-way"}
    assert told(first) == []
    under_way.ends("reserve", applied())
    keep(store, under_way, since=seen)
    assert told(following.look()) == [("under-way", under_way.events[-1])]


def test_a_run_that_had_ended_is_told_again_when_it_goes_on(path: Path, store: TinyDBStore) -> None:
    story = ordered().tries("reserve", REJECTED)
    seen = keep(store, story)
    following = followed(path)
    assert following.look() == []
    story.record(e.StepReopened(at=story.at, step="reserve", operator="me", reason=""))
    keep(store, story, since=seen)
    assert told(following.look()) == [("r-1", story.events[-1])]


def test_a_commit_that_was_taken_back_is_said_and_what_took_its_place_is_told(
    path: Path, store: TinyDBStore
) -> None:
    story = ordered().tries("reserve", applied())
    seen = keep(store, story)
    size = log_path(path).stat().st_size
    following = followed(path, "r-1")
    following.look()
    keep(store, ordered().tries("reserve", applied()).begins("charge"), since=seen)
    assert len(told(following.look())) == 1
    # What a writer does whose sync fails; and then another one comes.
    store.close()
    with open(log_path(path), "r+b") as file:
        file.truncate(size)
    story.record(e.CompensationRequested(at=story.at, operator="me", reason="x" * 200))
    other = TinyDBStore(path, create=True)
    keep(other, story, since=seen)
    other.close()
    assert told(following.look()) == [("r-1", event) for event in story.events]
    assert following.remarks == ["saga r-1 was taken back or removed: it is told anew"]


def test_a_run_that_is_removed_under_its_follower_is_not_there(
    path: Path, store: TinyDBStore
) -> None:
    keep(store, ordered())
    following = followed(path, "nobody")
    with pytest.raises(RunNotFound):
        following.look()


def test_a_look_takes_no_lock_and_writes_nothing(path: Path, store: TinyDBStore) -> None:
    keep(store, ordered())
    store.close()
    for file in path.parent.iterdir():
        if file.name.endswith(".lock"):
            file.unlink()
    before = {file: file.stat().st_mtime_ns for file in path.parent.rglob("*")}
    following = followed(path, "r-1")
    assert len(following.look()) == 1
    assert {file: file.stat().st_mtime_ns for file in path.parent.rglob("*")} == before


def test_between_looks_only_the_files_stamps_are_read(
    path: Path, store: TinyDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = ordered()
    seen = keep(store, story)
    following = followed(path, "r-1")
    following.look()
    assert not following.has_changed()
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 5:
            keep(store, story.begins("reserve"), since=seen)

    monkeypatch.setattr(time, "sleep", nap)
    await_change([following], looked_s=0.5)
    assert naps == [0.5 * module.REST, *[module.POLL_S] * 4]
    assert len(following.look()) == 1
