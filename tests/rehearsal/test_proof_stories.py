"""The stories of a rehearsal: none is longer than it must be, and each reads as a person tells it."""

import textwrap
from pathlib import Path

import pytest
from conftest import DEFINITIONS
from rehearsal.corpus import HOLES, definition
from rehearsal.tiny import begun, findings_of, saga_of, tiny, variants_of

from sagactl.definition.model import Saga
from sagactl.machine.rehearsed import Cell, Judgement, Rehearsed, Struck, Trouble
from sagactl.rehearsal.proof.explore import Bounds
from sagactl.rehearsal.proof.rehearse import rehearse

ORDER = (DEFINITIONS / "order.yaml").read_text(encoding="utf-8")
REFUND = "    compensation: POST /charges/${{ result.payment_id }}/refund\n"


def told_of(text: str, depth: int = 2) -> Rehearsed:
    return rehearse(saga_of(textwrap.dedent(text)), "tiny.yaml", Bounds(depth))


def story(told: Rehearsed, code: str, step: str) -> list[str]:
    """The story of one finding, with the troubles it takes in front."""
    (found,) = [f for f in told.findings if (f.code, f.step) == (code, step)]
    return [" ".join(map(str, found.struck)), *found.story]


def cell(told: Rehearsed, name: str) -> list[str]:
    (found,) = [c for c in told.cells if f"{c.step}.{c.trouble}" == name]
    return list(found.story)


def holes_at(saga: Saga, depth: int) -> dict[tuple[str, str], tuple[Struck, ...]]:
    told = rehearse(saga, "tiny.yaml", Bounds(depth))
    return {(f.code, f.step): f.struck for f in told.findings if f.judgement is Judgement.HOLE}


@pytest.mark.parametrize("number", range(40))
def test_no_finding_of_two_troubles_is_there_with_one(number: int) -> None:
    variant = next(variants_of(tiny(number, steps=3), 2))
    found = []
    for depth in (1, 2):
        course, begin = begun(variant, depth)
        graph = course.explore([begin], Bounds(depth, 6_000))
        found.append({finding[:3]: finding[3] for finding in findings_of(course, graph)})
    one, two = found
    assert {key: two[key] for key in one} == one
    assert all(count > 1 for key, count in two.items() if key not in one)


@pytest.mark.parametrize("path", HOLES, ids=lambda path: path.stem)
def test_no_planted_hole_is_told_with_a_trouble_too_many(path: Path) -> None:
    saga, _ = definition(path)
    found = [holes_at(saga, depth) for depth in (0, 1, 2)]
    for key, struck in found[2].items():
        least = next(depth for depth in range(3) if key in found[depth])
        assert least <= len(struck)
        assert len(found[least][key]) == len(struck)


@pytest.mark.parametrize("path", HOLES, ids=lambda path: path.stem)
def test_a_planted_hole_is_red_in_the_cells_of_its_troubles(path: Path) -> None:
    saga, _ = definition(path)
    told = rehearse(saga, "tiny.yaml", Bounds(1))
    red = {(c.step, c.trouble): c for c in told.cells if c.judgement is Judgement.HOLE}
    for found in told.findings:
        # What only waits, or stands for several, has no row of its own.
        if found.judgement is Judgement.HOLE and (found.struck or found.step in told.steps):
            struck = found.struck or (Struck(found.step, Trouble.APPLIED),)
            cells = [red[each.step, each.trouble] for each in struck]
            assert all((found.code, found.step) in codes(cell) for cell in cells)
    for cell in red.values():
        assert cell.findings
        assert cell.story == cell.findings[0].story or len(cell.findings) > 1
        assert cell.story[-1] in {found.message for found in cell.findings}


def codes(cell: Cell) -> set[tuple[str, str]]:
    return {(found.code, found.step) for found in cell.findings}


def test_a_forgotten_refund_is_told_by_the_first_refusal_behind_it() -> None:
    assert REFUND in ORDER
    told = told_of(ORDER.replace(REFUND, ""))
    assert story(told, "effect-left", "process_payment") == [
        "create_shipment.rejected",
        '"reserve_inventory" is done',
        '"process_payment" is done',
        '"create_shipment" is refused, and the saga turns back',
        '"reserve_inventory" is undone',
        'the saga ends failed, and "process_payment" stands: nothing undoes it',
    ]
    (hole,) = [f for f in told.findings if f.judgement is Judgement.HOLE]
    assert hole.advice == 'write a compensation, or say "compensation: none"'


@pytest.fixture(scope="module")
def order() -> Rehearsed:
    return told_of(ORDER)


