"""Each verb as it is typed: what it prints, where, and how it exits."""

import json
import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest
from conftest import DEFINITIONS, Cli

ORDER = DEFINITIONS / "order.yaml"

BAD = """\
saga: order
steps:
  - name: reserve
    acton: PUT https://h.example/a
    timeout: 5
  - name: ship
    needs: [chrage]
    action: POST https://h.example/b
    compensation:
"""


def test_init_writes_what_lints_clean_and_runs(cli: Cli) -> None:
    told = cli("init", "orders")
    assert told.status == 0, told
    assert cli("lint", "--strict", "orders").status == 0
    again = cli("run", "orders/order.yaml", "--sandbox", "-o", "json")
    assert again.status == 0, again
    tested = cli("test", "orders")
    assert tested.status == 0, tested
    assert "3 tests in 1 file: 3 passed" in tested.err
    assert "sagactl test ." in (cli.folder / "orders/.github/workflows/sagas.yml").read_text()
    assert cli("init", "orders").status == 2


def test_lint_tells_every_mistake_with_its_place_and_code(cli: Cli) -> None:
    cli.write("bad.yaml", BAD)
    told = cli("lint", "bad.yaml")
    assert told.status == 1
    assert 'bad.yaml:4:5: error: unknown key "acton"' in told.out
    assert 'did you mean "action"' in told.out
    assert "bad.yaml:5:" in told.out
    assert "[empty-compensation]" in told.out or "compensation" in told.out
    assert "^~~~~" in told.out


def test_lint_json_is_a_list_of_problems(cli: Cli) -> None:
    cli.write("bad.yaml", BAD)
    found = cli("lint", "bad.yaml", "--format", "json").json
    assert {"path", "line", "column", "severity", "code", "message"} <= set(found[0])


def test_lint_searches_folders_for_sagas_only(cli: Cli) -> None:
    cli.write("a/order.yaml", "saga: order\nsteps: []\n")
    cli.write("a/other.yaml", "kind: Deployment\n")
    told = cli("lint", ".")
    assert told.status == 1
    assert "1 definition" in told.err
    assert "other.yaml" not in told.out


def test_lint_says_so_where_a_file_cannot_be_opened(cli: Cli) -> None:
    told = cli("lint", "missing.yaml")
    assert told.status == 2
    assert "missing.yaml" in told.err


def test_strict_fails_on_warnings(cli: Cli) -> None:
    cli.write("w.yaml", "saga: w\nsteps:\n  - {name: a, action: PUT https://h.example/a}\n")
    assert cli("lint", "w.yaml").status == 0
    assert cli("lint", "w.yaml", "--strict").status == 1


def test_run_refuses_a_definition_with_errors(cli: Cli) -> None:
    cli.write("bad.yaml", BAD)
    told = cli("run", "bad.yaml", "--sandbox")
    assert told.status == 2
    assert "bad.yaml:4:5: error" in told.err
    assert told.out == ""


def test_a_wrong_input_is_told_before_anything_is_sent(cli: Cli) -> None:
    told = cli("run", ORDER, "--sandbox", "-i", "order_id=1", "-i", "amount=-4", "-i", "itmes=[]")
    assert told.status == 2
    assert "amount" in told.err
    assert "itmes" in told.err
    assert not (cli.folder / ".sagactl").exists()


def test_inputs_are_typed_by_the_schema(cli: Cli) -> None:
    arguments = ["-i", "order_id=42", "-i", "customer=a@b.example", "-i", "amount=7"]
    told = cli("run", ORDER, "--sandbox", "-o", "json", *arguments, "-i", 'items=[{"sku": "x"}]')
    assert told.status == 0, told
    assert told.json["input"]["order_id"] == "42"
    assert told.json["input"]["amount"] == 7
    assert told.json["input"]["customer"] == "***"


def test_the_input_can_come_from_stdin(cli: Cli) -> None:
    given = {"order_id": "9", "customer": "c", "items": [1], "amount": 1}
    told = cli(
        "run", ORDER, "--sandbox", "--input-file", "-", "-o", "json", stdin=json.dumps(given)
    )
    assert told.json["id"] == "order-9"
    assert cli("run", ORDER, "--sandbox", "--input-file", "-", stdin='{"a": 1, "a": 2}').status == 2


