"""The walk over all expressions, and which names they can read where."""

from collections import Counter

import pytest

from sagactl.definition.loader import load
from sagactl.definition.model import Saga
from sagactl.definition.policy import saga_templates
from sagactl.lint.linter import lint
from sagactl.lint.spot import Part, Phase, spots
from sagactl.source.place import Source

# Every key that takes an expression, each with one.
FULL = """\
saga: full
id: ${{ env.ID }}
services:
  shop:
    url: ${{ env.SHOP_URL }}
    idempotency: key
    headers: {X-Service: "${{ env.HEADER }}"}
    auth: {basic: {username: "${{ env.USER }}", password: "${{ secrets.PASSWORD }}"}}
steps:
  - name: one
    service: shop
    when: ${{ env.WHEN == '' }}
    action:
      request: POST /${{ env.PATH }}
      headers: {X-Own: "${{ env.OWN }}"}
      query: {q: "${{ env.QUERY }}"}
      json: {j: "${{ env.JSON }}"}
      success: [2xx, "${{ env.SUCCESS == '' }}"]
      fail_when: ${{ env.FAIL_WHEN == '' }}
      result: {r: "${{ env.RESULT }}"}
    lookup:
      request: GET /${{ env.LOOKUP }}
      found: ${{ env.FOUND == '' }}
      result: {r: "${{ env.LOOKUP_RESULT }}"}
    compensation:
      request: POST /${{ env.UNDO }}
      form: {f: "${{ env.FORM }}"}
  - name: two
    service: shop
    for_each: ${{ [env.EACH ] }}
    action: {request: "POST /${{ env.TWO }}", body: "${{ env.BODY }}"}
    compensation: none
  - name: three
    action: {sleep: "${{ env.SLEEP }}"}
  - name: four
    action: {saga: child.yaml, input: "${{ env.GIVEN }}"}
output: ${{ env.OUTPUT }}
"""


BANK = """\
saga: child
services:
  bank:
    url: ${{ env.BANK_URL }}
    auth: {oauth2: {token_url: "${{ env.TOKEN_URL }}", client_id: shop, client_secret: "${{ secrets.S }}"}}
steps:
  - {name: one, service: bank, action: PUT /one, compensation: none}
"""
CHILD = """\
saga: child
steps:
  - {name: one, action: PUT http://shop/one, compensation: none}
"""


def saga_of(text: str) -> Saga:
    saga, problems = load(Source("saga.yaml", text), lambda name: Source(name, CHILD))
    assert saga is not None, problems
    return saga


def test_the_walk_passes_every_template_that_a_saga_has() -> None:
    saga = saga_of(FULL)
    walked = {id(spot.template) for spot in spots(saga)}
    assert {id(template) for template in saga_templates(saga)} == walked


def test_every_part_and_every_phase_is_walked() -> None:
    walked = [*spots(saga_of(FULL)), *spots(saga_of(BANK))]
    assert {spot.part for spot in walked} == set(Part)
    assert {spot.phase for spot in walked} == {None, *Phase}


def test_each_template_stands_where_its_key_is_written() -> None:
    names = {
        spot.part: {str(reference.path[1]) for reference in spot.template.references}
        for spot in spots(saga_of(FULL))
        if spot.phase in (None, Phase.ACTION)
    }
    alone = (
        Part.ID, Part.WHEN, Part.QUERY, Part.JSON, Part.BODY, Part.FAIL_WHEN, Part.OUTPUT,
        Part.SLEEP,
    )  # fmt: skip
    for part in alone:
        assert names[part] == {part.name}
    assert (names[Part.FOR_EACH], names[Part.INPUT]) == ({"EACH"}, {"GIVEN"})


def test_a_lookup_that_reads_its_reply_as_the_action_does_is_told_once() -> None:
    text = FULL.replace('      result: {r: "${{ env.LOOKUP_RESULT }}"}\n', "")
    parts = Counter(spot.part for spot in spots(saga_of(text)))
    assert parts[Part.RESULT] == 1


def test_a_mistake_of_a_service_is_told_once_however_many_requests_go_there() -> None:
    problems = lint(saga_of(FULL.replace("env.HEADER", "envy.HEADER")))
    assert [problem.code for problem in problems] == ["unknown-name"]


# Each root, and the spots of FULL (by the environment name read there) at which it is known.
EVERYWHERE = {
    "ID", "SHOP_URL", "HEADER", "WHEN", "PATH", "OWN", "QUERY", "JSON", "SUCCESS", "FAIL_WHEN",
    "RESULT", "LOOKUP", "FOUND", "LOOKUP_RESULT", "UNDO", "FORM", "EACH", "TWO", "BODY", "SLEEP",
    "GIVEN", "OUTPUT",
}  # fmt: skip
OUTSIDE_STEPS = {"ID", "SHOP_URL", "OUTPUT"}
KNOWN = {
    "input.x": EVERYWHERE,
    "env.X": EVERYWHERE,
    "saga.id": EVERYWHERE - {"ID"},
    "steps.one.status": EVERYWHERE - {"ID", "SHOP_URL"},
    "step.name": EVERYWHERE - OUTSIDE_STEPS,
    "response.status": {"SUCCESS", "FAIL_WHEN", "RESULT", "FOUND", "LOOKUP_RESULT"},
    "result.r": {"UNDO", "FORM"},
    "secrets.X": {"HEADER", "OWN"},
    "callback.url": set(),
    "item": {"TWO", "BODY"},
    "index": {"TWO", "BODY"},
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_name_is_known_where_it_has_a_value_and_nowhere_else(name: str) -> None:
    known = set()
    for spot in EVERYWHERE:
        problems = lint(saga_of(FULL.replace(f"env.{spot} ", f"{name} ")))
        # What else is wrong with such a value there (a host made of data) is no matter of names.
        codes = {problem.code for problem in problems} & {"unknown-name", "secret-misplaced"}
        if not codes:
            known.add(spot)
    assert known == KNOWN[name]


def test_an_input_that_is_passed_on_as_a_whole_leaves_nothing_unused() -> None:
    text = FULL.replace("env.JSON", "input") + "input: {properties: {order_id: {type: string}}}\n"
    assert lint(saga_of(text)) == []


def test_problems_stand_in_the_order_of_the_text() -> None:
    problems = lint(saga_of(FULL.replace("env.", "envy.").replace("POST", "PATCH")))
    places = [(problem.place.line, problem.place.column) for problem in problems]
    assert len(places) > len(EVERYWHERE) - 1
    assert places == sorted(places)
