"""The verbs that keep the house: list's filters, doctor, export and prune."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import DEFINITIONS, Cli
from journal.samples import story

from sagactl.cli import app
from sagactl.journal.compaction import compact
from sagactl.journal.store import Append
from sagactl.journal.tinydb_store import TinyDBStore

ORDER = DEFINITIONS / "order.yaml"


def run(cli: Cli, run_id: str, *arguments: str) -> None:
    told = cli("run", ORDER, "--sandbox", "--id", run_id, *arguments)
    assert told.status in (0, 1), told


def listed(cli: Cli, *arguments: str) -> list[str]:
    return [saga["id"] for saga in cli("list", "-o", "json", *arguments).json]


# --- list


def test_list_finds_sagas_by_their_tags(cli: Cli) -> None:
    run(cli, "a", "--tag", "channel=web", "--tag", "team=blue")
    run(cli, "b", "--tag", "channel=web", "--tag", "note=a=b")
    run(cli, "c")
    assert listed(cli, "--sandbox") == ["c", "b", "a"]
    assert listed(cli, "--sandbox", "--tag", "channel=web") == ["b", "a"]
    assert listed(cli, "--sandbox", "--tag", "channel=web", "--tag", "team") == ["a"]
    assert listed(cli, "--sandbox", "--tag", "team", "--tag", "note") == []
    assert listed(cli, "--sandbox", "--tag", "channel=we") == []
    assert listed(cli, "--sandbox", "--tag", "note=a=b", "--limit", "1") == ["b"]
    [saga] = cli("list", "--sandbox", "--tag", "team", "-o", "json").json
    assert saga["tags"] == {"channel": "web", "team": "blue"}


def test_list_has_a_column_of_tags_where_there_are_any(cli: Cli) -> None:
    run(cli, "a")
    assert "TAGS" not in cli("list", "--sandbox").out
    run(cli, "b", "--tag", "channel=web")
    head, tagged, _ = cli("list", "--sandbox").out.splitlines()
    assert head.endswith("TAGS")
    assert tagged.endswith("  channel=web")


def test_list_takes_several_states(cli: Cli) -> None:
    run(cli, "a")
    run(cli, "b", "--fail", "create_shipment=422")
    states = ("--status", "failed", "--status", "stuck")
    assert listed(cli, "--sandbox", *states) == ["b"]
    assert listed(cli, "--sandbox", *states, "--status", "completed") == ["b", "a"]


@pytest.mark.parametrize("tag", ["", "=web", "Channel=web", "a b", "ä=1"])
def test_a_tag_with_no_fit_key_is_refused(cli: Cli, tag: str) -> None:
    for arguments in (["list", "--tag", tag], ["run", str(ORDER), "--sandbox", "--tag", tag]):
        told = cli(*arguments)
        assert told.status == 2, told
        assert "--tag takes key=value" in told.err
    assert not (cli.folder / ".sagactl").exists()


# --- export


def exported(cli: Cli, *arguments: str | Path) -> list[Any]:
    told = cli("export", *arguments)
    assert told.status == 0, told
    return [json.loads(line) for line in told.out.splitlines()]


def test_export_is_a_line_about_itself_and_one_for_each_saga(cli: Cli) -> None:
    run(cli, "a", "--tag", "channel=web")
    run(cli, "b", "--fail", "create_shipment=422")
    head, first, second = exported(cli, "--sandbox")
    assert (head["format"], head["version"], head["sagas"]) == ("sagactl-export", 1, 2)
    assert (first["summary"]["run_id"], second["summary"]["run_id"]) == ("a", "b")
    assert first["summary"]["tags"] == {"channel": "web"}
    assert second["summary"]["state"] == "failed"
    assert first["events"][0]["type"] == "run_started"
    for saga in (first, second):
        history = cli("history", saga["summary"]["run_id"], "-o", "json").json
        assert [event["type"] for event in saga["events"]] == [event["type"] for event in history]


def test_export_takes_ids_and_the_filters_of_list(cli: Cli) -> None:
    run(cli, "aa", "--tag", "channel=web")
    run(cli, "b", "--fail", "create_shipment=422")

    def ids(*arguments: str) -> list[str]:
        _, *sagas = exported(cli, "--sandbox", *arguments)
        return [saga["summary"]["run_id"] for saga in sagas]

    assert ids("a") == ["aa"]
    assert ids("b", "a") == ["aa", "b"]
    assert ids("--status", "failed") == ["b"]
    assert ids("--tag", "channel") == ["aa"]
    assert ids("--saga", "other") == []
    assert ids("--since", "1h") == ["aa", "b"]
    assert cli("export", "zz", "--sandbox").status == 2
    assert "no sagas found" in cli("export").err


def test_list_show_and_history_read_an_export_as_they_read_the_state(cli: Cli) -> None:
    run(cli, "a")
    run(cli, "b", "--fail", "create_shipment=422")
    cli("run", ORDER, "--sandbox", "--id", "c", "--fail", "create_shipment=429", "--no-wait")
    path = cli.write("sagas.jsonl", cli("export", "--sandbox").out)
    listed = cli("list", "--sandbox")
    assert cli("list", "--state", path) == listed
    for run_id in "abc":
        for verb in ("show", "history"):
            for form in ("table", "json"):
                there = cli(verb, run_id, "-o", form)
                assert there.status == 0
                again = cli(verb, run_id, "-o", form, "--state", path)
                option = f" --state {path}"
                assert again.out.replace(option, "") == there.out
    # Even an export of the export: nothing is lost on the way.
    again = cli("export", "--state", path)
    assert again.out.splitlines()[1:] == path.read_text().splitlines()[1:]


def test_export_shows_no_more_than_history_does(cli: Cli) -> None:
    canary = "ca nary+4242@example"
    text = ORDER.read_text().replace("POST /messages", "POST /messages/${{ input.customer }}")
    path = cli.write("order.yaml", text)
    given = ["-i", "order_id=1", "-i", f"customer={canary}", "-i", "items=[1]", "-i", "amount=1"]
    told = cli("run", path, "--sandbox", "--id", "v1", *given)
    assert told.status == 0, told
    text = cli("export", "--sandbox").out
    assert "***" in text
    assert canary not in text
    assert "ca%20nary%2B4242%40example" not in text
    copy = cli.write("sagas.jsonl", text)
    assert cli("show", "v1", "--state", copy).status == 0


def test_whatever_would_go_on_with_an_export_is_refused(cli: Cli) -> None:
    cli("run", ORDER, "--sandbox", "--id", "c", "--fail", "create_shipment=429", "--no-wait")
    path = cli.write("sagas.jsonl", cli("export", "--sandbox").out)
    before = sorted(cli.folder.rglob("*")), path.read_text()
    for arguments in (
        ["resume", "c"],
        ["compensate", "c"],
        ["resume", "--all"],
        ["run", ORDER, "--sandbox"],
        ["run", ORDER, "--sandbox", "--id", "c"],
    ):
        told = cli(*arguments, "--state", path)
        assert told.status == 7, told
        assert "it is an export" in told.err
    assert (sorted(cli.folder.rglob("*")), path.read_text()) == before


# --- prune


OLD = ("--older-than", "1ms", "--sandbox")


def state_of(cli: Cli) -> Path:
    return cli.folder / ".sagactl" / "sandbox.json"


def files(cli: Cli) -> dict[str, bytes]:
    """Everything that lies in the state's folder, but for the locks of runs."""
    return {p.name: p.read_bytes() for p in state_of(cli).parent.iterdir() if p.is_file()}


