"""The table of outcomes: every status, every fault, and every rule that comes before the table."""

import json
from typing import Any

import pytest
from participants.calls import call, success, template

from sagactl.definition.model import OutcomeKind, StatusSet, Success
from sagactl.machine.command import Outcome, Phase
from sagactl.participants.outcome import Fault, FaultKind, Reply, classify

APPLIED = OutcomeKind.APPLIED
RESULT_LOST = OutcomeKind.RESULT_LOST
REJECTED = OutcomeKind.REJECTED
NOT_SENT = OutcomeKind.NOT_SENT
UNKNOWN = OutcomeKind.UNKNOWN

NOW = 1_000_000.0

# Written out once more, from the contract and not from the code.
EXPECTED: dict[OutcomeKind, set[int]] = {
    APPLIED: {200, 201, *range(203, 300)},
    REJECTED: {
        300, 301, 302, *range(304, 400),
        400, 401, 402, 403, 404, 405, 406, 407, 409, 410, 411, 412, 413, 414, 415, 416, 417,
        421, 422, 423, 424, 426, 428, 431, 451, 501, 505,
    },
    NOT_SENT: {425, 429},
}  # fmt: skip

FAULTS = {
    FaultKind.UNSENDABLE: (NOT_SENT, False),
    FaultKind.NAME_LOOKUP: (NOT_SENT, True),
    FaultKind.CONNECT_REFUSED: (NOT_SENT, True),
    FaultKind.CONNECT_TIMEOUT: (NOT_SENT, True),
    FaultKind.CONNECT_FAILED: (NOT_SENT, True),
    FaultKind.TLS_CERTIFICATE: (NOT_SENT, False),
    FaultKind.TLS_HANDSHAKE: (NOT_SENT, True),
    FaultKind.PROXY: (NOT_SENT, True),
    FaultKind.NO_TOKEN: (NOT_SENT, True),
    FaultKind.TOKEN_REFUSED: (NOT_SENT, False),
    FaultKind.UNEXPECTED_BEFORE: (NOT_SENT, True),
    FaultKind.WRITE: (UNKNOWN, True),
    FaultKind.READ_TIMEOUT: (UNKNOWN, True),
    FaultKind.CONNECTION_LOST: (UNKNOWN, True),
    FaultKind.BAD_PROTOCOL: (UNKNOWN, True),
    FaultKind.UNEXPECTED_AFTER: (UNKNOWN, True),
}

CUT = {"complete": False, "trouble": "it was cut"}


def reply(status: int = 200, body: Any = None, *headers: tuple[str, str], **more: Any) -> Reply:
    text = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, headers, text, **more)


def judged(seen: Reply, **fields: Any) -> Outcome:
    return classify(call(**fields), seen, NOW)


@pytest.mark.parametrize("status", [0, 99, *range(100, 601), 999, 1000])
def test_every_status_has_its_outcome(status: int) -> None:
    expected = next((kind for kind, those in EXPECTED.items() if status in those), UNKNOWN)
    outcome = judged(reply(status, {"id": 1}))
    assert (outcome.kind, outcome.status) == (expected, status)
    assert outcome.retriable
    assert outcome.absent == (status in (404, 410))


def test_every_fault_is_in_this_table() -> None:
    assert set(FAULTS) == set(FaultKind)


@pytest.mark.parametrize("kind", FaultKind, ids=lambda kind: kind.name)
@pytest.mark.parametrize("phase", Phase)
def test_every_fault_has_its_outcome(kind: FaultKind, phase: Phase) -> None:
    outcome = classify(call(phase=phase), Fault(kind), NOW)
    assert (outcome.kind, outcome.retriable) == FAULTS[kind]
    assert (outcome.status, outcome.found, outcome.detail) == (None, None, kind.words)


def test_a_conflict_is_a_no_at_first_and_after_doubt_means_still_running() -> None:
    assert judged(reply(409)).kind is REJECTED
    outcome = judged(reply(409), doubted=True)
    assert outcome.kind is UNKNOWN
    assert outcome.detail == "409 Conflict: an earlier attempt is still running"


