"""Written tests played in memory: a definition's text, a file of tests, and what came of it."""

import textwrap

from sagactl.definition.loader import load
from sagactl.definition.model import Saga
from sagactl.machine import tested
from sagactl.rehearsal.written.model import Case, CaseFile
from sagactl.rehearsal.written.playing import Played, play
from sagactl.rehearsal.written.reading import Read, read_cases
from sagactl.rehearsal.written.running import run_case
from sagactl.source.place import Source
from sagactl.source.problem import Problem

ORDER = """
saga: order
input:
  type: object
  required: [amount]
  properties: {amount: {type: integer}}
  examples: [{amount: 4200}]
services:
  stock: {url: "${{ env.STOCK }}", idempotency: key}
  bank:
    url: ${{ env.BANK }}
    idempotency: key
    headers: {Authorization: "Bearer ${{ secrets.BANK }}"}
steps:
  - name: reserve
    service: stock
    action: {request: "PUT /holds/${{ saga.id }}", json: {amount: "${{ input.amount }}"}}
    compensation: {request: "DELETE /holds/${{ saga.id }}", success: [2xx, 404]}
  - name: pay
    service: bank
    action: {request: POST /charges, json: {amount: "${{ input.amount }}", tags: [a, b]}, result: {id: "${{ response.body.id }}"}}
    lookup: {request: "GET /charges?key=${{ step.action_key }}", found: "${{ size(response.body) > 0 }}", result: {id: "${{ response.body[0].id }}"}}
    compensation: POST /charges/${{ result.id }}/refund
  - name: ship
    service: stock
    action: {request: "PUT /shipments/${{ saga.id }}", json: {pay: "${{ steps.pay.result.id }}"}}
    compensation: {request: "DELETE /shipments/${{ saga.id }}", success: [2xx, 404]}
output: {pay: "${{ steps.pay.result.id }}"}
"""

# Two branches, and what comes behind both.
FORK = """
saga: fork
services: {s: {url: http://s, idempotency: key}}
steps:
  - {name: a1, service: s, needs: [], action: PUT /a1, compensation: DELETE /a1}
  - {name: a2, service: s, needs: [a1], action: PUT /a2, compensation: DELETE /a2}
  - {name: b1, service: s, needs: [], action: PUT /b1, compensation: DELETE /b1}
  - {name: b2, service: s, needs: [b1], action: PUT /b2, compensation: DELETE /b2}
  - {name: join, service: s, needs: [a2, b2], action: PUT /join, compensation: none}
"""

EACH = """
saga: each
input: {type: object, properties: {items: {type: array}}, examples: [{items: [x, y, z]}]}
services: {s: {url: http://s, idempotency: key}}
steps:
  - name: one
    service: s
    for_each: ${{ input.items }}
    action: PUT /one/${{ item }}
    compensation: DELETE /one/${{ item }}
  - name: many
    service: s
    for_each: ${{ input.items }}
    max_parallel: 3
    action: PUT /many/${{ item }}
    compensation: DELETE /many/${{ item }}
  - {name: last, service: s, action: PUT /last, compensation: none}
"""

PARENT = """
saga: parent
services: {s: {url: http://s, idempotency: key}}
steps:
  - {name: first, service: s, action: PUT /first, compensation: DELETE /first}
  - {name: inner, action: {saga: ./child.yaml}}
  - {name: beside, service: s, needs: [first], action: PUT /beside, compensation: none}
  - {name: last, service: s, needs: [inner, beside], action: PUT /last, compensation: none}
"""
CHILD = """
saga: child
services: {s: {url: http://s, idempotency: key}}
steps:
  - {name: one, service: s, action: PUT /one, compensation: DELETE /one}
  - {name: two, service: s, action: PUT /two, compensation: DELETE /two}
"""

SLEEPER = """
saga: sleeper
services: {s: {url: http://s, idempotency: key}}
timeout: 3d
steps:
  - {name: first, service: s, action: PUT /first, compensation: DELETE /first}
  - {name: nap, action: {sleep: 24h}}
  - {name: last, service: s, action: PUT /last, compensation: none}
"""


def saga_of(text: str) -> Saga:
    saga, problems = load(Source("order.yaml", text), lambda name: Source(name, CHILD))
    assert saga is not None, problems
    return saga


def reading(tests: str, definition: str = ORDER) -> Read:
    """What a file of tests reads as, beside this definition."""
    source = Source("order.test.yaml", textwrap.dedent(tests))
    return read_cases(source, lambda name: (saga_of(definition), []))


def problems(tests: str, definition: str = ORDER) -> list[Problem]:
    found = reading(tests, definition)
    assert found.cases is None
    return found.problems


def messages(tests: str, definition: str = ORDER) -> list[str]:
    return [problem.message for problem in problems(tests, definition)]


def one(test: str) -> str:
    """A file with one test, written without its name."""
    return "tests:\n  - name: it\n" + textwrap.indent(textwrap.dedent(test).strip("\n"), "    ")


def cases_of(test: str, definition: str) -> CaseFile:
    """A file with one test, which makes sense."""
    found = reading(one(test), definition)
    assert found.cases is not None, found.problems
    return found.cases


def case_of(test: str, definition: str = ORDER) -> Case:
    (case,) = cases_of(test, definition).cases
    return case


def outcome(test: str, definition: str = ORDER) -> tested.Tested:
    """What came of one test."""
    file = cases_of(test, definition)
    return run_case(file, file.cases[0])


def said(test: str, definition: str = ORDER) -> list[str]:
    """What came otherwise in one test."""
    return [mismatch.message for mismatch in outcome(test, definition).mismatches]


def played(test: str, definition: str = ORDER) -> Played:
    """One test played; what it expects is of no interest."""
    if "expect:" not in test:
        test = f"{textwrap.dedent(test)}\nexpect: {{state: completed}}"
    file = cases_of(test, definition)
    return play(file.saga, file.cases[0])


def names(run: Played) -> list[str]:
    """Whose calls arrived, in order."""
    return [sent.name for sent in run.world.sent]
