"""`sagactl test --live` as somebody with a staging environment meets it."""

import os
import signal
import subprocess
from pathlib import Path

import pexpect
import pytest
from conftest import DEFINITIONS, ROOT, Cli
from rehearsal.play import Play
from rehearsal.shop import PATIENCE_S, SHOP, Shop

from sagactl.cli.loading import load_definition

SECRET = "hunter2-of-the-stock"
WHO = "ada@example.com"


def live(cli: Cli, shop: Shop, *more: str) -> list[str | Path]:
    """The command line of a live test of a shop."""
    cli.env["SHOP_URL"] = shop.url
    cli.env["SAGACTL_SECRET_STOCK"] = SECRET
    return ["test", "--live", cli.write("shop.yaml", SHOP), *more]


def test_without_yes_and_without_a_terminal_nothing_is_sent(cli: Cli) -> None:
    with Shop() as shop:
        told = cli(*live(cli, shop))
    assert told.status == 2
    assert "--yes" in told.err
    assert "nothing was sent" in told.err
    assert told.out == ""
    assert shop.calls == []


def test_it_tells_before_whom_it_contacts_and_how_often(cli: Cli) -> None:
    with Shop() as shop:
        told = cli(*live(cli, shop))
        asked = cli(*live(cli, shop, "--yes", "-o", "json"))
    assert f"stock  {shop.url}" in told.err
    assert f"about {len(shop.calls)} requests for 2 steps" in told.err
    assert asked.json["requests"] == len(shop.calls)


@pytest.mark.parametrize(("word", "status"), [("y", 0), ("n", 2)])
def test_in_a_terminal_it_asks(cli: Cli, word: str, status: int) -> None:
    with Shop() as shop:
        child = terminal(cli, live(cli, shop))
        child.expect_exact("go on? [y/N]")
        assert shop.calls == []
        child.sendline(word)
        child.expect(pexpect.EOF)
        child.close()
    assert child.exitstatus == status
    assert bool(shop.calls) is (word == "y")


def test_ctrl_c_at_the_question_sends_nothing(cli: Cli) -> None:
    with Shop() as shop:
        child = terminal(cli, live(cli, shop))
        child.expect_exact("go on? [y/N]")
        child.sendintr()
        child.expect(pexpect.EOF)
        child.close()
    assert child.exitstatus == 130
    assert shop.calls == []


def terminal(cli: Cli, arguments: list[str | Path]) -> "pexpect.spawn[str]":
    program, *rest = cli.command(*arguments)
    env: os._Environ[str] = {**cli.environment, "COLUMNS": "200"}  # type: ignore[assignment]
    return pexpect.spawn(
        program, rest, cwd=str(cli.folder), env=env, timeout=PATIENCE_S, encoding="utf-8"
    )


def test_a_contract_that_is_kept_is_exit_0_and_a_table_for_each_service(cli: Cli) -> None:
    with Shop() as shop:
        told = cli(*live(cli, shop, "--yes"))
    assert told.status == 0, told
    lines = told.out.splitlines()
    assert [line for line in lines if line.endswith(shop.url)] == [
        f"stock  {shop.url}",
        f"bank  {shop.url}",
    ]
    assert "left in the world: nothing" in lines
    assert lines[-1].startswith("shop: 9 kept, 1 not asked; ")


def test_a_broken_promise_is_exit_1_and_says_what_was_seen(cli: Cli) -> None:
    with Shop({"second-undo-404"}) as shop:
        told = cli(*live(cli, shop, "--yes"))
    assert told.status == 1, told
    broken = [line for line in told.out.splitlines() if "✗ broken" in line]
    assert len(broken) == 2
    assert all("the undo twice is once" in line and "200, 404" in line for line in broken)
    assert 'write "success: [2xx, 404]"' in broken[0]


def test_json_has_the_same_for_programs(cli: Cli) -> None:
    with Shop({"lone-undo"}) as shop:
        told = cli(*live(cli, shop, "--yes", "-o", "json"))
    assert told.status == 1, told
    assert not told.json["kept"]
    stock = told.json["services"][0]
    assert (stock["name"], stock["url"]) == ("stock", shop.url)
    found = {promise["promise"]: promise for promise in stock["promises"]}
    assert found["undo-alone"]["verdict"] == "broken"
    assert found["undo-alone"]["statuses"] == [404]
    assert found["action-late"]["verdict"] == "cannot-be-told"
    assert told.json["left"] == []


def test_neither_secrets_nor_sensitive_values_are_shown_though_a_service_says_them(
    cli: Cli,
) -> None:
    for form in ("table", "json", "yaml"):
        with Shop({"echo"}) as shop:
            told = cli(*live(cli, shop, "--yes", "-v", "-o", form))
        assert told.status == 1, told
        assert "not with" in told.out
        for text in (told.out, told.err):
            assert SECRET not in text
            assert WHO not in text