def test_what_the_service_says_of_a_conflict_goes_before_our_guess() -> None:
    seen = reply(409, {"error": "busy with it"})
    assert judged(seen, doubted=True).detail == '409 Conflict: "busy with it"'


@pytest.mark.parametrize(("status", "kind"), [(422, REJECTED), (429, NOT_SENT), (500, UNKNOWN)])
def test_doubt_changes_no_status_but_a_conflict(status: int, kind: OutcomeKind) -> None:
    assert judged(reply(status), doubted=True).kind is kind


def test_a_conflict_that_counts_as_success_is_one_also_after_doubt() -> None:
    created = success((200, 299), (409, 409))
    assert judged(reply(409), success=created, doubted=True).kind is APPLIED


# What is read before the table.


@pytest.mark.parametrize("kind", OutcomeKind)
def test_outcomes_are_read_before_everything_else(kind: OutcomeKind) -> None:
    fields = {
        "outcomes": {kind: StatusSet(((200, 599),))},
        "fail_when": template("${{ response.status != 418 }}"),
        "success": success(when="${{ false }}"),
    }
    for status in (200, 404, 409, 500):
        assert judged(reply(status, {"id": 1}), **fields).kind is kind


@pytest.mark.parametrize("kind", OutcomeKind)
@pytest.mark.parametrize("status", [200, 402, 429, 500])
def test_a_status_is_moved_where_nothing_else_is_said(kind: OutcomeKind, status: int) -> None:
    moved = {kind: StatusSet(((status, status),))}
    assert judged(reply(status, {"id": 1}), outcomes=moved).kind is kind


def test_a_status_in_two_rows_of_outcomes_is_read_carefully() -> None:
    both = {REJECTED: StatusSet(((500, 500),)), UNKNOWN: StatusSet(((500, 599),))}
    assert judged(reply(500), outcomes=both).kind is UNKNOWN


@pytest.mark.parametrize("status", [200, 202, 404, 429, 500])
def test_fail_when_is_a_definite_no_whatever_the_status(status: int) -> None:
    seen = reply(status, {"state": "refused", "error": "no money"})
    outcome = judged(seen, fail_when=template("${{ response.body.state == 'refused' }}"))
    assert outcome.kind is REJECTED
    assert outcome.detail.endswith('"fail_when" is true: "no money"')


def test_fail_when_that_cannot_be_told_never_rejects() -> None:
    fails = template("${{ response.body.error.code == 'x' }}")
    assert judged(reply(200, {"id": 1}), fail_when=fails).kind is APPLIED
    assert judged(reply(500, {"id": 1}), fail_when=fails).kind is UNKNOWN
    assert judged(reply(200, {"error": 5}), fail_when=template("${{ 5 }}")).kind is APPLIED


def test_a_reply_that_cannot_be_read_may_be_the_one_fail_when_means() -> None:
    for condition in ("${{ !has(response.body.id) }}", "${{ !has(response.body) }}"):
        fails = template(condition)
        for phase in (Phase.ACTION, Phase.COMPENSATION):
            assert judged(reply(200, b"<html>"), phase=phase, fail_when=fails).kind is RESULT_LOST
        assert judged(reply(500, b"<html>"), fail_when=fails).kind is UNKNOWN


def test_a_condition_that_is_false_leaves_the_outcome_unknown() -> None:
    when = success(when="${{ response.body.state == 'paid' }}")
    assert judged(reply(200, {"state": "paid"}), success=when).kind is APPLIED
    outcome = judged(reply(200, {"state": "pending"}), success=when)
    assert outcome.kind is UNKNOWN
    assert outcome.detail == '200 OK: the condition of "success" at order.yaml:1:1 is false'


@pytest.mark.parametrize("body", [None, {}, {"state": "paid"}, []])
def test_a_condition_that_cannot_be_told_leaves_the_outcome_unknown(body: Any) -> None:
    when = success(when="${{ response.body.n }}")
    assert judged(reply(200, body), success=when).kind is UNKNOWN


def test_a_condition_on_a_reply_that_cannot_be_read_loses_the_result() -> None:
    when = success(when="${{ has(response.body.id) }}")
    outcome = judged(reply(200, b'{"id":', **CUT), success=when, phase=Phase.COMPENSATION)
    assert outcome.kind is RESULT_LOST


