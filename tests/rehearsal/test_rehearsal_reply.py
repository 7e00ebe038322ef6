"""Replies made from nothing but the definition that reads them."""

import re
from typing import Any

import pytest
from rehearsal.play import Answer, Play, of_saga, one_step

from sagactl.definition.model import Saga

INPUT = {"n": 7, "id": "i-7", "tags": ["a", "b"], "limit": 50}
REQUEST = (
    "  request: POST /things\n"
    "  json: {n: '${{ input.n }}', id: '${{ input.id }}', tags: '${{ input.tags }}',"
    " limit: '${{ input.limit }}'}\n"
)


def made(saga: Saga, key: str = "k1") -> tuple[Answer, str | None]:
    """What the first action is answered, and what the sandbox has to say against it."""
    with Play(saga) as play:
        answer = play.call("POST", "/svc/things", INPUT, of_saga("s1", "act", key))
        return answer, play.ledger.calls()[0].note


def good(saga: Saga) -> Any:
    """The body of a reply that nothing is to be said against."""
    answer, note = made(saga)
    assert note is None
    return answer.json


def action(more: str, rest: str = "") -> Saga:
    return one_step(f"action:\n{REQUEST}  {more}", rest=rest)


def with_condition(condition: str) -> Saga:
    return action(f'success: ["${{{{ {condition} }}}}"]')


def readers(*expressions: str, when: str | None = None) -> str:
    """A second step that reads the first one's result."""
    fields = ", ".join(f"f{i}: '${{{{ {text} }}}}'" for i, text in enumerate(expressions))
    lines = ["  - name: later", "    service: svc"]
    if when is not None:
        lines.append(f"    when: ${{{{ {when} }}}}")
    lines.append(f"    action: {{request: PUT /later, json: {{{fields}}}}}")
    return "\n".join([*lines, ""])


def test_where_nobody_reads_a_post_is_answered_with_an_id() -> None:
    body = good(action("timeout: 1s"))
    assert list(body) == ["id"]
    assert re.fullmatch(r"act-[0-9a-f]{8}", body["id"])


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_where_nobody_reads_others_are_answered_with_an_empty_map(method: str) -> None:
    with Play(one_step(f"action: {method} /things/1")) as play:
        answer = play.call(method, "/svc/things/1")
    assert (answer.status, answer.json) == (200, {})


def test_the_same_key_makes_the_same_values_in_another_sandbox() -> None:
    assert made(action("timeout: 1s"))[0] == made(action("timeout: 1s"))[0]
    assert made(action("timeout: 1s"))[0] != made(action("timeout: 1s"), "k2")[0]


def test_what_result_reads_is_there() -> None:
    body = good(
        action(
            "result: {a: '${{ response.body.data.id }}', b: '${{ response.body.rows[1].total }}'}"
        )
    )
    assert body["data"]["id"].startswith("act-")
    assert body["rows"] == [{"total": 1}, {"total": 1}]


def test_what_is_read_later_is_there() -> None:
    read = readers("steps.act.result.order.id", "steps.act.result.lines[0].sku")
    body = good(action("timeout: 1s", read))
    assert body["order"]["id"].startswith("act-")
    assert body["lines"][0]["sku"].startswith("sku-")


def test_what_is_read_later_of_a_part_taken_whole_is_there() -> None:
    body = good(
        action("result: {all: '${{ response.body.data }}'}", readers("steps.act.result.all.x.y"))
    )
    assert list(body) == ["data"]
    assert list(body["data"]["x"]) == ["y"]


def test_what_the_undo_and_the_output_read_is_there() -> None:
    saga = one_step(
        f"action:\n{REQUEST}compensation: POST /things/${{{{ result.refund_id }}}}/undo",
        rest="output: {price: '${{ steps.act.result.price }}'}\n",
    )
    body = good(saga)
    assert body["refund_id"].startswith("act-")
    assert body["price"] == 1


def test_the_saga_goes_its_whole_way() -> None:
    read = readers("steps.act.result.id", when="steps.act.result.score > input.limit")
    assert good(action("timeout: 1s", read))["score"] == 51


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", 1),
        ("grandTotal", 1),
        ("status", "ok"),
        ("is_member", True),
        ("approved", True),
        ("created_at", "2026-01-01T00:00:00Z"),
    ],
)
def test_values_are_of_the_kind_that_their_name_lets_expect(name: str, value: Any) -> None:
    assert good(action("timeout: 1s", readers(f"steps.act.result.{name}")))[name] == value


