"""Sagas against services that nobody here wrote: json-server, from npm, over loopback."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Cli

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]

VERSION = "0.17.4"
TABLES = ("reservations", "payments", "shipments")

ORDER = """\
saga: order
input:
  type: object
  required: [order_id]
  properties: {order_id: {type: string}}
services:
  shop: {url: "${{ env.SHOP_URL }}", idempotency: none}
steps:
  - name: reserve
    service: shop
    action:
      request: POST /reservations
      json: {id: "${{ input.order_id }}", sku: tea}
    on_unknown: compensate
    compensation: {request: "DELETE /reservations/${{ input.order_id }}", success: [2xx, 404]}
  - name: pay
    service: shop
    action:
      request: POST /payments
      json: {id: "${{ input.order_id }}", amount: 4200}
    on_unknown: compensate
    compensation: {request: "DELETE /payments/${{ input.order_id }}", success: [2xx, 404]}
  - name: ship
    service: shop
    action:
      request: POST /%(ship)s
      json: {id: "${{ input.order_id }}"}
    on_unknown: compensate
    compensation: {request: "DELETE /shipments/${{ input.order_id }}", success: [2xx, 404]}
"""


@pytest.fixture(scope="session")
def json_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("json-server")
    done = subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", f"json-server@{VERSION}"],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip(f"json-server cannot be installed: {done.stderr[-200:]}")
    return folder / "node_modules/.bin/json-server"


@pytest.fixture
def shop(json_server: Path, tmp_path: Path) -> Iterator[str]:
    rows = tmp_path / "db.json"
    rows.write_text(json.dumps({table: [] for table in TABLES}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [str(json_server), "--quiet", "--host", "127.0.0.1", "--port", str(port), str(rows)],
        cwd=tmp_path,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _await(url)
        yield url
    finally:
        process.kill()
        process.wait()


def _await(url: str) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/payments", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > until:
                raise


def rows(url: str, table: str) -> list[dict[str, object]]:
    with urllib.request.urlopen(f"{url}/{table}", timeout=10) as reply:
        found: list[dict[str, object]] = json.load(reply)
        return found


def test_rows_are_created(cli: Cli, shop: str) -> None:
    cli.env["SHOP_URL"] = shop
    path = cli.write("order.yaml", ORDER % {"ship": "shipments"})
    told = cli("run", path, "-i", "order_id=o1", "-o", "json")
    assert told.status == 0, told
    assert [len(rows(shop, table)) for table in TABLES] == [1, 1, 1]
    assert rows(shop, "payments")[0]["amount"] == 4200


def test_rows_are_gone_again_after_a_failing_third_step(cli: Cli, shop: str) -> None:
    cli.env["SHOP_URL"] = shop
    path = cli.write("order.yaml", ORDER % {"ship": "no_such_table"})
    told = cli("run", path, "-i", "order_id=o2", "-o", "json")
    assert told.status == 1, told
    assert told.json["state"] == "failed"
    assert told.json["error"]["step"] == "ship"
    assert [len(rows(shop, table)) for table in TABLES] == [0, 0, 0]
    kinds = [event["type"] for event in cli("history", told.json["id"], "-o", "json").json]
    assert kinds.count("compensation_succeeded") == 2


PROMISING = """\
saga: promising
services:
  shop: {url: "${{ env.SHOP_URL }}", idempotency: %s}
defaults:
  retry: {max_attempts: 2, initial_interval: 10ms, multiplier: 1, max_interval: 10ms}
steps:
  - name: reserve
    service: shop
    action: {request: POST /reservations, json: {id: "${{ saga.id }}", sku: tea}}
    lookup: GET /reservations/${{ saga.id }}
    on_unknown: compensate
    compensation:
      request: DELETE /reservations/${{ saga.id }}
      success: [2xx, 404]
      idempotency: key
"""


def verdicts(cli: Cli, shop: str, idempotency: str, status: int) -> dict[str, str]:
    cli.env["SHOP_URL"] = shop
    path = cli.write("promising.yaml", PROMISING % idempotency)
    told = cli("test", "--live", path, "--yes", "-o", "json")
    assert told.status == status, told
    assert told.json["left"] == []
    assert rows(shop, "reservations") == []
    return {p["promise"]: p["verdict"] for p in told.json["services"][0]["promises"]}


def test_what_json_server_keeps_of_a_contract_and_what_it_does_not(cli: Cli, shop: str) -> None:
    found = verdicts(cli, shop, "none", 1)
    assert found.pop("action-late") == "broken"  # it knows nothing of undone actions
    assert found.pop("action-twice") == "not-asked"
    assert found == dict.fromkeys(("undo-twice", "undo-alone", "lookup"), "kept")


def test_json_server_does_not_keep_a_key_that_the_definition_says_it_keeps(
    cli: Cli, shop: str
) -> None:
    assert verdicts(cli, shop, "key", 1)["action-twice"] == "broken"