def test_a_condition_that_reads_no_body_is_judged_without_one() -> None:
    when = success(when="${{ response.headers['x-state'] == 'done' }}")
    done = ("X-State", "done")
    assert judged(reply(200, b"{", done, **CUT), success=when).kind is APPLIED
    assert judged(reply(200, b"{", ("X-State", "no"), **CUT), success=when).kind is UNKNOWN


def test_accepted_is_applied_only_where_it_is_named() -> None:
    assert judged(reply(202)).kind is UNKNOWN
    assert judged(reply(202), success=success((202, 202))).kind is APPLIED


def test_what_success_leaves_out_is_unlisted() -> None:
    assert judged(reply(200), success=success((201, 201))).kind is UNKNOWN


# What the reply yields.


def test_the_result_is_the_whole_body_where_nothing_is_said() -> None:
    assert judged(reply(200, {"id": [1, None]})).result == {"id": [1, None]}


def test_the_result_is_what_the_expression_makes_of_status_headers_and_body() -> None:
    result = {
        "id": "${{ response.body.id }}",
        "at": "${{ response.headers.location }}",
        "via": "${{ response.headers['x-via'] }}",
        "status": "${{ response.status }}",
        "for": "${{ input.name }}",
    }
    headers = (("Location", "/p/1"), ("X-Via", "a"), ("x-via", "b"))
    outcome = judged(reply(201, {"id": 7}, *headers), result=template(result))
    assert outcome.result == {"id": 7, "at": "/p/1", "via": "a, b", "status": 201, "for": "Ada"}


def test_a_result_that_cannot_be_told_is_lost() -> None:
    outcome = judged(reply(200, {"no": 1}), result=template({"id": "${{ response.body.id }}"}))
    assert outcome.kind is RESULT_LOST
    assert outcome.detail.startswith('200 OK: "result" cannot be told: ')


@pytest.mark.parametrize("seen", [reply(200, b"<html>"), reply(200, b'{"id": 1}', **CUT)])
def test_a_reply_that_cannot_be_read_is_lost_only_where_it_is_needed(seen: Reply) -> None:
    assert judged(seen).kind is APPLIED
    assert judged(seen).result is None
    assert judged(seen, needs_body=True).kind is RESULT_LOST
    reads = template({"id": "${{ response.body.id }}"})
    assert judged(seen, result=reads).kind is RESULT_LOST
    reads_status = template({"status": "${{ response.status }}"})
    assert judged(seen, result=reads_status, needs_body=True).result == {"status": 200}


def test_a_result_made_of_the_whole_response_needs_the_body() -> None:
    seen = reply(200, b"{", **CUT)
    assert judged(seen, result=template("${{ response }}")).kind is RESULT_LOST


def test_a_compensation_needs_no_readable_reply() -> None:
    outcome = judged(reply(200, b"<html>"), phase=Phase.COMPENSATION)
    assert (outcome.kind, outcome.result) == (APPLIED, None)
    assert judged(reply(200, {"id": 1}), phase=Phase.COMPENSATION).result is None


def test_a_compensation_that_names_a_result_needs_it() -> None:
    result = template("${{ response.body.refund }}")
    fields = {"phase": Phase.COMPENSATION, "result": result}
    assert judged(reply(200, b"<html>"), **fields).kind is RESULT_LOST
    assert judged(reply(200, {"refund": 5}), **fields).result == 5


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_an_empty_success_is_applied_and_its_result_null(body: bytes) -> None:
    seen = reply(200, body)
    outcome = judged(seen, needs_body=True, needed_paths=(("id",),))
    assert (outcome.kind, outcome.result) == (APPLIED, None)
    assert judged(seen, result=template("${{ response.body.id }}")).kind is RESULT_LOST