ENDS_WELL = "the saga ends failed, and nothing is left in the world"
CELLS = {
    "process_payment.rejected": [
        '"reserve_inventory" is done',
        '"process_payment" is refused, and the saga turns back',
        '"reserve_inventory" is undone',
        ENDS_WELL,
    ],
    "process_payment.unknown-done": [
        '"reserve_inventory" is done',
        '"process_payment" takes place, but no reply comes',
        '"process_payment" is sent again under its key, and answered as before',
        '"create_shipment" is done',
        '"send_confirmation" is done',
        "the saga ends completed",
    ],
    "create_shipment.not-sent": [
        '"reserve_inventory" is done',
        '"process_payment" is done',
        'the service of "create_shipment" cannot be reached',
        '"create_shipment" is given up, and the saga turns back',
        '"process_payment" is undone',
        '"reserve_inventory" is undone',
        ENDS_WELL,
    ],
    "create_shipment.overtime": [
        '"reserve_inventory" is done',
        '"process_payment" is done',
        'the saga\'s time is up while "create_shipment" is under way, and it turns back',
        '"create_shipment" is done',
        '"create_shipment" is undone',
        '"process_payment" is undone',
        '"reserve_inventory" is undone',
        ENDS_WELL,
    ],
    "reserve_inventory.crash": [
        'sagactl dies and is resumed; the request of "reserve_inventory" did not arrive',
        '"reserve_inventory" is sent again, and done',
        '"process_payment" is done',
        '"create_shipment" is done',
        '"send_confirmation" is done',
        "the saga ends completed",
    ],
    "process_payment.undo-fails": [
        '"reserve_inventory" is done',
        '"process_payment" is done',
        '"create_shipment" is refused, and the saga turns back',
        'the undo of "process_payment" is refused: a person is needed',
    ],
    "process_payment.lookup-silent": [
        '"reserve_inventory" is done',
        '"process_payment" takes place, but no reply comes, nor to any later attempt',
        "nobody answers for 15m",
        "the saga's time is up, and it turns back",
        'the lookup of "process_payment" gets no answer',
        "nobody answers for 22.75h",
        '"process_payment" is asked for as long as its time allows, and never answers',
    ],
}


@pytest.mark.parametrize("name", CELLS)
def test_the_story_of_a_cell_has_no_word_too_many(order: Rehearsed, name: str) -> None:
    assert cell(order, name) == CELLS[name]


LATE = """
saga: tiny
services: {s: {url: http://s, idempotency: key}}
steps:
  - name: one
    service: s
    settle: 0s
    action: {request: "PUT /ones/${{ saga.id }}", timeout: 30s}
    compensation: {request: "DELETE /ones/${{ saga.id }}", success: [2xx, 404]}
"""
LOOKED_FOR = """
saga: tiny
services: {s: {url: http://s}}
steps:
  - {name: zero, service: s, action: PUT /zeros, compensation: {request: DELETE /zeros, success: [2xx, 404]}}
  - name: one
    service: s
    action: POST /ones
    lookup: {request: "GET /ones?key=${{ step.action_key }}", found: "${{ size(response.body) > 0 }}"}
    compensation: {request: POST /ones/undo, idempotency: key}
"""


def test_a_late_request_is_told_of_where_it_is_sent_and_where_it_lands() -> None:
    assert story(told_of(LATE), "late-landing", "one") == [
        "one.unknown-done",
        '"one" is sent, and no reply comes, nor to any later attempt; the request is still on its way',
        'nobody knows whether "one" took place: it is taken for done, and the saga turns back',
        'the undo of "one" finds nothing to undo',
        'the late request of "one" arrives when all is over, and stands',
    ]


def test_what_a_lookup_says_is_told_where_it_is_the_truth() -> None:
    told = told_of(LOOKED_FOR, 1)
    assert cell(told, "one.unknown-not-done") == [
        '"zero" is done',
        '"one" gets lost, and no reply comes',
        'the lookup of "one" says that it did not take place, and the saga turns back',
        '"zero" is undone',
        ENDS_WELL,
    ]
    assert 'the lookup of "one" says that it took place' in cell(told, "one.unknown-done")
    blind = told_of(LOOKED_FOR.replace("> 0", "> 9 && size(response.body) < 5"))
    assert story(blind, "lookup-blind", "one")[2:] == [
        '"one" takes place, but no reply comes',
        'its lookup does not tell that "one" took place: 200 OK: "found" is false',
    ]


def test_an_undo_that_gets_lost_for_good_is_told_once() -> None:
    assert story(told_of(LOOKED_FOR, 3), "undo-failed", "zero")[-1].startswith("the undo of")
    for told in told_of(LOOKED_FOR, 3).findings:
        assert len(set(told.story)) == len(told.story)
        assert not told.story[-1].startswith(told.story[-2])


def test_advice_names_a_step_as_it_is_written() -> None:
    text = """
    saga: tiny
    services: {s: {url: http://s}}
    steps:
      - {name: lines, service: s, for_each: [x, y], action: "PUT /orders/1/${{ item }}", compensation: none}
      - {name: order, service: s, action: PUT /orders/1, compensation: none}
    """
    (found,) = [f for f in told_of(text).findings if f.code == "wrong-order"]
    assert found.advice == 'let "lines" need "order"'


def test_the_matrix_has_a_cell_for_every_step_and_trouble(order: Rehearsed) -> None:
    assert [(c.step, c.trouble) for c in order.cells] == [
        (step, trouble) for step in order.steps for trouble in Trouble
    ]
    for each in order.cells:
        assert bool(each.story) is (each.judgement is not None)
