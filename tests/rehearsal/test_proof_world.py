"""What simulated services take a request for, told by definitions that differ in one word."""

from rehearsal.tiny import course_of, saga_of

from sagactl.machine.rehearsed import Judgement
from sagactl.rehearsal.proof.explore import Bounds, schedules
from sagactl.rehearsal.proof.rehearse import rehearse

SERVICES = "services: {s: {url: http://s, idempotency: key}}"


def text_of(*steps: str) -> str:
    listed = "\n".join(f"  - {{service: s, {step}}}" for step in steps)
    return f"saga: tiny\n{SERVICES}\nsteps:\n{listed}\n"


def holes(*steps: str, depth: int = 2) -> set[tuple[str, str]]:
    told = rehearse(saga_of(text_of(*steps)), "tiny.yaml", Bounds(depth))
    return {(f.code, f.step) for f in told.findings if f.judgement is Judgement.HOLE}


def undone(request: str) -> str:
    return f"compensation: {{request: {request}, success: [2xx, 404]}}"


def branches(above: str) -> list[str]:
    """A branch that makes an address, and one that puts something below it."""
    return [
        f"name: above, action: {above}, needs: [], {undone('DELETE /orders/1')}",
        f"name: below, action: PUT /orders/1/lines/1, needs: [], {undone('DELETE /orders/1/lines/1')}",
        "name: last, action: POST /last, needs: [above, below], compensation: none",
    ]


def test_what_stands_below_an_address_that_was_put_is_undone_before_it() -> None:
    assert {code for code, _ in holes(*branches("PUT /orders/1"))} == {"wrong-order"}


def test_what_was_posted_has_no_address_that_others_stand_below() -> None:
    assert holes(*branches("POST /orders/1")) == set()


LAST = "name: last, action: POST /last, compensation: none"


def test_a_delete_beside_what_was_put_takes_that_back() -> None:
    beside = undone("DELETE /as/1")
    steps = [f"name: a, action: PUT /as/1, {beside}", f"name: b, action: PUT /as/2, {beside}", LAST]
    assert ("undo-takes-another", "b") in holes(*steps)


def test_a_delete_elsewhere_takes_back_what_its_step_did() -> None:
    steps = [
        f"name: a, action: PUT /as/1, {undone('DELETE /bs/1')}",
        f"name: b, action: PUT /bs/1, {undone('DELETE /bs/1')}",
        LAST,
    ]
    assert holes(*steps) == set()


def test_an_undo_that_deletes_nothing_that_was_made_leaves_it() -> None:
    steps = [f"name: a, action: PUT /as/1, {undone('DELETE /as/7')}", LAST]
    assert ("effect-left", "a") in holes(*steps)


def test_a_service_that_refuses_what_is_not_there_needs_a_person() -> None:
    strict = "name: a, action: PUT /as/1, compensation: DELETE /as/1"
    assert ("undo-refused", "a") in holes(strict, LAST)
    assert holes(f"name: a, action: PUT /as/1, {undone('DELETE /as/1')}", LAST) == set()


def test_two_steps_that_put_to_one_address_lose_the_first() -> None:
    one = f"action: PUT /as/1, {undone('DELETE /as/1')}"
    assert ("one-key-two-bodies", "b") in holes(f"name: a, {one}", f"name: b, {one}")
    other = f"action: PUT /as/2, {undone('DELETE /as/2')}"
    assert holes(f"name: a, {one}", f"name: b, {other}") == set()


def looked_up(address: str) -> list[str]:
    """Two payments of one order; the second asks by the order whether it took place."""
    request = '{request: POST /pays, json: {order: "${{ saga.id }}"}, idempotency: none}'
    undo = "compensation: {request: POST /pays/undo, success: [2xx, 404]}"
    asks = f'{{request: "GET {address}?order=${{{{ saga.id }}}}", found: "${{{{ size(response.body) > 0 }}}}"}}'
    return [
        f"name: a, action: {request}, {undo}, on_unknown: hold",
        f"name: b, action: {request}, lookup: {asks}, {undo}, on_unknown: hold",
    ]


def test_a_lookup_by_what_two_have_in_common_finds_the_other() -> None:
    assert ("lookup-finds-another", "b") in holes(*looked_up("/pays"), depth=1)
    assert holes(*looked_up("/elsewhere"), depth=1) == set()


def test_findings_are_told_holes_first_and_shortest_first() -> None:
    held = "name: a, action: POST /as, compensation: POST /as/undo"
    told = rehearse(saga_of(text_of(held, "name: b, action: POST /bs", LAST)), "tiny.yaml")
    ranks = [(f.judgement is not Judgement.HOLE, len(f.struck)) for f in told.findings]
    assert len({rank for rank, _ in ranks}) == 2
    assert ranks == sorted(ranks)


def test_a_way_that_goes_on_for_ever_is_one_schedule() -> None:
    text = text_of(
        "name: p, action: POST /ps, pivot: true, compensation: none",
        "name: b, action: POST /bs, compensation: none",
    )
    course, begin = course_of(text, 1)
    graph = course.explore([begin], Bounds(1))
    endless = [n for n in graph.nodes if any(v.code == "asked-for-ever" for v in n.verdicts)]
    assert endless
    assert all(node.is_end for node in endless)
    before = schedules(graph, 1)
    endless[0].is_end = False
    assert schedules(graph, 1) < before