def test_what_is_surely_read_later_must_be_there() -> None:
    needed = (("items", 1, "id"),)
    whole = {"items": [{}, {"id": None}]}
    assert judged(reply(200, whole), needed_paths=needed).kind is APPLIED
    lacking: list[Any] = [{"items": [{"id": 1}]}, {"items": {"1": {}}}, {"items": [1, 2]}, "x", 5]
    for body in lacking:
        outcome = judged(reply(200, body), needed_paths=needed)
        assert outcome.kind is RESULT_LOST
        assert outcome.detail == '200 OK: the result lacks "items[1].id", which is read later'


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>", "Expecting value"),
        (b'{"a": 1, "a": 2}', "stands twice"),
        (b'{"a": NaN}', "NaN"),
        (b"[1e999]", "too large"),
        (b"[" + b"9" * 5000 + b"]", "too large"),
        (b'"\\ud800"', "surrogate"),
        (b"[" * 100 + b"]" * 100, "nested"),
        (b"[" * 100_000, "nested"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"a": "é"}'.encode("latin-1"), "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "Expecting"),
        (b'{"a": 1} {"a": 2}', "Extra data"),
        (b"{'a': 1}", "property name"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_json_that_two_readers_could_read_differently_is_not_read(body: bytes, why: str) -> None:
    outcome = judged(reply(200, body), needs_body=True)
    assert outcome.kind is RESULT_LOST
    assert why in outcome.detail


@pytest.mark.parametrize(("limit", "most"), [(10, 1000), (1024 * 1024, 104_857)])
def test_a_reply_of_more_parts_than_its_limit_accounts_for_is_not_read(
    limit: int, most: int
) -> None:
    fields = {"needs_body": True, "max_reply_bytes": limit}
    body = b"[" + b"{}," * (most - 2) + b"{}]"
    assert judged(reply(200, body), **fields).kind is APPLIED
    outcome = judged(reply(200, b"[" + body + b"]"), **fields)
    assert outcome.kind is RESULT_LOST
    assert outcome.detail == f"200 OK: the reply was not read: it has {most + 1} lists and objects"


# Lookups.


def looked(seen: Reply, **fields: Any) -> Outcome:
    return judged(seen, phase=Phase.LOOKUP, **{"method": "GET", "body": None, **fields})


@pytest.mark.parametrize("status", range(200, 600))
def test_a_lookup_says_yes_by_2xx_and_no_by_404_and_else_nothing(status: int) -> None:
    outcome = looked(reply(status, {"id": 1}))
    yes = status in EXPECTED[APPLIED]
    assert outcome.found is (True if yes else False if status == 404 else None)
    assert outcome.result == ({"id": 1} if yes else None)


def test_found_asks_the_body() -> None:
    found = "${{ size(response.body) > 0 }}"
    result = template({"id": "${{ response.body[0].id }}"})
    outcome = looked(reply(200, [{"id": 7}]), found=found, result=result)
    assert (outcome.kind, outcome.found, outcome.result) == (APPLIED, True, {"id": 7})
    outcome = looked(reply(200, []), found=found, result=result)
    assert (outcome.found, outcome.result) == (False, None)


def test_an_error_is_no_answer_whatever_found_makes_of_its_body() -> None:
    for found in ("${{ size(response.body) > 0 }}", "${{ false }}"):
        assert looked(reply(500, {"error": "x"}), found=found).found is None
        assert looked(reply(401, {"error": "x"}), found=found).found is None
        assert looked(reply(404, {"error": "x"}), found=found).found is False


@pytest.mark.parametrize("seen", [reply(200, {"id": 1}), reply(200, b"<"), reply(200, b"", **CUT)])
def test_found_that_cannot_be_told_is_no_answer(seen: Reply) -> None:
    for found in ("${{ response.body.gone }}", "${{ response.body.id }}"):
        outcome = looked(seen, found=found)
        assert (outcome.kind, outcome.found) == (UNKNOWN, None)


def test_found_that_asks_whether_something_is_there_needs_a_readable_body() -> None:
    for found in ("${{ has(response.body.id) }}", "${{ has(response.body) }}"):
        assert looked(reply(200, b"<"), found=found).found is None


def test_found_with_a_result_that_is_lost_is_still_found() -> None:
    outcome = looked(reply(200, b"<html>"), needs_body=True)
    assert (outcome.kind, outcome.found) == (RESULT_LOST, True)


def test_success_may_move_what_is_asked_but_never_makes_404_a_find() -> None:
    moved = success((200, 299), (404, 404), (410, 410))
    assert looked(reply(404, {"id": 1}), success=moved).found is False
    assert looked(reply(410, {"id": 1}), success=moved).found is None
    found = "${{ response.body.id == 1 }}"
    assert looked(reply(404, {"id": 1}), success=moved, found=found).found is True


def test_a_404_that_the_author_calls_unknown_is_no_answer() -> None:
    moved = {UNKNOWN: StatusSet(((404, 404),))}
    assert looked(reply(404), outcomes=moved).found is None
    assert looked(reply(404), outcomes={REJECTED: StatusSet(((404, 404),))}).found is False


def test_a_lookup_whose_condition_is_false_has_no_answer() -> None:
    outcome = looked(reply(200, {}), success=success(when="${{ false }}"))
    assert (outcome.kind, outcome.found) == (UNKNOWN, None)


# Words and waits.


@pytest.mark.parametrize("status", [425, 429, 503])
def test_retry_after_counts_on_three_statuses(status: int) -> None:
    assert judged(reply(status, None, ("Retry-After", "7"))).retry_after_s == 7.0


@pytest.mark.parametrize("status", [200, 301, 409, 413, 500])
def test_retry_after_counts_nowhere_else(status: int) -> None:
    assert judged(reply(status, None, ("Retry-After", "7"))).retry_after_s is None


def test_a_retry_after_that_makes_no_sense_is_told_and_ignored() -> None:
    outcome = judged(reply(429, None, ("Retry-After", "1000000000")))
    assert outcome.retry_after_s is None
    assert outcome.detail == (
        "429 Too Many Requests; its Retry-After is more than a day and was ignored"
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "card declined"}, ': "card declined"'),
        ({"message": "no such card"}, ': "no such card"'),
        ({"error": {"message": "no such card", "code": 5}}, ': "no such card"'),
        ({"title": "Out of credit", "detail": "it costs 50"}, ': "Out of credit: it costs 50"'),
        ({"detail": "it costs 50", "error": "x"}, ': "it costs 50"'),
        ({"code": 17}, ""),
        ({"error": {"error": {"error": 5}}}, ""),
        (b"<h1>no</h1>", ""),
        (None, ""),
        ({"error": "\x1b[31m\x00\u202e\u200b\n"}, r': "\x1b[31m\x00\u202e\u200b"'),
        ({"error": "a" * 300}, f': "{"a" * 199}…"'),
    ],
)
def test_the_detail_has_the_words_of_the_service(body: Any, words: str) -> None:
    assert judged(reply(402, body)).detail == f"402 Payment Required{words}"


