"""The doctor as its user sees it: everything is told, and nothing is changed unasked."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Cli, Told
from faults.process import GIVEN, TRIP, Service, ended
from journal.samples import began, begun, passed, started, story
from tinydb import TinyDB

from sagactl.journal.compaction import compact
from sagactl.journal.export import first_line
from sagactl.journal.line import encode_header
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.journal.volume import log_path

GOLDEN = ROOT / "tests" / "journal" / "golden"


@pytest.fixture
def path(cli: Cli) -> Path:
    """Where the doctor looks for a state."""
    return cli.folder / ".sagactl" / "state.json"


def kept(path: Path) -> TinyDBStore:
    """Three sagas in the state, of which two went on in the log, and one in the log alone."""
    store = begun(path, "a", "b")
    store.append("done", story("done"), "completed")
    compact(path)
    store.append("a", [began()], "pending")
    store.append("b", [passed(2.0)], "compensating")
    store.append("new", [started("new")], "started")
    store.close()
    return store


def damage(path: Path, where: str, by: str) -> int:
    """Put another text in the place of one that stands there; the offset."""
    content = path.read_bytes()
    at = content.index(where.encode())
    path.write_bytes(content[:at] + by.encode() + content[at + len(by) :])
    return at


def everything(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Every file, its mode and when it was changed."""
    there = {}
    for child in (folder, *folder.rglob("*")):
        status = child.lstat()
        content = child.read_bytes() if child.is_file() else b""
        there[str(child)] = content, status.st_mode, status.st_mtime_ns
    return there


def doctored(cli: Cli, *arguments: str | Path) -> Told:
    """What the doctor says, who changes nothing."""
    before = everything(cli.folder)
    told = cli("doctor", *arguments)
    assert everything(cli.folder) == before
    return told


def states(cli: Cli, status: int = 0) -> list[Any]:
    told = doctored(cli, "-o", "json")
    assert told.status == status, told
    assert told.json["sound"] is (status == 0)
    assert told.json["salvage"] is None
    return list(told.json["states"])


# --- what is told


def test_where_nothing_is_yet_nothing_is_wrong(cli: Cli) -> None:
    told = doctored(cli)
    assert (told.status, told.out, told.err) == (0, ".sagactl/state.json: not there yet\n", "")


def test_a_sound_state_is_told_in_numbers(cli: Cli, path: Path) -> None:
    kept(path)
    told = doctored(cli)
    assert told.status == 0, told
    assert told.out.startswith(".sagactl/state.json: sound\n  format 2, ")
    assert "4 sagas (1 compensating, 1 completed, 1 pending, 1 started), 10 events\n" in told.out
    assert "compacted when the log passes 4.0 MiB" in told.out
    assert "note" not in told.out
    [state] = states(cli)
    assert (state["exists"], state["sound"], state["refusal"], state["damages"]) == (
        True,
        True,
        None,
        [],
    )
    assert (state["size"], state["log_size"]) == (
        path.stat().st_size,
        log_path(path).stat().st_size,
    )
    assert state["sagas"] == {"compensating": 1, "completed": 1, "pending": 1, "started": 1}
    assert state["compaction"] == {"due": False, "log_limit": 4 << 20, "under_way": False}


def test_both_states_are_looked_at(cli: Cli, path: Path) -> None:
    kept(path)
    begun(path.with_name("sandbox.json"), "s").close()
    real, sandbox = states(cli)
    assert (real["path"], real["sandbox"]) == (".sagactl/state.json", False)
    assert (sandbox["path"], sandbox["sandbox"]) == (".sagactl/sandbox.json", True)
    damage(log_path(path.with_name("sandbox.json")), "order.yaml", "order.yawl")
    told = doctored(cli)
    assert told.status == 7, told
    assert "state.json: sound\n" in told.out
    assert "sandbox.json: damaged\n" in told.out


def test_another_state_is_looked_at_where_it_is_named(cli: Cli) -> None:
    kept(cli.folder / "there" / "mine.json")
    told = doctored(cli, "--state", "there/mine.json")
    assert told.status == 0, told
    assert told.out.startswith("there/mine.json: sound\n")


def test_damage_in_the_log_is_told_with_its_place_its_saga_and_what_is_good(
    cli: Cli, path: Path
) -> None:
    kept(path)
    log = log_path(path)
    at = damage(log, '"seq":2,"event":{"type":"deadline_passed"', '"seq":3')
    begins = log.read_bytes().rindex(b"\n", 0, at) + 1
    [state] = states(cli, 7)
    [flaw] = state["damages"]
    assert flaw["file"] == ".sagactl/state.json.log"
    assert flaw["offset"] == begins
    assert flaw["sagas"] == [{"id": "b", "last_good_event": 1}]
    assert flaw["reason"] == "it does not match its checksum"
    told = doctored(cli)
    assert told.status == 7
    assert told.out.startswith(".sagactl/state.json: damaged\n")
    place = (
        f"damage: .sagactl/state.json.log, offset {begins} ({flaw['record']}): it does not match"
    )
    assert place in told.out
    assert "concerns b: its last good record is event 1\n" in told.out
    assert f"the last good record in front of it: {flaw['last_good']}\n" in told.out
    assert "sagactl doctor --salvage NEW.json saves" in told.out


