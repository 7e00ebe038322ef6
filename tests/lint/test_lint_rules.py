"""What rules say that does not fit into one case: variants, and words shared with other rooms."""

import pytest

from sagactl.definition.loader import load
from sagactl.lint.linter import lint
from sagactl.lint.rules.status_word import STATUSES
from sagactl.machine.moves import StepState
from sagactl.source.place import Source
from sagactl.source.problem import Problem


def told(text: str, **beside: str) -> list[Problem]:
    def fetch(name: str) -> Source | str:
        text = beside.get(name.removesuffix(".yaml"))
        return f"no {name}" if text is None else Source(name, text)

    saga, problems = load(Source("saga.yaml", text), fetch)
    assert saga is not None, problems
    return lint(saga)


def codes(text: str) -> list[str]:
    return [problem.code for problem in told(text)]


ALL_PAST = """\
saga: order
timeout: 5m
services:
  shop: {url: "https://shop.example", idempotency: key}
steps:
  - {name: pay, service: shop, pivot: true, action: PUT /charges}
  - {name: ship, service: shop, action: PUT /parcels}
"""


def test_the_words_for_a_status_are_those_of_the_machine() -> None:
    assert set(STATUSES) == set(StepState)


def test_a_timeout_with_nothing_before_the_pivot_is_told_and_taken_out() -> None:
    (problem,) = told(ALL_PAST)
    assert problem.code == "saga-timeout"
    assert problem.fix is not None
    (edit,) = problem.fix.edits
    assert (edit.place.line, edit.place.end_line, edit.text) == (1, 2, "")
    assert codes(ALL_PAST.replace("timeout: 5m\n", "")) == []


SECRETS = (
    "glpat-xxxxxxxxxxxxxxxxxxxx",
    "npm_" + "x" * 36,
    "AIza" + "x" * 35,
    "-----BEGIN RSA PRIVATE KEY-----",
    "gho_" + "x" * 36,
)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_key_of_a_known_issuer_is_found_and_never_shown(secret: str) -> None:
    (problem,) = told(ALL_PAST.replace("timeout: 5m", f"description: {secret!r}"))
    assert problem.code == "literal-secret"
    assert secret not in f"{problem.message}{problem.hint}"
    assert (problem.place.line, problem.place.column) == (2, 15)


HELD = """\
saga: order
services:
  shop: {url: "https://shop.example", idempotency: none}
steps:
  - {name: pay, service: shop, pivot: true, on_unknown: hold, action: PUT /charges}
  - {name: ship, service: shop, action: PUT /parcels}
"""


def test_a_step_past_the_pivot_that_cannot_be_sent_again_is_an_error_until_it_says_hold() -> None:
    assert codes(HELD) == ["unsaid-hold"]
    assert codes(HELD.replace("name: ship,", "name: ship, on_unknown: hold,")) == []
    assert codes(HELD.replace("PUT /parcels", "PUT /parcels, lookup: GET /parcels")) == []


NEEDS_RESULT = """\
saga: order
services:
  shop: {url: "https://shop.example", idempotency: key}
steps:
  - name: pay
    service: shop
    on_unknown: compensate
    action: POST /charges
    compensation: {request: PUT /refunds, READ}
"""


@pytest.mark.parametrize(
    ("read", "found"),
    [
        ("headers: {X-Id: '${{ result.id }}'}", ["undo-needs-result"]),
        ("query: {id: '${{ steps.pay.result.id }}'}", ["undo-needs-result"]),
        ("form: {id: '${{ result[0] }}'}", ["undo-needs-result"]),
        ("fail_when: '${{ response.body.id != result.id }}'", ["undo-needs-result"]),
        ("json: '${{ has(steps.pay.result) ? result.id : 0 }}'", []),
        ("json: '${{ steps.pay.?result }}'", []),
    ],
)
def test_an_undo_on_suspicion_may_not_need_a_result(read: str, found: list[str]) -> None:
    text = NEEDS_RESULT.replace("READ", read)
    assert codes(text) == found
    looked_up = text.replace("    action:", "    lookup: GET /charges\n    action:")
    assert codes(looked_up) == []


