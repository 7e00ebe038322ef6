"""How often a saga asks the disk: n+1 syncs for n steps, counted in the real program."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import DEFINITIONS, Cli

ORDER = str(DEFINITIONS / "order.yaml")

COUNTING = """\
import json, os, sys
counts = {"fdatasync": 0, "fsync": 0}
def counted(name, real):
    def call(fd):
        counts[name] += 1
        return real(fd)
    return call
for name in counts:
    setattr(os, name, counted(name, getattr(os, name)))
sys.argv[0] = "sagactl"
from sagactl.cli import main
try:
    main()
finally:
    with open("counts.json", "w") as file:
        json.dump(counts, file)
"""


def syncs(cli: Cli, *arguments: str) -> int:
    """How many commits a call of the program made durable."""
    subprocess.run(
        [sys.executable, "-c", COUNTING, *arguments],
        cwd=cli.folder,
        env=cli.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    counts = json.loads((cli.folder / "counts.json").read_text())
    found: int = counts["fdatasync"]
    return found


def test_a_saga_of_four_steps_asks_the_disk_five_times(cli: Cli) -> None:
    assert syncs(cli, "run", ORDER, "--sandbox", "--id", "a") == 5
    assert syncs(cli, "run", ORDER, "--sandbox", "--id", "b") == 5


def test_a_saga_that_is_undone_asks_once_more_for_each_undo(cli: Cli) -> None:
    # Two steps are done, the third fails, the two are undone.
    assert syncs(cli, "run", ORDER, "--sandbox", "--fail", "create_shipment=422") == 1 + 3 + 2


def test_looking_asks_nothing(cli: Cli) -> None:
    syncs(cli, "run", ORDER, "--sandbox", "--id", "a")
    for verb in (["show", "a"], ["history", "a"], ["list", "--sandbox"]):
        assert syncs(cli, *verb) == 0


def test_a_batch_shares_its_syncs(cli: Cli) -> None:
    given = {"customer": "a@b.example", "items": [{"sku": "tea"}], "amount": 100}
    lines = [json.dumps({**given, "order_id": str(number)}) for number in range(40)]
    cli.write("in.jsonl", "\n".join(lines))
    asked = syncs(
        cli, "run", ORDER, "--batch", "in.jsonl", "--sandbox", "--concurrency", "40"
    )  # fmt: skip
    assert len(cli("list", "--sandbox", "-o", "json").json) == 40
    assert asked <= 40 * 5 / 2


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_kernel_counts_the_same(cli: Cli, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-qq", "-e", "trace=fdatasync", "-o", str(trace)]
    command += cli.command("run", ORDER, "--sandbox", "--id", "a")
    done = subprocess.run(
        command, cwd=cli.folder, env=cli.environment, capture_output=True, text=True, timeout=120
    )
    if "ptrace" in done.stderr.lower():
        pytest.skip("this process may not trace")
    assert done.returncode == 0, done
    assert len(re.findall(r"fdatasync\(\d+\)\s*= 0", trace.read_text())) == 5