def test_plain_text_is_quoted_as_it_is() -> None:
    seen = reply(400, b"no such\tcard\n", ("Content-Type", "text/plain; charset=utf-8"))
    assert judged(seen).detail == r'400 Bad Request: "no such\tcard"'


def test_a_redirect_names_where_it_points_to() -> None:
    for status in (300, 399):
        assert "not followed" in judged(reply(status, None, ("Location", "/x"))).detail
    for status in (202, 400):
        assert "not followed" not in judged(reply(status, None, ("Location", "/x"))).detail
    outcome = judged(reply(302, None, ("location", "http://e/\x1b")))
    assert outcome.detail == r'302 Found: redirects to "http://e/\x1b", not followed'


def test_secrets_are_taken_out_before_words_are_cut() -> None:
    secret = "sssssssssssssssss"
    seen = reply(400, {"error": "-" * 190 + secret})
    outcome = classify(call(), seen, NOW, lambda text: text.replace(secret, "***"))
    assert "s" not in outcome.detail.removeprefix("400 Bad Request")


def test_success_conditions_all_have_to_hold() -> None:
    both = Success(
        StatusSet(((200, 299),)),
        (template("${{ response.body.a }}"), template("${{ response.body.b }}")),
    )
    assert judged(reply(200, {"a": True, "b": True}), success=both).kind is APPLIED
    assert judged(reply(200, {"a": True, "b": False}), success=both).kind is UNKNOWN