def three(cli: Cli) -> None:
    """One saga that completed, one that failed, one that waits."""
    run(cli, "done")
    run(cli, "undone", "--fail", "create_shipment=422")
    cli("run", ORDER, "--sandbox", "--id", "waits", "--fail", "create_shipment=429", "--no-wait")


def test_prune_shows_what_would_go_and_how(cli: Cli) -> None:
    three(cli)
    before = files(cli)
    told = cli("prune", *OLD)
    assert told.status == 0, told
    assert "done " in told.out
    assert "waits" not in told.out
    assert told.out.endswith("nothing was removed; the same with --yes removes 2 sagas\n")
    assert cli("prune", *OLD, "-o", "json").json["dry_run"] is True
    assert files(cli) == before


def test_prune_removes_what_has_ended(cli: Cli) -> None:
    three(cli)
    told = cli("prune", *OLD, "--yes")
    assert (told.status, told.out) == (0, "removed 2 sagas\n")
    assert listed(cli, "--sandbox") == ["waits"]
    assert cli("history", "waits").status == 0
    assert cli("show", "done").status == 2
    whole = b"".join(files(cli).values()).replace(files(cli)["sandbox.ledger.jsonl"], b"")
    assert b'"done"' not in whole
    assert b'"waits"' in whole


def test_prune_takes_states_sagas_and_ages(cli: Cli) -> None:
    three(cli)

    def ids(*arguments: str) -> list[str]:
        told = cli("prune", "--sandbox", "-o", "json", *arguments)
        assert told.status == 0, told
        return [saga["id"] for saga in told.json["sagas"]]

    assert ids("--older-than", "1ms") == ["done", "undone"]
    assert ids("--older-than", "1h") == []
    assert ids("--older-than", "1ms", "--status", "failed") == ["undone"]
    assert ids("--older-than", "1ms", "--saga", "other") == []
    assert ids("--older-than", "1ms", "--status", "completed", "--yes") == ["done"]
    assert listed(cli, "--sandbox") == ["waits", "undone"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--older-than", "soon"], "--older-than takes a duration"),
        (["--older-than", "1d", "--status", "stuck"], "only a saga that has ended can go"),
        (["--older-than", "1d", "--status", "complete"], 'did you mean "completed"'),
        ([], "--older-than"),
    ],
)
def test_prune_refuses_what_makes_no_sense(cli: Cli, arguments: list[str], reason: str) -> None:
    run(cli, "done")
    told = cli("prune", "--sandbox", "--yes", *arguments)
    assert told.status == 2, told
    assert reason in told.err
    assert listed(cli, "--sandbox") == ["done"]