def test_a_service_may_be_pointed_somewhere_else(cli: Cli) -> None:
    with Shop() as shop, Shop() as staging:
        override = f"bank={staging.url}"
        told = cli(*live(cli, shop, "--yes", "--service", override))
    assert told.status == 0, told
    assert {target.split("/")[1].split("?")[0] for _, target in shop.calls} == {"holds"}
    assert {target.split("/")[1].split("?")[0] for _, target in staging.calls} == {"charges"}


def test_with_every_service_pointed_to_no_environment_is_needed(cli: Cli) -> None:
    path = cli.write("shop.yaml", SHOP)
    cli.env["SAGACTL_SECRET_STOCK"] = SECRET
    with Shop() as shop:
        services = [f"--service={name}={shop.url}" for name in ("stock", "bank")]
        told = cli("test", "--live", path, "--yes", *services)
    assert told.status == 0, told


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--service", "bnak=http://h"], 'did you mean "bank"?'),
        (["--service", "bank"], "takes NAME=URL"),
        (["--service", "bank=ftp://h"], "cannot be used"),
        (["--service", "bank=http://user:pass@h"], "cannot be used"),
        (["--service", "bank=http://h?x=1"], "takes scheme, host, port and path"),
        (["--skip", "hodl"], 'did you mean "hold"?'),
        (["-i", "who=1", "-i", "what"], "takes name=value"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(
    cli: Cli, more: list[str], words: str
) -> None:
    with Shop() as shop:
        told = cli(*live(cli, shop, "--yes", *more))
    assert told.status == 2, told
    assert words in told.err
    assert "pass@" not in told.err
    assert shop.calls == []


def test_a_missing_address_is_found_before_anything_is_sent(cli: Cli) -> None:
    told = cli("test", "--live", cli.write("shop.yaml", SHOP), "--yes")
    assert told.status == 2
    assert '"SHOP_URL" is not set' in told.err


def test_an_address_and_a_secret_may_come_out_of_files(cli: Cli) -> None:
    path = cli.write("shop.yaml", SHOP)
    secrets = cli.write("secrets", f"STOCK={SECRET}\n")
    with Shop() as shop:
        env = cli.write("staging.env", f"SHOP_URL={shop.url}\n")
        told = cli("test", "--live", path, "--yes", "--env-file", env, "--secrets-file", secrets)
    assert told.status == 0, told


def interrupted(cli: Cli, shop: Shop) -> "subprocess.Popen[str]":
    """A live test that has a charge in flight, and was told to stop."""
    process = cli.start(*live(cli, shop, "--yes"))
    assert shop.held.wait(PATIENCE_S)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    for line in process.stderr:
        if "stopping" in line:
            return process
    raise AssertionError("it did not say that it stops")


def test_ctrl_c_undoes_what_was_done_and_exits_130(cli: Cli) -> None:
    with Shop({"hold"}) as shop:
        process = interrupted(cli, shop)
        shop.freed.set()
        out, err = process.communicate(timeout=PATIENCE_S)
        calls = list(shop.calls)
    assert process.returncode == 130, (out, err)
    assert shop.standing == []
    assert [thing.kind for thing in shop.things] == ["holds", "charges"]
    assert "interrupted: shop" in out
    assert "left in the world: nothing" in out
    # Each was undone once, the last one first, and no promise was asked for any more.
    assert [call[1].split("/")[1] for call in calls[-2:]] == ["charges", "holds"]


def test_ctrl_c_twice_tells_what_is_left(cli: Cli) -> None:
    with Shop({"hold"}) as shop:
        process = interrupted(cli, shop)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
        shop.freed.set()
    assert process.returncode == 130, (out, err)
    assert shop.standing[0] == "holds"
    left = out.split("left in the world:")[1]
    assert "hold of live-" in left
    assert "pay of live-" in left
    assert "it may have happened" in left


def test_the_sandbox_of_the_order_passes_from_the_command_line(cli: Cli) -> None:
    order = DEFINITIONS / "order.yaml"
    cli.env["SAGACTL_SECRET_INVENTORY_TOKEN"] = SECRET
    with Play(load_definition(order)) as play:
        host, port = play.address
        for name in ("inventory", "payments", "shipping", "mail"):
            cli.env[f"{name.upper()}_URL"] = f"http://{host}:{port}/{name}"
        told = cli("test", "--live", order, "--yes")
        left = [effect.step for effect in play.ledger.left()]
    assert told.status == 0, told
    assert left == ["send_confirmation"]
    assert "send_confirmation of live-" in told.out
    assert "have no compensation: send_confirmation" in told.err
    assert WHO not in told.out + told.err
    assert not (cli.folder / ".sagactl").exists()


def test_the_readme_names_the_options_of_a_live_test() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "sagactl test --live FILE" in readme
