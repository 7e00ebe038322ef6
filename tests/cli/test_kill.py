"""kill -9 between any two writes of a run, then `resume`: the same end as without it."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import DEFINITIONS, Cli
from invariants import check_sandbox

KILLER = Path(__file__).with_name("killer.py")
ORDER = str(DEFINITIONS / "order.yaml")
BASKET = str(DEFINITIONS / "basket.yaml")

STORIES = {
    "completes": [ORDER],
    "rolls back": [ORDER, "--fail", "create_shipment=422"],
    "loses a reply": [ORDER, "--fail", "process_payment=reset-afterx1"],
    "rolls back deep inside": [BASKET, "--fail", "send[0]/pick_up=409", "--input-file", "in.json"],
}
GIVEN = {
    "basket": "b",
    "amount": 1,
    "items": [{"sku": "tea", "quantity": 1}],
    "reconsider": "1ms",
}


def run_killed(cli: Cli, moment: str, count: int, story: list[str]) -> int:
    done = subprocess.run(
        [sys.executable, str(KILLER), moment, str(count), "run", *story, "--sandbox", "--id", "o1"],
        cwd=cli.folder,
        env=cli.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    return done.returncode


def effects(cli: Cli) -> Counter[tuple[str, str]]:
    path = cli.folder / ".sagactl/sandbox.ledger.jsonl"
    if not path.exists():
        return Counter()
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return Counter(
        (e["step"], e["effect"]) for e in entries if e["effect"] in ("applied", "undone")
    )


@pytest.mark.parametrize("story", STORIES)
def test_a_kill_at_any_write_changes_no_end(story: str, tmp_path: Path) -> None:
    words = STORIES[story]
    whole = Cli(tmp_path / "whole")
    whole.folder.mkdir()
    whole.write("in.json", json.dumps(GIVEN))
    told = whole("run", *words, "--sandbox", "--id", "o1", "-o", "json")
    expected_state, expected_effects = told.json["state"], effects(whole)
    kills = 0
    for moment in ("after", "before"):
        for count in range(1, 40):
            cli = Cli(tmp_path / f"{moment}{count}")
            cli.folder.mkdir()
            cli.write("in.json", json.dumps(GIVEN))
            status = run_killed(cli, moment, count, words)
            if status != -signal.SIGKILL:
                break  # fewer writes than that
            kills += 1
            again = cli("run", *words, "--sandbox", "--id", "o1", "-o", "json")
            assert again.json["state"] == expected_state, (moment, count, again)
            assert check_sandbox(cli.folder, "o1", again.status) == expected_state
            assert effects(cli) == expected_effects, (moment, count)
    assert kills >= 8


def test_a_kill_at_a_random_instant_is_resumed(cli: Cli) -> None:
    process = cli.start("run", ORDER, "--sandbox", "--id", "o1")
    assert process.stderr is not None
    for line in process.stderr:
        if "process_payment" in line:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    again = cli("resume", "o1", "-o", "json")
    assert again.status == 0, again
    assert again.json["state"] == check_sandbox(cli.folder, "o1", 0) == "completed"
