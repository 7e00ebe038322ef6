"""What `init` writes: a saga small enough to read in a minute, its tests, and a CI job for both."""

ORDER = """\
# yaml-language-server: $schema=schema/saga.schema.json
saga: order
version: 1
description: Reserve stock, charge the card, ship. What was done is undone when a step fails.

# The same order goes on with the same saga, however often it is run.
id: order-${{ input.order_id }}

input:
  type: object
  required: [order_id, amount]
  properties:
    order_id: {type: string}
    amount: {type: integer, exclusiveMinimum: 0}   # cents
  examples:
    - {order_id: "1001", amount: 4200}

services:
  inventory: {url: "${{ env.INVENTORY_URL }}", idempotency: key}
  payments: {url: "${{ env.PAYMENTS_URL }}", idempotency: key}
  shipping: {url: "${{ env.SHIPPING_URL }}", idempotency: key}

timeout: 15m

steps:
  - name: reserve_inventory
    service: inventory
    action:
      request: PUT /reservations/${{ saga.id }}
      json: {order_id: "${{ input.order_id }}"}
    compensation:
      request: DELETE /reservations/${{ saga.id }}
      success: [2xx, 404]                # already gone is as good as undone

  - name: process_payment
    service: payments
    action:
      request: POST /charges
      json: {order_id: "${{ input.order_id }}", amount: "${{ input.amount }}"}
      result: {payment_id: "${{ response.body.id }}"}
    lookup:                              # asked when nobody knows whether the charge went through
      request: GET /charges?key=${{ step.action_key }}
      found: ${{ size(response.body) > 0 }}
      result: {payment_id: "${{ response.body[0].id }}"}
    compensation: POST /charges/${{ result.payment_id }}/refund

  - name: create_shipment
    service: shipping
    action:
      request: PUT /shipments/${{ saga.id }}
      json: {order_id: "${{ input.order_id }}"}
    compensation:
      request: DELETE /shipments/${{ saga.id }}
      success: [2xx, 404]

output: {payment_id: "${{ steps.process_payment.result.payment_id }}"}
"""

TESTS = """\
# yaml-language-server: $schema=schema/saga-test.schema.json
#
# What is to come of the saga of order.yaml in cases that matter: no network, no waiting.
#   sagactl test        plays them, and rehearses all that nobody wrote down

tests:
  - name: an order is paid and shipped
    expect:
      state: completed
      calls: [reserve_inventory, process_payment, create_shipment]

  - name: a refused shipment gives the money back, and then the stock
    answers:
      create_shipment: 422               # a status; or timeout, reset-after, 503x2, {json: …}
    expect:
      state: failed
      error: {step: create_shipment, status: 422}
      calls:
        - reserve_inventory
        - step: process_payment
          json: {amount: 4200}
        - create_shipment
        - POST /charges/*/refund
        - reserve_inventory.compensation
      left: []                           # nothing of it stays in the world

  - name: a charge whose reply is lost is not made twice
    answers:
      process_payment: [timeout, ok]     # one answer for each attempt
    expect:
      state: completed
      steps: {process_payment: {status: completed, attempts: 2}}
"""

WORKFLOW = """\
name: sagas
on: [push, pull_request]
permissions:
  contents: read
jobs:
  sagas:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.12"}
      - run: pip install sagactl
      - run: sagactl lint --strict .          # with annotations, as it knows where it runs
      - run: sagactl test . --report rehearsal.xml --report rehearsal.html
      - uses: actions/upload-artifact@v4
        if: always()
        with: {name: rehearsal, path: rehearsal.*, if-no-files-found: ignore}
      - run: sagactl run order.yaml --sandbox
"""

SCAFFOLD = {
    "order.yaml": ORDER,
    "order.test.yaml": TESTS,
    ".github/workflows/sagas.yml": WORKFLOW,
}