def test_damage_in_the_state_is_told_with_its_place_and_its_saga(cli: Cli, path: Path) -> None:
    kept(path)
    at = damage(path, '"status":201', '"status":200')
    [state] = states(cli, 7)
    flaw = state["damages"][0]
    assert flaw["file"] == ".sagactl/state.json"
    assert flaw["offset"] == path.read_bytes().rindex(b"\n", 0, at) + 1
    assert flaw["record"].endswith('of table "events"')
    assert flaw["sagas"] == [{"id": "done", "last_good_event": 4}]
    assert "document" in flaw["last_good"]


def test_every_place_is_told_and_not_the_first_one_alone(cli: Cli, path: Path) -> None:
    kept(path)
    damage(path, '"status":201', '"status":200')
    damage(log_path(path), '"method":"POST"', '"method":"POTS"')
    [state] = states(cli, 7)
    assert {damage["file"] for damage in state["damages"]} == {
        ".sagactl/state.json",
        ".sagactl/state.json.log",
    }
    assert {saga["id"] for damage in state["damages"] for saga in damage["sagas"]} == {"a", "done"}


def test_a_torn_tail_is_noted_and_no_damage(cli: Cli, path: Path) -> None:
    kept(path)
    log = log_path(path)
    whole = log.read_bytes()
    log.write_bytes(whole[:-1])
    [state] = states(cli)
    commit = whole.index(b'"run":"new"')
    offset = whole.rindex(b"\n", 0, commit) + 1
    assert state["torn_tail"] == {"offset": offset, "size": len(whole) - 1 - offset}
    assert "new" not in state["sagas"]
    told = doctored(cli)
    assert told.status == 0, told
    place = f"the last {len(whole) - 1 - offset} bytes of the log, from offset {offset} on"
    assert f"note: {place}, are no whole commit: a crash leaves that" in told.out


@pytest.mark.parametrize("missing", ["state.json", "state.json.log"])
def test_a_file_that_is_missing_is_told(cli: Cli, path: Path, missing: str) -> None:
    kept(path)
    path.with_name(missing).unlink()
    told = doctored(cli)
    assert told.status == 7, told
    assert f"damage: .sagactl/{missing} (the file): it is missing" in told.out


def test_a_newer_format_is_told_and_not_read(cli: Cli, path: Path) -> None:
    kept(path)
    log = log_path(path)
    lines = log.read_bytes().partition(b"\n")
    log.write_bytes(encode_header(3, 1) + lines[2])
    told = doctored(cli)
    assert told.status == 7, told
    assert "it has format 3; this sagactl reads 2" in told.out


