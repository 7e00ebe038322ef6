"""What `init` writes: a saga small enough to read in a minute, and a CI job that checks it."""

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
      - run: sagactl run order.yaml --sandbox
"""

SCAFFOLD = {"order.yaml": ORDER, ".github/workflows/sagas.yml": WORKFLOW}
