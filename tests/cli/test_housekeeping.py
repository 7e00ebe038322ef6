"""The verbs that keep the house: list's filters, doctor, export and prune."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import DEFINITIONS, Cli

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
