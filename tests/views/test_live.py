"""The live view on a real terminal: it moves, and leaves a clean table behind."""

import sys

import pytest
from conftest import DEFINITIONS, Cli

pexpect = pytest.importorskip("pexpect")


def on_terminal(cli: Cli, *arguments: str, columns: int = 100, **env: str) -> tuple[str, int]:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "sagactl", *arguments],
        cwd=str(cli.folder),
        env={**cli.environment, "TERM": "xterm-256color", **env},
        dimensions=(30, columns),
        encoding="utf-8",
        timeout=60,
        use_poll=True,
    )
    child.expect(pexpect.EOF)
    child.close()
    return child.before, child.exitstatus


ORDER = str(DEFINITIONS / "order.yaml")


def test_a_terminal_gets_a_table_that_moves_and_stays(cli: Cli) -> None:
    seen, status = on_terminal(cli, "run", ORDER, "--sandbox", "--fail", "create_shipment=422")
    assert status == 1
    assert "\x1b[" in seen
    end = seen[seen.rindex("order-fulfillment") :]
    for name in ("reserve_inventory", "process_payment", "create_shipment", "send_confirmation"):
        assert end.count(name) >= 1
    assert "everything that was done is undone" in end
    assert "left in the world: nothing" in end
    # The steps were watched, so they are not told a second time.
    assert "compensated" not in end


def test_a_narrow_terminal_is_no_reason_to_fail(cli: Cli) -> None:
    seen, status = on_terminal(cli, "run", ORDER, "--sandbox", columns=24)
    assert status == 0
    assert "completed" in seen


def test_a_dumb_terminal_gets_lines(cli: Cli) -> None:
    seen, status = on_terminal(cli, "run", ORDER, "--sandbox", TERM="dumb")
    assert status == 0
    assert "\x1b[" not in seen
    assert "process_payment  applied: 200 OK" in seen


def test_no_color_means_no_colour(cli: Cli) -> None:
    seen, _ = on_terminal(cli, "run", ORDER, "--sandbox", NO_COLOR="1")
    assert "\x1b[3" not in seen.replace("\x1b[39m", "").replace("\x1b[3m", "")