def test_an_older_format_is_sound(cli: Cli, path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    shutil.copy(GOLDEN / "format-1.json", path)
    path.chmod(0o600)
    told = doctored(cli)
    assert told.status == 0, told
    assert "format 1, " in told.out
    assert "2 sagas (1 completed, 1 started), 6 events" in told.out


def test_an_export_is_refused(cli: Cli) -> None:
    path = cli.write("sagas.jsonl", first_line(0, 0.0) + "\n")
    told = doctored(cli, "--state", path, "--compact", "--salvage", "new.json")
    assert told.status == 2, told
    assert "it is an export" in told.err


def test_what_is_no_file_is_told(cli: Cli, path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to("nowhere")
    told = doctored(cli)
    assert told.status == 7, told
    assert "symbolic link" in told.out


def test_who_holds_a_saga_is_named(cli: Cli, path: Path) -> None:
    store = kept(path)
    long = "order/" + "7" * 200
    store.append(long, [started(long)], "started")
    with store.hold("a"), store.hold(long):
        told = doctored(cli)
    for run_id in ("a", long):
        assert f"held: {run_id} by process {os.getpid()} on " in told.out


def test_what_a_killed_process_left_is_told(cli: Cli, path: Path) -> None:
    kept(path)
    left = path.with_name("state.json.log.tmp")
    left.write_bytes(b"half")
    left.chmod(0o600)
    told = doctored(cli)
    assert told.status == 0, told
    assert f"note: .sagactl/{left.name} is left of a process that was killed" in told.out
    assert compact(path)
    assert not left.exists()


def test_modes_that_are_too_wide_are_told_with_what_narrows_them(cli: Cli, path: Path) -> None:
    kept(path)
    path.chmod(0o644)
    path.parent.chmod(0o755)
    told = doctored(cli)
    assert told.status == 0, told
    fixes = [line.partition(": chmod ")[2] for line in told.out.splitlines() if ": chmod " in line]
    assert sorted(fixes) == ["600 .sagactl/state.json", "700 .sagactl"]


def test_names_that_would_write_to_a_terminal_do_not(cli: Cli, path: Path) -> None:
    store = kept(path)
    name = "x\x1b[2Jy"
    store.append(name, [started(name)], "started")
    damage(log_path(path), 'x\\u001b[2Jy","seq":1', 'x\\u001b[2Jy","seq":2')
    told = doctored(cli)
    assert told.status == 7, told
    assert "\x1b" not in told.out
    assert "[2Jy" in told.out


# --- --compact


def test_compact_makes_one_file_that_the_stock_tinydb_reads(cli: Cli, path: Path) -> None:
    kept(path)
    told = cli("doctor", "--compact", "-o", "json")
    assert told.status == 0, told
    assert log_path(path).stat().st_size == told.json["states"][0]["log_size"] < 64
    with TinyDB(path) as db:
        assert len(db.table("runs")) == 4
        assert len(db.table("events")) == 10


def test_compact_leaves_a_damaged_state_as_it_is(cli: Cli, path: Path) -> None:
    kept(path)
    damage(path, '"status":201', '"status":200')
    before = path.read_bytes(), log_path(path).read_bytes()
    told = cli("doctor", "--compact")
    assert told.status == 7, told
    assert "not compacted: " in told.err
    assert "damage: .sagactl/state.json" in told.out
    assert (path.read_bytes(), log_path(path).read_bytes()) == before


def test_compact_makes_nothing_where_there_is_nothing(cli: Cli) -> None:
    assert doctored(cli, "--compact").status == 0


# --- --salvage


def test_salvage_saves_what_is_whole_and_tells_what_is_not(cli: Cli, path: Path) -> None:
    store = kept(path)
    sound = {run_id: store.read(run_id) for run_id in ("a", "done", "new")}
    store.close()
    damage(log_path(path), '"seq":2,"event":{"type":"deadline_passed"', '"seq":3')
    before = everything(path.parent)
    told = cli("doctor", "--salvage", "new.json")
    assert told.status == 7, told
    assert "new.json: 3 sagas saved, whole\n" in told.out
    assert "  not saved: b: its event 2 cannot be read\n" in told.out
    assert everything(path.parent) == before
    new = TinyDBStore(cli.folder / "new.json", create=False)
    assert {run_id: new.read(run_id) for run_id in sound} == sound
    assert len(new.summaries()) == 3
    new.append("new", [began()], "pending")


def test_salvage_tells_programs_the_same(cli: Cli, path: Path) -> None:
    kept(path)
    log_path(path).unlink()
    told = cli("doctor", "--salvage", "new.json", "-o", "json")
    assert told.status == 7, told
    salvage = told.json["salvage"]
    assert (salvage["path"], salvage["saved"], salvage["other_tables"]) == (
        "new.json",
        ["done"],
        False,
    )
    assert [saga["id"] for saga in salvage["doubtful"]] == ["done"]
    assert [saga["id"] for saga in salvage["lost"]] == ["a", "b"]
    for saga in salvage["doubtful"] + salvage["lost"]:
        assert saga["reason"].endswith('is lost: "state.json.log" is missing')


def test_salvage_of_a_sound_state_is_a_copy(cli: Cli, path: Path) -> None:
    kept(path)
    told = cli("doctor", "--salvage", "new.json")
    assert told.status == 0, told
    assert "new.json: 4 sagas saved, whole\n" in told.out
    assert "not saved" not in told.out
    assert cli("list", "--state", "new.json").out == cli("list").out


@pytest.mark.parametrize("there", ["new.json", "new.json.log", ".sagactl/state.json"])
def test_salvage_writes_over_nothing(cli: Cli, path: Path, there: str) -> None:
    kept(path)
    if there.startswith("new"):
        cli.write(there, "precious")
    told = doctored(cli, "--salvage", there.removesuffix(".log"))
    assert told.status == 2, told
    assert f"{there}: it is there already" in told.err


def test_salvage_from_nothing_is_refused(cli: Cli) -> None:
    told = doctored(cli, "--salvage", "new.json")
    assert told.status == 2, told
    assert "there is no state to save from" in told.err


def test_salvage_that_cannot_be_written_says_so(cli: Cli, path: Path) -> None:
    kept(path)
    cli.write("file", "")
    told = doctored(cli, "--salvage", "file/new.json")
    assert told.status == 7, told
    assert "nothing was saved: " in told.err


# --- beside others


def test_a_saga_under_way_is_not_disturbed(cli: Cli) -> None:
    trip = cli.write("trip.yaml", TRIP)
    seen: list[Told] = []
    with Service() as service:
        cli.env = service.env
        for call in ("reserve action", "charge action", "ship action"):
            arguments = ("--compact",) if call == "charge action" else ()
            service.strike(call, lambda more=arguments: seen.append(cli("doctor", *more)))
        process = service.start(cli, "run", trip, "--id", "t", *GIVEN)
        told = ended(process)
        assert told.status == 0, told
        for beside in seen:
            assert beside.status == 0, beside
            assert f"held: t by process {process.pid}" in beside.out
    assert len(seen) == 3