def test_plan_sends_nothing_and_shows_the_undo(cli: Cli) -> None:
    told = cli("plan", ORDER)
    assert told.status == 0
    assert "POST payments:/charges" in told.out
    assert "undoes create_shipment → process_payment → reserve_inventory" in told.out
    document = cli("plan", ORDER, "-o", "json").json
    undone = document["failures"][-1]["rejected"]["undone"]
    assert undone == [["create_shipment"], ["process_payment"], ["reserve_inventory"]]
    arguments = ["-i", "order_id=42", "-i", "customer=c", "-i", "items=[1]", "-i", "amount=7"]
    assert '{"order_id":"42","amount":7}' in cli("plan", ORDER, *arguments).out


def test_list_filters_and_limits(cli: Cli) -> None:
    for name in ("a", "b", "c"):
        cli("run", ORDER, "--sandbox", "--id", name)
    cli("run", ORDER, "--sandbox", "--id", "d", "--fail", "create_shipment=422")

    def ids(*arguments: str) -> list[str]:
        return [run["id"] for run in cli("list", "--sandbox", "-o", "json", *arguments).json]

    assert ids() == ["d", "c", "b", "a"]
    assert ids("--status", "failed") == ["d"]
    assert ids("--limit", "2") == ["d", "c"]
    assert ids("--saga", "other") == []
    assert ids("--since", "1h") == ["d", "c", "b", "a"]
    assert cli("list", "--status", "faild").status == 2
    assert "did you mean" in cli("list", "--status", "faild").err


def test_an_unknown_or_ambiguous_id_is_refused(cli: Cli) -> None:
    for name in ("aa1", "aa2"):
        cli("run", ORDER, "--sandbox", "--id", name)
    assert cli("show", "zz").status == 2
    told = cli("show", "aa")
    assert told.status == 2
    assert "aa1" in told.err
    assert cli("show", "aa1").status == 0


def test_yaml_output_is_the_same_value(cli: Cli) -> None:
    import yaml

    cli("run", ORDER, "--sandbox", "--id", "y1")
    assert (
        yaml.safe_load(cli("show", "y1", "-o", "yaml").out) == cli("show", "y1", "-o", "json").json
    )


def test_state_is_for_its_owner_alone(cli: Cli) -> None:
    cli("run", ORDER, "--sandbox", "--id", "s1")
    folder = cli.folder / ".sagactl"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.rglob("*"):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted or path.name == ".gitignore", path


def test_a_damaged_state_is_told_and_left_alone(cli: Cli) -> None:
    path = cli.write(".sagactl/state.json", "{broken")
    for arguments in (["list"], ["resume", "--all"], ["show", "x"]):
        told = cli(*arguments)
        assert told.status == 7, told
        assert "state.json" in told.err
    assert path.read_text() == "{broken"


def test_a_folder_is_no_state(cli: Cli) -> None:
    told = cli("run", ORDER, "--sandbox", "--state", ".")
    assert told.status == 2
    assert "this is a folder" in told.err
    assert list(cli.folder.iterdir()) == []


def test_resume_all_says_so_where_nothing_waits(cli: Cli) -> None:
    told = cli("resume", "--all")
    assert told.status == 0
    assert "no saga waits" in told.err


def test_resume_all_goes_on_with_every_saga_that_has_not_ended(cli: Cli) -> None:
    cli.env["API_URL"] = "http://127.0.0.1:9"
    path = cli.write("down.yaml", SLOW.replace("timeout: 300ms\n", ""))
    for name in ("w1", "w2"):
        assert cli("run", path, "--id", name, "--no-wait").status == 5
    told = cli("resume", "--all", "-o", "json")
    assert told.status == 1, told
    assert [(run["id"], run["state"]) for run in told.json] == [("w1", "failed"), ("w2", "failed")]
    assert cli("list", "--status", "pending", "-o", "json").json == []


