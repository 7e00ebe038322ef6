"""The simulated world and the one on sockets: the same faults, and the same saga comes of it."""

import asyncio

import pytest
from rehearsal.play import saga_of
from rehearsal.test_sandbox_run import STORIES, TRANSFER, drive
from rehearsal.writing import played

from sagactl.machine.command import Phase
from sagactl.machine.run import Run
from sagactl.rehearsal.ledger import Ledger
from sagactl.rehearsal.stage import staged

MORE = [
    ["debit=503x1", "credit=reset-after"],
    ["debit=reset-afterx1", "credit=425x1"],
    ["hold=drop", "debit=429"],
    ["hold=slow:400ms"],
    ["debit=slow:50ms", "credit=timeout-before"],
    ["debit=timeout", "debit.lookup=503x1", "credit=409"],
    ["debit=201", "credit=302"],
    ["credit=422", "debit.compensation=timeoutx1", "hold.compensation=503x1"],
    ["credit=400", "debit.compensation=garbage", "hold.compensation=drop"],
]
# Words that say nothing of a body: that of an order is the sandbox's own.
SILENT = ("timed out", "connection")


def stands(run: Run) -> dict[str, list[object]]:
    """Where every step stands, and how often each of its conversations was begun."""
    return {
        name: [step.state, *(step.attempts(phase).count for phase in Phase)]
        for name, step in run.steps.items()
    }


def done(ledger: Ledger) -> list[tuple[str | None, str | None, str]]:
    return [(call.step, call.phase, call.effect) for call in ledger.calls()]


def silences(run: Run) -> dict[str, str]:
    """What was said of attempts that nobody answered."""
    details = {name: step.action.detail for name, step in run.steps.items()}
    return {name: said for name, said in details.items() if any(w in said for w in SILENT)}


def answers(faults: list[str]) -> str:
    pairs = (fault.split("=") for fault in faults)
    return ", ".join(f"{target}: {word}" for target, word in pairs)


@pytest.mark.parametrize("faults", [*(story[0] for story in STORIES), *MORE], ids=str)
def test_the_same_faults_lead_to_the_same_end(faults: list[str]) -> None:
    ledger = Ledger()
    real = asyncio.run(drive(staged(saga_of(TRANSFER)), ledger, faults))
    test = f"id: t1\ninput: {{cents: 250}}\nanswers: {{{answers(faults)}}}"
    simulated = played(test, TRANSFER)
    assert stands(simulated.run) == stands(real)
    assert done(simulated.world.ledger) == done(ledger)
    assert silences(simulated.run) == silences(real)