def test_prune_finds_nothing_where_there_is_nothing(cli: Cli) -> None:
    told = cli("prune", *OLD)
    assert (told.status, told.out) == (0, "")
    assert "no sagas found" in told.err
    assert cli("prune", *OLD, "--yes").out == "removed 0 sagas\n"
    assert list(cli.folder.iterdir()) == []


def test_prune_leaves_a_saga_that_somebody_has(cli: Cli) -> None:
    three(cli)
    store = TinyDBStore(state_of(cli), create=False)
    with store.hold("done"):
        told = cli("prune", *OLD, "--yes", "-o", "json")
    assert told.status == 0, told
    assert [saga["id"] for saga in told.json["sagas"]] == ["undone"]
    assert told.json["skipped"] == ["done"]
    assert f'run "done" is held by process {os.getpid()}' in told.err
    assert listed(cli, "--sandbox") == ["waits", "done"]


def test_prune_takes_many_in_several_commits(cli: Cli) -> None:
    store = TinyDBStore(state_of(cli), create=True)
    many = [f"order-{number}" for number in range(450)]
    store.append_all([Append(run_id, story(run_id), "completed") for run_id in many])
    store.close()
    told = cli("prune", *OLD)
    assert "… and 350 more" in told.out
    assert len(told.out.splitlines()) == 103
    begin = store.summaries()
    assert len(begin) == 450
    assert cli("prune", *OLD, "--yes").out == "removed 450 sagas\n"
    assert store.summaries() == []
    # Compacted: the log is empty again, and so is the state.
    assert all(len(files(cli)[name]) < 600 for name in ("sandbox.json", "sandbox.json.log"))


def test_prune_tells_damage_and_how_far_it_came(cli: Cli) -> None:
    three(cli)
    compact(state_of(cli))
    whole = state_of(cli).read_bytes()
    at = whole.index(b'"run":"undone","seq":3')
    damaged = whole[:at] + whole[at:].replace(b"200", b"201", 1)
    state_of(cli).write_bytes(damaged)
    told = cli("prune", *OLD, "--yes")
    assert told.status == 7, told
    assert "0 of 2 sagas were removed before that" in told.err
    assert state_of(cli).read_bytes() == damaged


def test_a_pruned_saga_can_be_run_again(cli: Cli) -> None:
    run(cli, "order-1")
    assert cli("run", ORDER, "--sandbox", "--id", "order-1").status == 0
    assert len(listed(cli, "--sandbox")) == 1
    assert cli("prune", *OLD, "--yes").out == "removed 1 saga\n"
    run(cli, "order-1", "--tag", "again=yes")
    assert listed(cli, "--sandbox", "--tag", "again") == ["order-1"]


# --- where a state may lie


@pytest.fixture
def on_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a test, which the kernel's list of mounts calls a network file system."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"22 21 0:40 / {tmp_path}/share rw - nfs4 server:/share rw\n"
    )
    monkeypatch.setattr("sagactl.journal.file_system.MOUNTS", mounts)
    share = tmp_path / "share"
    share.mkdir()
    monkeypatch.chdir(share)
    return share


def test_a_state_on_a_network_file_system_is_refused_unless_asked_for(
    on_network: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def typed(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["sagactl", *arguments])
        return app.run()

    order = ("run", str(ORDER), "--sandbox", "--id", "a")
    assert typed(*order) == 7
    told = capsys.readouterr().err
    assert "network file system (nfs4)" in told
    assert "--allow-network-state" in told
    assert list(on_network.iterdir()) == []
    assert typed(*order, "--allow-network-state") == 0
    assert typed("list", "--sandbox") == 0
    assert "completed" in capsys.readouterr().out
    assert typed("prune", "--older-than", "1ms", "--sandbox", "--yes") == 7
    monkeypatch.setenv("SAGACTL_ALLOW_NETWORK_STATE", "1")
    assert typed("prune", "--older-than", "1ms", "--sandbox", "--yes") == 0
    assert typed(*order[:-1], "b") == 0