@pytest.mark.parametrize(
    ("condition", "body"),
    [
        ("response.body.status == 'paid'", {"status": "paid"}),
        ("'paid' == response.body.status", {"status": "paid"}),
        ("response.body.status != 'ok'", {"status": "other"}),
        ("response.body.ok", {"ok": True}),
        ("!response.body.declined", {"declined": False}),
        ("!(response.body.a || response.body.b)", {"a": False, "b": False}),
        ("response.body.a == 1 && response.body.b == 2", {"a": 1, "b": 2}),
        ("response.body.a == 1 || response.body.b == 2", {"a": 1}),
        ("response.body.score > 3", {"score": 4}),
        ("3 > response.body.score", {"score": 2}),
        ("!(response.body.score > 3)", {"score": 3}),
        ("response.body.score >= 2.5", {"score": 2.5}),
        ("response.body.state in ['done', 'sent']", {"state": "done"}),
        ("'x' in response.body.tags", {"tags": ["x"]}),
        ("size(response.body.rows) == 2", {"rows": [None, None]}),
        ("response.body.rows.size() > 0", {"rows": [None]}),
        ("response.body.name.startsWith('ord-')", {"name": "ord-"}),
        ("response.body.error == null", {"error": None}),
        ("has(response.body.receipt)", {"receipt": None}),
        ("!has(response.body.error) && response.body.ok", {"ok": True}),
        ("response.body.rows.exists(r, r.state == 'done')", {"rows": [{"state": "done"}]}),
        ("response.body.rows.all(r, r.n > 1)", {"rows": [{"n": 2}]}),
        ("size(response.body.rows.filter(r, r.ok)) == 2", {"rows": [{"ok": True}, {"ok": True}]}),
        ("response.body.n == input.n", {"n": 7}),
        ("response.body.next == input.n + 1", {"next": 8}),
        ("response.body.owner == saga.id + '/' + input.id", {"owner": "s1/i-7"}),
        ("response.body.tags == input.tags", {"tags": ["a", "b"]}),
        ("response.body.mode == 'a' ? response.body.x : response.body.y", {"mode": "a", "x": True}),
        ("int(response.body.code) == 12", {"code": 12}),
        ("response.body.left == response.body.right", {"left": 1, "right": 1}),
        ("response.body.left < response.body.right", {"left": 1, "right": 2}),
        ("response.body.price + response.body.tax == 3", {"price": 2, "tax": 1}),
    ],
)
def test_conditions_are_met(condition: str, body: Any) -> None:
    found = good(with_condition(condition))
    assert shaped(found, body) == body


def shaped(found: Any, like: Any) -> Any:
    """`found` with null wherever `like` leaves open what stands there."""
    if isinstance(like, dict) and isinstance(found, dict):
        return {name: shaped(value, like.get(name)) for name, value in found.items()}
    if isinstance(like, list) and isinstance(found, list) and len(like) == len(found):
        return [shaped(one, other) for one, other in zip(found, like, strict=True)]
    return None if like is None else found


def test_a_reply_keeps_clear_of_fail_when() -> None:
    more = "fail_when: \"${{ response.body.status == 'ok' }}\""
    result = "result: '${{ response.body.status }}'"
    assert good(action(f"{more}\n  {result}")) == {"status": "other"}


def test_what_only_fail_when_reads_is_not_there() -> None:
    more = "fail_when: \"${{ response.body.error.code == 'x' }}\""
    assert list(good(action(more))) == ["id"]


@pytest.mark.parametrize(
    ("success", "status"),
    [
        ("[201]", 201),
        ("[202]", 202),
        ("[2xx, 404]", 200),
        ("[207]", 207),
        ("['${{ response.status == 201 }}']", 201),
    ],
)
def test_the_status_is_one_that_counts_as_done(success: str, status: int) -> None:
    answer, note = made(action(f"success: {success}"))
    assert (answer.status, note) == (status, None)


def test_a_status_that_means_something_else_here_is_not_used() -> None:
    answer, note = made(action("outcomes: {rejected: [200]}"))
    assert (answer.status, note) == (201, None)