def test_compensate_past_the_pivot_is_refused_with_the_reason(cli: Cli) -> None:
    cli("run", ORDER, "--sandbox", "--id", "pp")
    told = cli("compensate", "pp")
    assert told.status == 2
    assert "send_confirmation" in told.err
    assert cli("show", "pp", "-o", "json").json["state"] == "completed"


def test_a_usage_error_exits_2(cli: Cli) -> None:
    assert cli("run").status == 2
    assert cli("run", ORDER, "--no-such-option").status == 2
    assert cli("nonsense").status == 2


SECRET = "s3cr3t-canary-value"

ECHO = """\
saga: echo
services:
  api: {url: "${{ env.API_URL }}", idempotency: key, headers: {Authorization: "Bearer ${{ secrets.TOKEN }}"}}
steps:
  - name: one
    service: api
    action: {request: "PUT /one", json: {a: 1}}
    compensation: none
"""


def test_a_missing_secret_is_found_before_anything_is_sent(cli: Cli) -> None:
    cli.env["API_URL"] = "http://127.0.0.1:9"
    told = cli("run", cli.write("echo.yaml", ECHO))
    assert told.status == 2
    assert "SAGACTL_SECRET_TOKEN" in told.err


def test_a_secret_is_written_nowhere(cli: Cli) -> None:
    cli.env |= {"API_URL": "http://127.0.0.1:9", "SAGACTL_SECRET_TOKEN": SECRET}
    told = cli("run", cli.write("echo.yaml", ECHO), "--id", "e1", "-o", "json")
    assert told.status == 1, told
    assert told.json["state"] == "failed"
    seen = told.out + told.err + cli("history", "e1", "-o", "json").out + cli("show", "e1").out
    seen += "".join(p.read_text() for p in (cli.folder / ".sagactl").rglob("*") if p.is_file())
    assert SECRET not in seen


