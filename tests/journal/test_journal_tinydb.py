"""The journal's file: what lies on the disk, who sees it when, and what is damage."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from journal.samples import began, passed, started, story
from tinydb import TinyDB

import sagactl
from sagactl.journal.compaction import compact
from sagactl.journal.store import (
    RunHeld,
    RunNotFound,
    StateDamaged,
    StoreRefused,
)
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.journal.volume import log_path

GOLDEN = Path(__file__).parent / "golden"
FIRST = GOLDEN / "format-1.json"
SECOND = GOLDEN / "format-2.json"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".sagactl" / "state.json"


def filled(path: Path) -> TinyDBStore:
    store = TinyDBStore(path, create=True)
    store.append("order-1", story("order-1"), "completed")
    store.append("order-2", [started("order-2", 2000.0)], "started")
    return store


def test_anybodys_tinydb_reads_the_file_after_a_compaction(path: Path) -> None:
    filled(path)
    assert compact(path)
    with TinyDB(path) as db:
        assert db.tables() == {"meta", "runs", "events"}
        assert db.table("meta").all()[0]["format"] == 2
        assert {run["run_id"]: run["events"] for run in db.table("runs")} == {
            "order-1": 5,
            "order-2": 1,
        }
        assert [event["seq"] for event in db.table("events")] == [1, 2, 3, 4, 5, 1]


def test_what_anybodys_tinydb_wrote_back_is_read(path: Path) -> None:
    filled(path)
    compact(path)
    with TinyDB(path) as db:
        db.table("notes").insert({"who": "somebody"})
    store = TinyDBStore(path, create=False)
    assert store.read("order-1") == tuple(story("order-1"))
    store.append("order-2", [began()], "pending")
    assert compact(path)
    assert len(TinyDBStore(path, create=False).read("order-2")) == 2
    with TinyDB(path) as db:
        assert db.table("notes").all() == [{"who": "somebody"}]


@pytest.mark.parametrize("table", ["runs", "events"])
def test_what_somebodys_hand_changed_is_told(path: Path, table: str) -> None:
    filled(path)
    compact(path)
    with TinyDB(path) as db:
        db.table(table).update({"state": "failed"})
    with pytest.raises(StateDamaged, match="does not match its checksum"):
        TinyDBStore(path, create=False).summaries()


@pytest.mark.parametrize("golden", [FIRST, SECOND], ids=["first", "second"])
def test_every_format_is_read_for_ever(golden: Path) -> None:
    store = TinyDBStore(golden, create=False)
    assert store.read("order-1") == tuple(story("order-1"))
    assert store.read("order-2") == (started("order-2", 2000.0),)
    states = [(summary.run_id, summary.state) for summary in store.summaries()]
    assert states == [("order-2", "started"), ("order-1", "completed")]


def test_the_second_format_is_written_to_the_byte(path: Path) -> None:
    store = TinyDBStore(path, create=True)
    store.append("order-1", story("order-1")[:3], "pending")
    assert compact(path)
    store.append("order-1", story("order-1")[3:], "completed")
    store.append("order-2", [started("order-2", 2000.0)], "started")
    assert path.read_bytes() == SECOND.read_bytes()
    assert log_path(path).read_bytes() == log_path(SECOND).read_bytes()


def test_the_first_format_is_upgraded_by_the_next_write(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(FIRST.read_bytes())
    store = TinyDBStore(path, create=False)
    assert store.read("order-1") == tuple(story("order-1"))
    assert path.read_bytes() == FIRST.read_bytes()
    store.append("order-2", [began()], "pending")
    assert path.with_name("state.json.format-1").read_bytes() == FIRST.read_bytes()
    with TinyDB(path) as db:
        assert db.table("meta").all()[0]["format"] == 2
    again = TinyDBStore(path, create=False)
    assert again.read("order-1") == tuple(story("order-1"))
    assert again.read("order-2") == (started("order-2", 2000.0), began())


def test_reading_what_is_not_there_makes_nothing(path: Path) -> None:
    for create in (False, True):
        store = TinyDBStore(path, create=create)
        assert store.summaries() == []
        with pytest.raises(RunNotFound):
            store.find("order")
        with pytest.raises(RunNotFound):
            store.read("order-1")
    assert list(path.parent.parent.iterdir()) == []


def test_a_missing_state_is_only_made_on_purpose(path: Path) -> None:
    store = TinyDBStore(path, create=False)
    with pytest.raises(StoreRefused, match="there is no such file"), store.hold("order-1"):
        pass
    with pytest.raises(StoreRefused, match="there is no such file"):
        store.append("order-1", [started()], "started")
    assert list(path.parent.parent.iterdir()) == []


def test_an_existing_state_takes_more_without_being_made(path: Path) -> None:
    filled(path)
    store = TinyDBStore(path, create=False)
    with store.hold("order-2"):
        store.append("order-2", [began()], "pending")
    assert len(store.read("order-2")) == 2


def test_every_missing_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "state.json"
    TinyDBStore(path, create=True).append("order-1", [started()], "started")
    assert path.exists()


def test_a_folder_of_our_own_is_kept_from_git(path: Path, tmp_path: Path) -> None:
    filled(path)
    filled(tmp_path / "made" / "state.json")
    assert (path.parent / ".gitignore").read_text() == "*\n"
    assert (tmp_path / "made" / ".gitignore").read_text() == "*\n"


def test_somebody_elses_folder_is_not_kept_from_git(tmp_path: Path) -> None:
    filled(tmp_path / "state.json")
    assert not (tmp_path / ".gitignore").exists()


def test_a_gitignore_of_the_users_own_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    ignore = path.parent / ".gitignore"
    ignore.write_text("!state.json\n")
    filled(path)
    assert ignore.read_text() == "!state.json\n"
    ignore.unlink()
    filled(path.with_name("sandbox.json"))
    ignore.unlink()
    TinyDBStore(path, create=True).append("order-2", [began()], "pending")
    assert not ignore.exists()


def test_a_store_sees_what_another_appended(path: Path) -> None:
    store = filled(path)
    assert len(store.read("order-2")) == 1
    other = TinyDBStore(path, create=False)
    other.append("order-2", [began()], "pending")
    assert store.read("order-2") == (started("order-2", 2000.0), began())
    assert store.summaries()[0].state == "pending"


def test_two_stores_in_turn_lose_nothing(path: Path) -> None:
    stores = [TinyDBStore(path, create=True) for _ in range(2)]
    for number, store in enumerate(stores):
        store.append(f"order-{number}", [started(f"order-{number}")], "started")
    for at in range(12):
        stores[at % 2].append(f"order-{at % 3 % 2}", [passed(float(at))], "pending")
    kept = sum(len(stores[0].read(f"order-{number}")) for number in range(2))
    assert kept == 14


def test_a_closed_store_reads_anew(path: Path) -> None:
    store = filled(path)
    store.close()
    assert store.read("order-1") == tuple(story())


def test_a_state_that_went_away_is_not_begun_afresh(path: Path) -> None:
    store = filled(path)
    path.unlink()
    with pytest.raises(StoreRefused, match="it is missing, and its log"):
        store.append("order-2", [began()], "pending")
    assert not path.exists()


def test_the_sandbox_has_locks_of_its_own(path: Path) -> None:
    real = TinyDBStore(path, create=True)
    sandbox = TinyDBStore(path.with_name("sandbox.json"), create=True)
    with real.hold("order-1"), sandbox.hold("order-1"):
        pass


def test_two_stores_cannot_hold_the_same_run(path: Path) -> None:
    with (
        TinyDBStore(path, create=True).hold("order-1"),
        pytest.raises(RunHeld),
        TinyDBStore(path, create=True).hold("order-1"),
    ):
        pass


def test_a_lock_says_nothing_once_it_is_free(path: Path) -> None:
    with TinyDBStore(path, create=True).hold("order-1"):
        [lock] = path.with_name("state.json.locks").iterdir()
        assert json.loads(lock.read_text())["pid"] == os.getpid()
    assert lock.read_text() == ""


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"pid": "x"}', "[" * 4000, "\udcff"])
def test_a_holder_that_cannot_be_read_is_another_process(path: Path, text: str) -> None:
    with TinyDBStore(path, create=True).hold("order-1"):
        [lock] = path.with_name("state.json.locks").iterdir()
        lock.write_text(text, errors="surrogateescape")
        with (
            pytest.raises(RunHeld, match="is held by another process") as refusal,
            TinyDBStore(path, create=True).hold("order-1"),
        ):
            pass
        assert refusal.value.pid is None


def test_the_store_is_known_without_tinydb() -> None:
    root = Path(sagactl.__file__).parent.parent
    code = "import sys, sagactl.journal.store; sys.exit('tinydb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


Change = Callable[[dict[str, Any]], object]


def dropped(*keys: str) -> Change:
    def drop(tables: dict[str, Any]) -> None:
        below = tables
        for key in keys[:-1]:
            below = below[key]
        del below[keys[-1]]

    return drop


def put(value: Any, *keys: str) -> Change:
    def change(tables: dict[str, Any]) -> None:
        below = tables
        for key in keys[:-1]:
            below = below[key]
        below[keys[-1]] = value

    return change


def damaged(path: Path, change: Change) -> TinyDBStore:
    """A store over a state of the first format, which has no checksums, that a hand was in."""
    tables = json.loads(FIRST.read_bytes())
    change(tables)
    path.parent.mkdir()
    path.write_text(json.dumps(tables))
    return TinyDBStore(path, create=True)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (dropped("runs"), "its top"),
        (dropped("events"), "its top"),
        (dropped("meta"), 'table "meta"'),
        (dropped("meta", "1", "format"), 'table "meta"'),
        (put({"format": 1}, "meta", "2"), 'table "meta"'),
        (put(True, "meta", "1", "format"), 'table "meta"'),
        (put("1", "meta", "1", "format"), 'table "meta"'),
        (put(0, "meta", "1", "format"), 'table "meta"'),
        (put([], "runs"), 'table "runs"'),
        (put([], "runs", "1"), 'document 1 of table "runs"'),
        (put({}, "events", "01"), 'document 01 of table "events"'),
        (put({}, "events", "x"), 'document x of table "events"'),
        (put(1, "runs", "1", "state"), 'document 1 of table "runs"'),
        (put(0, "runs", "1", "events"), 'document 1 of table "runs"'),
        (put("?", "runs", "1", "colour"), 'document 1 of table "runs"'),
        (dropped("runs", "2", "saga"), 'document 2 of table "runs"'),
    ],
)
def test_damage_is_told_with_its_place(path: Path, change: Change, where: str) -> None:
    store = damaged(path, change)
    before = path.read_bytes()
    with pytest.raises(StateDamaged) as refusal:
        store.summaries()
    assert (refusal.value.path, refusal.value.where) == (path, where)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (dropped("events", "3"), 'table "events"'),
        (put(2, "events", "3", "seq"), 'table "events"'),
        (put("order-2", "events", "3", "run"), 'table "events"'),
        (put("3", "events", "3", "seq"), 'document 3 of table "events"'),
        (dropped("events", "3", "event"), 'document 3 of table "events"'),
        (put("later", "events", "3", "event", "at"), 'document 3 of table "events"'),
        (put(4, "runs", "1", "events"), 'table "events"'),
    ],
)
def test_a_damaged_event_is_told_by_its_run(path: Path, change: Change, where: str) -> None:
    store = damaged(path, change)
    with pytest.raises(StateDamaged) as refusal:
        store.read("order-1")
    assert refusal.value.where == where


def test_a_damaged_event_leaves_the_other_runs_alone(path: Path) -> None:
    store = damaged(path, put("later", "events", "3", "event", "at"))
    assert store.read("order-2") == (started("order-2", 2000.0),)


def test_a_run_that_is_there_twice_is_damage(path: Path) -> None:
    path.parent.mkdir()
    tables = json.loads(FIRST.read_bytes())
    tables["runs"]["3"] = tables["runs"]["1"]
    path.write_text(json.dumps(tables))
    with pytest.raises(StateDamaged, match='run "order-1" is there 2 times'):
        TinyDBStore(path, create=True).read("order-1")


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"{]", "offset 1 (line 1, column 2)"),
        (b'{"meta":\n{"1"', "offset 13 (line 2, column 5)"),
        (b'{"\xff": 1}', "offset 2"),
        (b'{"x": NaN}', "an unknown offset"),
        (b"[" * 100_000, "an unknown offset"),
        (b"1" * 5000, "an unknown offset"),
        (b"[]", "its top"),
        (b"null", "its top"),
        (b"{}", 'table "meta"'),
    ],
)
def test_what_is_no_state_is_damage(path: Path, content: bytes, where: str) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    store = TinyDBStore(path, create=True)
    with pytest.raises(StateDamaged) as refusal:
        store.append("order-1", [started()], "started")
    assert (refusal.value.path, refusal.value.where) == (path, where)
    assert path.read_bytes() == content


@pytest.mark.parametrize("golden", [FIRST, SECOND], ids=["first", "second"])
def test_a_number_beyond_json_is_not_written_on(path: Path, golden: Path) -> None:
    path.parent.mkdir()
    if golden is SECOND:
        log_path(path).write_bytes(log_path(golden).read_bytes())
    content = golden.read_bytes().replace(b"1999", b"1e999")
    path.write_bytes(content)
    with pytest.raises(StateDamaged):
        TinyDBStore(path, create=True).append("order-2", [began()], "pending")
    assert path.read_bytes() == content