def test_a_header_that_is_read_is_sent() -> None:
    saga = action("result: '${{ response.headers.location }}'")
    with Play(saga) as play:
        raw = play.send(b"POST /svc/things HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert re.search(rb"\r\nlocation: http://sandbox/\S+\r\n", raw)


def test_an_example_is_the_reply() -> None:
    saga = one_step(f"action:\n{REQUEST}example: {{id: ch_1, status: paid, more: [1, null]}}")
    assert good(saga) == {"id": "ch_1", "status": "paid", "more": [1, None]}


def test_an_example_may_repeat_the_request() -> None:
    saga = one_step(
        f"action:\n{REQUEST}example: {{n: '${{{{ input.n }}}}', of: '${{{{ saga.id }}}}'}}"
    )
    assert good(saga) == {"n": 7, "of": "s1"}


def test_an_example_that_would_not_pass_is_sent_and_told() -> None:
    saga = one_step(
        f"action:\n{REQUEST}  success: ['${{{{ response.body.ok }}}}']\nexample: {{ok: false}}"
    )
    answer, note = made(saga)
    assert answer.json == {"ok": False}
    assert note is not None
    assert "success" in note


def test_a_condition_that_nothing_meets_is_told() -> None:
    answer, note = made(with_condition("response.body.n == 1 && response.body.n == 2"))
    assert answer.status == 200
    assert note is not None
    assert "no reply was found" in note


# Lookups

LOOKUPS = [
    # found, result of the lookup, and the reply when there is nothing; None: no need to read it
    ("size(response.body) > 0", "response.body[0].id", (200, "[]")),
    ("size(response.body.items) > 0", "response.body.items[0].id", (200, '{"items":[]}')),
    ("response.body != null", "response.body.id", (200, "null")),
    ("has(response.body.id)", "response.body.id", (404, None)),
    ("response.status == 200", "response.body.id", (404, None)),
    ("response.body.exists(c, c.key == step.action_key)", "response.body[0].id", (200, "[]")),
    ("response.body.exists(c, c.state == 'done')", "response.body[0].ref", (200, "[]")),
]


def looked_up(lookup: str, result: str = "{charge: '${{ response.body.id }}'}") -> Saga:
    return one_step(f"action:\n{REQUEST}  result: {result}\nlookup:\n{lookup}")


def ask(saga: Saga, *, done: bool) -> tuple[Answer, str, str | None]:
    with Play(saga) as play:
        told = ""
        if done:
            headers = of_saga("s1", "act", "k1")
            told = play.call("POST", "/svc/things", INPUT, headers).json.get("id", "")
        answer = play.call("GET", "/svc/things?key=k1", None, of_saga("s1", "act", "k9"))
        return answer, told, play.ledger.calls()[-1].note


@pytest.mark.parametrize(("found", "result", "_absent"), LOOKUPS)
def test_a_lookup_finds_what_the_action_answered(
    found: str, result: str, _absent: tuple[int, str | None]
) -> None:
    saga = looked_up(
        "  request: GET /things?key=${{ step.action_key }}\n"
        f"  found: \"${{{{ {found} }}}}\"\n  result: {{charge: '${{{{ {result} }}}}'}}"
    )
    answer, told, note = ask(saga, done=True)
    body = answer.json
    for part in re.findall(r"\w+", result)[2:]:
        body = body[int(part)] if part.isdigit() else body[part]
    assert body == told
    assert note is None


@pytest.mark.parametrize(("found", "result", "absent"), LOOKUPS)
def test_a_lookup_says_that_there_is_nothing(
    found: str, result: str, absent: tuple[int, str | None]
) -> None:
    saga = looked_up(
        "  request: GET /things?key=${{ step.action_key }}\n"
        f"  found: \"${{{{ {found} }}}}\"\n  result: {{charge: '${{{{ {result} }}}}'}}"
    )
    answer, _, note = ask(saga, done=False)
    status, text = absent
    assert note is None
    assert answer.status == status
    assert text is None or answer.text == text


def test_a_lookup_without_words_is_answered_by_status() -> None:
    saga = one_step("action: POST /things\nlookup: GET /things")
    assert ask(saga, done=False)[0].status == 404
    answer, told, note = ask(saga, done=True)
    assert (answer.status, answer.json, note) == (200, {"id": told}, None)


def test_a_lookup_without_a_result_is_read_like_the_action() -> None:
    saga = looked_up(
        "  request: GET /things", "{charge: '${{ response.body.id }}', by: '${{ env.X }}'}"
    )
    answer, told, note = ask(saga, done=True)
    assert (answer.json, note) == ({"id": told}, None)


def test_a_lookup_tells_what_an_example_had_answered() -> None:
    saga = one_step(
        "action: POST /things\nexample: {id: ch_1, paid: {cents: 5, parts: [1, 2]}}\n"
        "lookup: {request: GET /things, result: '${{ response.body[0] }}'}"
    )
    answer, _, note = ask(saga, done=True)
    assert (answer.json, note) == ([{"id": "ch_1", "paid": {"cents": 5, "parts": [1, 2]}}], None)


@pytest.mark.parametrize("found", ["size(response.body) > 0", "response.body != null"])
@pytest.mark.parametrize("status", ["2xx", "204"])
def test_a_lookup_finds_what_the_action_said_nothing_about(found: str, status: str) -> None:
    saga = one_step(
        f"action: {{request: PUT /things/1, success: [{status}]}}\n"
        f"lookup: {{request: 'GET /things?key=1', found: '${{{{ {found} }}}}'}}"
    )
    with Play(saga) as play:
        play.call("PUT", "/svc/things/1", None, of_saga("s1", "act", "k1"))
        answer = play.call("GET", "/svc/things?key=1", None, of_saga("s1", "act", "k9"))
        assert play.ledger.calls()[-1].note is None
    assert answer.status == 200
    assert answer.json is not None
    assert found.startswith("response") or len(answer.json) > 0
