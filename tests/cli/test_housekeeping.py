"""The verbs that keep the house: list's filters, doctor, export and prune."""

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
