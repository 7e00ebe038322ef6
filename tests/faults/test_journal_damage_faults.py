"""A state that is not what was written, or no state at all (rows S8, S10 and S16)."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from journal.samples import began, begun, count, started, story

from sagactl.journal.store import StateDamaged, StoreRefused
from sagactl.journal.tinydb_store import TinyDBStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".sagactl" / "state.json"


def test_S8_a_state_cut_off_anywhere_is_refused_and_left_alone(path: Path) -> None:
    begun(path, "a", "b").append("a", [began()], "pending")
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        store = TinyDBStore(path, create=True)
        with pytest.raises(StateDamaged, match="offset"):
            store.read("a")
        with pytest.raises(StateDamaged, match="offset"):
            store.append("a", [began()], "pending")
        assert path.read_bytes() == whole[:length]
    path.write_bytes(whole)
    assert count(path, "a") == 2


def test_S8_a_flipped_bit_is_told_or_read_but_never_written_over(path: Path) -> None:
    begun(path).append("order-1", story()[1:], "completed")
    whole = path.read_bytes()
    told = 0
    for at in range(len(whole)):
        flipped = whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :]
        path.write_bytes(flipped)
        try:
            store = TinyDBStore(path, create=True)
            for summary in store.summaries():
                store.read(summary.run_id)
        except StoreRefused:
            told += 1
        assert path.read_bytes() == flipped
    # Many a bit is part of a text, and a state in plain JSON cannot know that it was another one.
    assert told > len(whole) // 3


def test_S10_a_leftover_of_a_killed_writer_is_ignored(path: Path) -> None:
    begun(path)
    leftover = path.with_name("state.json.tmp")
    leftover.write_text('{"half')
    leftover.chmod(0o666)
    store = TinyDBStore(path, create=False)
    assert store.read("order-1") == (started(),)
    store.append("order-1", [began()], "pending")
    assert count(path) == 2
    assert not leftover.exists()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_S10_a_link_in_the_place_of_the_temporary_file_is_not_followed(path: Path) -> None:
    begun(path)
    victim = path.parent / "victim"
    victim.write_text("precious")
    path.with_name("state.json.tmp").symlink_to(victim)
    TinyDBStore(path, create=False).append("order-1", [began()], "pending")
    assert victim.read_text() == "precious"
    assert count(path) == 2


def empty(path: Path) -> None:
    path.write_bytes(b"")


def linked(path: Path) -> None:
    begun(path.with_name("elsewhere.json"))
    path.symlink_to(path.with_name("elsewhere.json"))


def dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere.json"))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (empty, "the file is empty"),
        (linked, "it is a symbolic link, and none is followed"),
        (dangling, "it is a symbolic link, and none is followed"),
        (os.mkdir, "EISDIR"),
        (os.mkfifo, "it is a device, a pipe or a socket"),
    ],
    ids=["empty", "link", "dangling", "folder", "fifo"],
)
def test_S10_what_is_no_file_of_ours_is_refused(
    path: Path, make: Callable[[Path], None], reason: str
) -> None:
    path.parent.mkdir()
    make(path)
    before = sorted(path.parent.iterdir()), path.lstat().st_ino
    with pytest.raises(StoreRefused, match=reason):
        TinyDBStore(path, create=True).summaries()
    store = TinyDBStore(path, create=True)
    with pytest.raises(StoreRefused, match=reason):
        store.append("order-1", [started()], "started")
    left = [p for p in path.parent.iterdir() if p.name != "state.json.lock"]
    assert (sorted(left), path.lstat().st_ino) == (
        [p for p in before[0] if p.name != "state.json.lock"],
        before[1],
    )
    assert not path.with_name("nowhere.json").exists()


@pytest.mark.parametrize("name", ["state.json.lock", "state.json.locks/order-1.lock"])
def test_S10_a_lock_that_is_a_link_is_not_followed(path: Path, name: str) -> None:
    victim = path.parent / "victim"
    lock = path.parent / name
    lock.parent.mkdir(parents=True)
    victim.write_text("precious")
    lock.symlink_to(victim)
    store = TinyDBStore(path, create=True)
    with pytest.raises(StoreRefused, match="symbolic link"), store.hold("order-1"):
        store.append("order-1", [started()], "started")
    assert victim.read_text() == "precious"


def test_S10_a_folder_of_locks_that_is_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.with_name("state.json.locks").symlink_to(tmp_path)
    store = TinyDBStore(path, create=True)
    with pytest.raises(StoreRefused, match="symbolic link"), store.hold("order-1"):
        pass
    assert list(tmp_path.iterdir()) == [path.parent]


def test_S16_a_newer_format_is_refused_and_left_alone(path: Path) -> None:
    begun(path)
    tables = json.loads(path.read_bytes())
    tables["meta"]["1"]["format"] = 2
    tables["attempts"] = {}
    del tables["events"]  # whatever a newer format looks like
    path.write_text(json.dumps(tables))
    before = path.read_bytes()
    store = TinyDBStore(path, create=True)
    newer = "it has format 2, written by a newer sagactl; this one reads 1"
    with pytest.raises(StoreRefused, match=newer):
        store.read("order-1")
    with pytest.raises(StoreRefused, match=newer):
        store.append("order-1", [began()], "pending")
    assert path.read_bytes() == before
