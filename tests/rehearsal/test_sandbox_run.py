"""Whole sagas against the sandbox: the real driver, the real HTTP, the real machine."""

import asyncio

import pytest
from invariants import CLOCKS_S, check, deeds_of
from rehearsal.play import saga_of

from sagactl.definition.model import Saga
from sagactl.engine.clock import SystemClock
from sagactl.engine.driver import Driver
from sagactl.engine.group_commit import DirectCommit
from sagactl.journal.store import MemoryStore
from sagactl.machine.event import RunStarted
from sagactl.machine.plan import make_plan
from sagactl.machine.run import Run
from sagactl.machine.state import SagaState, saga_state
from sagactl.participants.web import Web
from sagactl.rehearsal.fault import check_faults, parse_fault
from sagactl.rehearsal.ledger import Ledger
from sagactl.rehearsal.server import Sandbox
from sagactl.rehearsal.stage import staged

TRANSFER = """\
saga: transfer
version: 1
services:
  bank: {url: "${{ env.BANK_URL }}", idempotency: key}
defaults:
  timeout: 2s
  retry: {max_attempts: 2, initial_interval: 10ms, max_interval: 10ms}
  compensation: {retry: {max_attempts: 3, initial_interval: 10ms, max_interval: 10ms}}
steps:
  - name: hold
    service: bank
    action:
      request: PUT /holds/${{ saga.id }}
      json: {cents: "${{ input.cents }}"}
      timeout: 250ms
    compensation: {request: "DELETE /holds/${{ saga.id }}", success: [2xx, 404]}
  - name: debit
    service: bank
    action:
      request: POST /debits
      json: {cents: "${{ input.cents }}"}
      success: ["${{ response.body.booked == input.cents }}"]
      result: {id: "${{ response.body.entry.id }}"}
      timeout: 250ms
    lookup:
      request: GET /debits?key=${{ step.action_key }}
      found: ${{ size(response.body.entries) > 0 }}
      result: {id: "${{ response.body.entries[0].id }}"}
    compensation: POST /debits/${{ result.id }}/reversal
  - name: credit
    service: bank
    action: {request: POST https://other-bank.example/credits, idempotency: key, timeout: 250ms}
    lookup: GET https://other-bank.example/credits/${{ saga.id }}
    compensation: DELETE https://other-bank.example/credits/${{ saga.id }}
output: {debit: "${{ steps.debit.result.id }}"}
"""


async def drive(saga: Saga, ledger: Ledger, faults: list[str]) -> Run:
    orders = [parse_fault(text) for text in faults]
    check_faults(orders, saga)
    sandbox = Sandbox(saga, ledger, orders)
    address = await sandbox.start()
    clock = SystemClock()
    web = Web({}, connect_to=address)
    started = RunStarted(
        at=clock.now(),
        run_id="t1",
        saga=saga.name,
        version=1,
        definition=saga.source.text,
        definition_name=saga.source.name,
        digest="",
        input={"cents": 250},
        env={},
        sandbox=True,
        faults=faults,
        sagactl="0",
    )
    plan, store = make_plan(saga), MemoryStore()
    try:
        driver = Driver(plan, DirectCommit(store), web, clock, lambda *_: None)
        run = await driver.drive(None, started)
        check(plan, store.read("t1"), deeds_of(ledger.calls("t1")), slack_s=CLOCKS_S)
        return run
    finally:
        await web.aclose()
        await sandbox.close()


STORIES = [
    ([], "completed", ["hold", "debit", "credit"]),
    (["hold=503x1", "credit=dropx1"], "completed", ["hold", "debit", "credit"]),
    (["debit=garbage"], "completed", ["hold", "debit", "credit"]),
    (["debit=timeout"], "completed", ["hold", "debit", "credit"]),
    (["debit=reset-before"], "failed", []),
    (["credit=422"], "failed", []),
    (["credit=422", "hold.compensation=503x2"], "failed", []),
    (["credit=422", "debit.compensation=reset-afterx1"], "failed", []),
    (["hold=timeout"], "failed", []),
    (["credit=422", "debit.compensation=403"], "stuck", ["hold", "debit"]),
]


@pytest.mark.parametrize(("faults", "state", "left"), STORIES, ids=lambda value: str(value))
def test_a_saga_ends_as_it_should_whatever_goes_wrong(
    faults: list[str], state: str, left: list[str]
) -> None:
    saga = staged(saga_of(TRANSFER))
    ledger = Ledger()
    run = asyncio.run(drive(saga, ledger, faults))
    assert saga_state(make_plan(saga), run) is SagaState(state)
    assert [effect.step for effect in ledger.left("t1")] == left


def test_a_result_found_by_lookup_is_what_the_lost_reply_said() -> None:
    saga = staged(saga_of(TRANSFER))
    ledger = Ledger()
    run = asyncio.run(drive(saga, ledger, ["debit=drop"]))
    told = next(call for call in ledger.calls() if call.step == "debit").reply["body"]
    assert run.step("debit").result == {"id": told["entry"]["id"]}
    assert told["booked"] == 250
