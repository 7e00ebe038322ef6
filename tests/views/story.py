"""A run told event by event: every request and every consequence comes from the machine itself."""

from dataclasses import replace
from typing import Any

from sagactl.definition.loader import load
from sagactl.definition.model import OutcomeKind
from sagactl.machine import event as e
from sagactl.machine.command import Call, Note, Outcome, Phase
from sagactl.machine.outstanding import call_in_flight, outstanding
from sagactl.machine.plan import Plan, make_plan
from sagactl.machine.run import Run, apply
from sagactl.machine.verdict import verdict
from sagactl.source.place import Source

START = 1_700_000_000.0  # 2023-11-14T22:13:20Z

ORDER = """\
saga: order
version: 1
input:
  type: object
  properties:
    amount: {type: integer}
    card: {type: string, x-sensitive: true}
services:
  stock: {url: "http://stock", idempotency: key}
  bank: {url: "http://bank/v1", idempotency: key}
  post: {url: "http://post", idempotency: none}
timeout: 15m
steps:
  - name: reserve
    service: stock
    action: {request: "PUT /holds/${{ saga.id }}", json: {amount: "${{ input.amount }}"}}
    compensation: DELETE /holds/${{ saga.id }}
  - name: charge
    service: bank
    action: {request: POST /charges, json: {card: "${{ input.card }}"}}
    lookup: GET /charges?key=${{ step.action_key }}
    compensation: POST /charges/${{ result.id }}/refund
  - name: ship
    service: post
    on_unknown: hold
    action: POST /parcels
    compensation: none
output: {charge: "${{ steps.charge.result.id }}"}
"""

# Two side by side, then one that joins them.
FORK = """\
saga: trip
version: 2
services: {w: {url: "http://w", idempotency: key}}
steps:
  - {name: flight, service: w, needs: [], action: PUT /f, compensation: DELETE /f}
  - {name: hotel, service: w, needs: [], action: PUT /h, compensation: DELETE /h}
  - {name: pay, service: w, needs: [flight, hotel], action: PUT /p, compensation: DELETE /p}
"""

BEGAN = {
    Phase.ACTION: e.ActionBegan,
    Phase.LOOKUP: e.LookupBegan,
    Phase.COMPENSATION: e.CompensationBegan,
}
REJECTED = Outcome(OutcomeKind.REJECTED, "422 Unprocessable Content", 422)
UNKNOWN = Outcome(OutcomeKind.UNKNOWN, "read timed out")
NOT_SENT = Outcome(OutcomeKind.NOT_SENT, "connection refused")


def applied(result: Any = None) -> Outcome:
    return Outcome(OutcomeKind.APPLIED, "200 OK", 200, result=result)


def plan_of(text: str) -> Plan:
    saga, problems = load(Source("order.yaml", text))
    assert saga is not None, [problem.message for problem in problems]
    return make_plan(saga)


class Story:
    """Each method records what happened at `at`, a tenth of a second after what was before."""

    def __init__(self, text: str = ORDER, given: Any = None, *, sandbox: bool = False) -> None:
        self.plan = plan_of(text)
        self.at = START
        self.events: list[e.Event] = []
        started = e.RunStarted(
            at=START,
            run_id="r-1",
            saga=self.plan.saga.name,
            version=self.plan.saga.version,
            definition=text,
            definition_name="order.yaml",
            digest="d1",
            input={} if given is None else given,
            env={},
            sandbox=sandbox,
            faults=[],
            sagactl="0",
        )
        self.events.append(started)
        self.run: Run = apply(None, started)

    def record(self, event: e.Event) -> "Story":
        self.events.append(event)
        self.run = apply(self.run, event)
        return self

    def later(self, seconds: float) -> "Story":
        self.at += seconds
        return self

    def begins(self, step: str, phase: Phase = Phase.ACTION) -> "Story":
        """The next attempt, which the machine must be asking for."""
        for command in outstanding(self.plan, self.run):
            if isinstance(command, Call) and (command.step, command.phase) == (step, phase):
                sent = command.sending
                return self.record(
                    BEGAN[phase](
                        at=self._next(),
                        step=step,
                        attempt=command.attempt,
                        key=command.key,
                        method=sent.method,
                        url=sent.url,
                        content_type=sent.content_type,
                        body=sent.body,
                    )
                )
        raise AssertionError(f"{step} {phase} is not what comes next")

    def ends(self, step: str, outcome: Outcome, phase: Phase = Phase.ACTION) -> "Story":
        call = call_in_flight(self.plan, self.run, step, phase)
        return self.record(verdict(self.plan, self.run, call, outcome, self._next()))

    def tries(self, step: str, outcome: Outcome, phase: Phase = Phase.ACTION) -> "Story":
        return self.begins(step, phase).ends(step, outcome, phase)

    def notes(self) -> "Story":
        """The fact that follows from where the run stands."""
        for command in outstanding(self.plan, self.run):
            if isinstance(command, Note) and command.due_at is None:
                return self.record(replace(command.event, at=self._next()))
        raise AssertionError("there is nothing to note")

    def _next(self) -> float:
        self.at = round(self.at + 0.1, 3)
        return self.at


def ordered(card: str = "4000-1234-5678", **more: Any) -> Story:
    return Story(ORDER, {"amount": 42, "card": card}, **more)


def completed() -> Story:
    story = ordered()
    return (
        story.tries("reserve", applied())
        .tries("charge", applied({"id": "c-9"}))
        .tries("ship", applied())
    )


def failed() -> Story:
    """The shipment is refused, the rest undone."""
    undo = Phase.COMPENSATION
    story = ordered().tries("reserve", applied()).tries("charge", applied({"id": "c-9"}))
    story.tries("ship", REJECTED)
    return story.tries("charge", applied(), undo).tries("reserve", applied(), undo)