def _await_line(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return
    raise AssertionError(f"{word} was never said")


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_P1_a_signal_ends_what_is_in_flight_and_begins_nothing(
    cli: Cli, number: signal.Signals, status: int
) -> None:
    process = cli.start("run", ORDER, "--sandbox", "--id", "p1", "--fail", "create_shipment=429")
    _await_line(process, "create_shipment  not sent")
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == status
    assert "sagactl resume p1" in out
    again = cli("resume", "p1", "--fail", "none", "-o", "json")
    assert again.status == 0, again


def test_P2_a_second_signal_cuts_off_and_records_the_unknown(cli: Cli) -> None:
    process = cli.start(
        "run", ORDER, "--sandbox", "--id", "p2", "--fail", "process_payment=timeout"
    )
    _await_line(process, "process_payment  attempt 1")
    process.send_signal(signal.SIGINT)
    _await_line(process, "once more")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    shown = cli("show", "p2", "-o", "json").json
    assert shown["steps"][1]["status"] == "unknown"
    again = cli("resume", "p2", "--fail", "none", "-o", "json")
    assert again.status == 0, again


def test_another_process_that_has_the_saga_is_named(cli: Cli) -> None:
    process = cli.start(
        "run", ORDER, "--sandbox", "--id", "h1", "--fail", "process_payment=timeout"
    )
    _await_line(process, "process_payment  attempt 1")
    told = cli("resume", "h1")
    assert told.status == 6, told
    assert str(process.pid) in told.err
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    # The kernel frees the lock of the dead; nobody guesses by pid or time.
    assert cli("resume", "h1", "--fail", "none").status == 0


def test_a_reader_that_goes_away_stops_no_saga(cli: Cli) -> None:
    process = cli.start("run", ORDER, "--sandbox", "--id", "r1")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stderr.close()
    process.wait(timeout=60)
    assert cli("show", "r1", "-o", "json").json["state"] == "completed"


def test_an_ascii_terminal_is_no_reason_to_fail(cli: Cli) -> None:
    cli.env |= {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    told = cli("run", ORDER, "--sandbox", "--id", "l1")
    assert told.status == 0, told


def test_a_changed_definition_does_not_change_a_run(cli: Cli) -> None:
    path = cli.write("order.yaml", ORDER.read_text())
    told = cli("run", path, "--sandbox", "--id", "c1", "--fail", "create_shipment=429", "--no-wait")
    assert told.status == 5, told
    path.write_text(ORDER.read_text().replace("create_shipment", "send_parcel"))
    again = cli("resume", "c1", "--fail", "none", "-o", "json")
    assert again.status == 0, again
    assert "has changed since" in again.err
    assert again.json["steps"][2]["name"] == "create_shipment"


SLOW = """\
saga: slow
timeout: 300ms
services: {api: {url: "${{ env.API_URL }}", idempotency: key}}
steps:
  - name: one
    service: api
    action: PUT /one
    compensation: DELETE /one
  - name: two
    service: api
    action: PUT /two
    compensation: {request: DELETE /two, success: [2xx, 404]}
"""


def test_past_its_deadline_a_saga_is_compensated(cli: Cli) -> None:
    path = cli.write("slow.yaml", SLOW)
    told = cli(
        "run", path, "--sandbox", "--id", "d1", "--fail", "two=429", "--no-wait", "-o", "json"
    )
    assert told.status in (1, 5)
    again = cli("resume", "d1", "-o", "json")
    assert again.status == 1, again
    assert again.json["state"] == "failed"


def test_extend_gives_a_saga_more_time(cli: Cli) -> None:
    path = cli.write("slow.yaml", SLOW.replace("300ms", "5s"))
    told = cli(
        "run", path, "--sandbox", "--id", "d2", "--fail", "two=429", "--no-wait", "-o", "json"
    )
    assert told.status == 5, told
    again = cli("resume", "d2", "--extend", "1h", "--fail", "none", "-o", "json")
    assert again.status == 0, again


def test_a_service_that_is_down_fails_the_saga_without_effect(cli: Cli) -> None:
    cli.env["API_URL"] = "http://127.0.0.1:9"
    path = cli.write("down.yaml", SLOW.replace("timeout: 300ms\n", ""))
    told = cli("run", path, "-o", "json")
    assert told.status == 1, told
    assert "refused" in told.json["error"]["message"]
    assert told.json["steps"][0]["attempts"] == 4


def test_no_home_and_a_folder_that_cannot_be_written_is_told(cli: Cli) -> None:
    cli.write("file", "")
    told = cli("run", ORDER, "--sandbox", "--state", Path("file/state.json"))
    assert told.status == 7, told


CANARY = "ca nary+4242@example"


def test_a_sensitive_input_is_sent_and_never_shown(cli: Cli) -> None:
    text = ORDER.read_text().replace("POST /messages", "POST /messages/${{ input.customer }}")
    path = cli.write("order.yaml", text)
    given = ["-i", "order_id=1", "-i", f"customer={CANARY}", "-i", "items=[1]", "-i", "amount=1"]
    told = cli("run", path, "--sandbox", "--id", "v1", "--fail", "send_confirmation=503x1", *given)
    assert told.status == 0, told
    seen = told.out + told.err
    for verb in ("show", "history"):
        seen += cli(verb, "v1").out + cli(verb, "v1", "-o", "json").out
    assert "***" in seen
    for hidden in (CANARY, "ca%20nary%2B4242%40example"):
        assert hidden not in seen
    ledger = (cli.folder / ".sagactl/sandbox.ledger.jsonl").read_text()
    assert "ca%20nary%2B4242%40example" in ledger


def test_states_in_one_folder_do_not_share_their_sandboxes(cli: Cli) -> None:
    for name in ("a.json", "b.json"):
        told = cli("run", ORDER, "--sandbox", "--state", name, "--id", "same")
        assert told.status == 0
        assert "4 requests were played" in told.out
    assert (cli.folder / "a.sandbox.json").exists()


def test_a_hint_finds_the_saga_when_it_is_pasted(cli: Cli) -> None:
    cli.env["API_URL"] = "http://127.0.0.1:9"
    path = cli.write("down.yaml", SLOW.replace("timeout: 300ms\n", ""))
    told = cli("run", path, "--id", "p1", "--no-wait", "--state", "my states/s.json")
    assert told.status == 5, told
    assert "sagactl resume p1 --state 'my states/s.json'" in told.out
    assert cli("resume", "p1", "--state", "my states/s.json").status == 1