CHILD = """\
saga: parcel
services:
  post: {url: "https://post.example", idempotency: none}
steps:
  - name: announce
    service: post
    action: POST /parcels
    compensation: {request: DELETE /parcels, success: [2xx, 404]}
"""


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", ["child-past-pivot"]),
        ("idempotency: none", "idempotency: key", []),
        ("    action:", "    lookup: GET /parcels\n    action:", []),
        ("    action:", "    on_unknown: hold\n    action:", []),
        # Held wherever it runs: that is told in its own file.
        ("DELETE", "PATCH", ["broken-saga"]),
    ],
)
def test_a_sub_saga_past_the_pivot_may_not_count_on_an_undo(
    old: str, new: str, found: list[str]
) -> None:
    parent = HELD.replace("service: shop, action: PUT /parcels", "action: {saga: child.yaml}")
    parent = parent.replace("idempotency: none", "idempotency: key")
    problems = told(parent, child=CHILD.replace(old, new))
    assert [problem.code for problem in problems] == found


def test_a_sub_saga_within_one_past_the_pivot_is_looked_into_too() -> None:
    parent = HELD.replace("service: shop, action: PUT /parcels", "action: {saga: middle.yaml}")
    parent = parent.replace("idempotency: none", "idempotency: key")
    middle = "saga: middle\nsteps: [{name: one, action: {saga: child.yaml}}]\n"
    (problem,) = told(parent, child=CHILD, middle=middle)
    assert problem.code == "child-past-pivot"
    assert problem.related[0].place.source.name == "child.yaml"


ASLEEP = """\
saga: order
timeout: 1h
input: {properties: {slow: {type: boolean}, all: {type: array}}}
services:
  shop: {url: "https://shop.example"}
steps:
  - {name: wait, when: "${{ input.slow && size(input.all) > 0 }}", action: {sleep: 2h}}
  - {name: pay, service: shop, action: PUT /charges, compensation: none}
"""


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", ["saga-timeout"]),
        ("when:", "for_each: [a, b], when:", ["saga-timeout"]),
        ('when: "${{ input.slow && size(input.all) > 0 }}"', 'for_each: "${{ input.all }}"', ["saga-timeout", "unused-input"]),
        ('when: "${{ input.slow && size(input.all) > 0 }}"', "for_each: [1]", ["unused-input"] * 2 + ["unreachable-step"]),
        ("sleep: 2h", "sleep: 30m", []),
    ],
)  # fmt: skip
def test_only_a_sleep_that_no_run_leaves_out_makes_a_step_unreachable(
    old: str, new: str, found: list[str]
) -> None:
    assert codes(ASLEEP.replace(old, new)) == found


def test_the_timeout_is_told_as_too_short_where_nothing_is_unreachable() -> None:
    """The last step sleeps: it is reached, and never through."""
    steps = ASLEEP.splitlines(keepends=True)
    text = "".join((*steps[:6], steps[7], steps[6]))
    assert codes(text) == ["saga-timeout"]


UNDONE_BEFORE = """\
saga: order
services:
  shop: {url: "https://shop.example"}
steps:
  - name: reserve
    service: shop
    action: PUT /reservations
    compensation: "PUT /cancelled/${{ steps.pay.result.id }}"
  - {name: pay, service: shop, action: PUT /charges, compensation: none}
"""


def test_an_undo_that_reads_what_is_undone_before_it_is_told_so() -> None:
    (problem,) = told(UNDONE_BEFORE)
    assert problem.code == "not-before"
    assert '"pay", which is undone before it, or never ran' in problem.message
    asked = "has(steps.pay.result) ? steps.pay.result.id : 0"
    assert codes(UNDONE_BEFORE.replace("steps.pay.result.id", asked)) == []
    beside = UNDONE_BEFORE.replace("name: pay,", "name: pay, needs: [],")
    assert '"pay", which may never have run' in told(beside)[0].message


def test_a_status_is_found_however_deep_in_an_expression() -> None:
    text = UNDONE_BEFORE.replace("steps.pay.result.id", "size([1, steps.pay.status == 'paid'])")
    assert codes(text) == ["status-word"]
