"""What a request means where it is silent: its service, the defaults, the language."""

import pytest
from definition.definitions import saga_of, step_of

from sagactl.definition.model import (
    ACTION_RETRY,
    COMPENSATION_RETRY,
    Idempotency,
    OutcomeKind,
    Request,
    Retry,
    Step,
)
from sagactl.definition.template import evaluate

BARE = "service: shop\naction: POST /orders\ncompensation: DELETE /orders/1\n"


def head(service: str = "", defaults: str = "") -> str:
    return (
        "saga: order\n"
        f"defaults: {{{defaults}}}\n"
        f"services:\n  shop: {{url: 'http://shop.example', {service}}}\n"
        "steps:\n"
    )


def step(service: str = "", defaults: str = "", action: str = "") -> Step:
    own = BARE.replace("POST /orders", f"{{request: POST /orders, {action}}}")
    return step_of(own, head(service, defaults))


def undo(step: Step) -> Request:
    assert step.compensation is not None
    return step.compensation


def headers(request: Request) -> dict[str, object]:
    return {name: evaluate(template, {}) for name, template in request.headers}


def test_the_language_speaks_last() -> None:
    action = step().action
    assert action.timeout_s == 10
    assert action.retry == ACTION_RETRY
    assert action.idempotency is None
    assert action.headers == ()
    assert action.outcomes == {}
    assert action.fail_when is None
    assert action.result is None
    assert action.max_reply_bytes == 1024 * 1024
    assert (200 in action.success.statuses, 299 in action.success.statuses) == (True, True)
    assert 202 not in action.success.statuses


@pytest.mark.parametrize(
    ("own", "service", "defaults", "seconds"),
    [("1s", "2s", "3s", 1), ("", "2s", "3s", 2), ("", "", "3s", 3), ("", "", "", 10)],
)
def test_the_first_to_speak_of_a_timeout_is_heard(
    own: str, service: str, defaults: str, seconds: float
) -> None:
    said = [f"timeout: {text}" if text else "" for text in (service, defaults, own)]
    assert step(*said).action.timeout_s == seconds


def test_a_retry_is_put_together_field_by_field() -> None:
    built = step(
        service="retry: {max_attempts: 7, multiplier: 3}",
        defaults="retry: {max_attempts: 9, initial_interval: 2s, multiplier: 5}",
        action="retry: {multiplier: 1.5}",
    )
    assert built.action.retry == Retry(7, 2.0, 1.5, ACTION_RETRY.max_interval_s)


def test_the_patience_of_actions_is_not_that_of_their_undo() -> None:
    assert undo(step(defaults="retry: {max_attempts: 2}")).retry == COMPENSATION_RETRY


def test_a_compensation_asks_its_service_then_the_defaults_of_compensations() -> None:
    built = step(
        service="retry: {max_attempts: 7}",
        defaults="compensation: {retry: {max_attempts: 9, max_interval: 1m}, timeout: 1m}",
    )
    assert undo(built).retry == Retry(7, 1.0, 2.0, 60.0)
    assert undo(built).timeout_s == 60
    assert built.action.retry.max_attempts == 7
    assert built.action.timeout_s == 10


def test_a_compensation_takes_the_common_timeout_where_none_is_its_own() -> None:
    assert undo(step(defaults="timeout: 3s")).timeout_s == 3


def test_a_wait_may_be_zero() -> None:
    assert step(action="retry: {initial_interval: 0s}").action.retry.initial_interval_s == 0


def test_headers_of_a_request_win_in_upper_and_lower_case() -> None:
    built = step(
        service="headers: {X-Tenant: shop, Accept: a/b}",
        defaults="headers: {X-Team: us, accept: c/d}",
        action="headers: {x-tenant: own, X-New: 1}",
    )
    assert headers(built.action) == {"X-Team": "us", "Accept": "a/b", "x-tenant": "own", "X-New": 1}
    assert headers(undo(built)) == {"X-Team": "us", "Accept": "a/b", "X-Tenant": "shop"}


def test_a_key_is_trusted_for_23_hours() -> None:
    day = Idempotency(keyed=True, header="Idempotency-Key", ttl_s=23 * 3600)
    assert step(service="idempotency: key").action.idempotency == day
    assert step(service="idempotency: {header: Idempotency-Key}").action.idempotency == day


def test_a_key_has_the_header_and_the_time_it_is_given() -> None:
    built = step(service="idempotency: {header: X-Key, ttl: 10m}")
    assert built.action.idempotency == Idempotency(keyed=True, header="X-Key", ttl_s=600)


def test_a_service_without_keys_says_so_for_posts() -> None:
    built = step(service="idempotency: none")
    assert built.action.idempotency == Idempotency(keyed=False)
    assert not built.action.may_repeat
    assert not undo(built).may_repeat


def test_a_service_without_keys_says_nothing_about_reads() -> None:
    built = step_of(BARE + "lookup: GET /orders\n", head("idempotency: none"))
    assert built.lookup is not None
    assert built.lookup.request.idempotency is None
    assert built.lookup.request.may_repeat


def test_outcomes_take_one_status_a_class_or_a_list() -> None:
    built = step(action="outcomes: {rejected: 500, unknown: [404, 3XX], not_sent: 503}").action
    assert 500 in built.outcomes[OutcomeKind.REJECTED]
    assert 501 not in built.outcomes[OutcomeKind.REJECTED]
    assert 404 in built.outcomes[OutcomeKind.UNKNOWN]
    assert 307 in built.outcomes[OutcomeKind.UNKNOWN]
    assert 503 in built.outcomes[OutcomeKind.NOT_SENT]


def test_outcomes_are_those_of_the_first_to_speak() -> None:
    built = step(service="outcomes: {rejected: [500]}", action="outcomes: {unknown: [404]}").action
    assert list(built.outcomes) == [OutcomeKind.UNKNOWN]


@pytest.mark.parametrize(
    ("success", "inside", "outside"),
    [
        ("2xx", [200, 204], [202, 404]),
        ("[2xx, 404]", [200, 404], [202, 410]),
        ("[2xx, 202]", [200, 202], [404]),
        ("[2XX, 409]", [299, 409], [202]),
        ("202", [202], [200]),
        ("[200, 3xx]", [200, 304], [201]),
        ("'404'", [404], [200]),
        ("'${{ response.body.ok }}'", [200, 201], [202, 404]),
    ],
)
def test_2xx_never_takes_in_202_unless_it_is_named(
    success: str, inside: list[int], outside: list[int]
) -> None:
    statuses = step(action=f"success: {success}").action.success.statuses
    assert [status for status in inside if status not in statuses] == []
    assert [status for status in outside if status in statuses] == []


def test_conditions_stand_beside_statuses() -> None:
    success = step(action="success: [2xx, 404, '${{ response.body.ok }}']").action.success
    assert 404 in success.statuses
    assert [evaluate(c, {"response": {"body": {"ok": True}}}) for c in success.conditions] == [True]


def test_a_success_of_the_service_holds_for_all_its_requests() -> None:
    built = step(service="success: [201]", action="timeout: 1s")
    assert 200 not in built.action.success.statuses
    assert 200 not in undo(built).success.statuses


@pytest.mark.parametrize(
    ("size", "count"), [("5", 5), ("64KiB", 65536), ("2 MB", 2_000_000), ("1GiB", 1024**3)]
)
def test_the_largest_reply_is_in_bytes_or_a_size(size: str, count: int) -> None:
    assert step(action=f"max_reply: {size}").action.max_reply_bytes == count


def test_the_service_of_a_step_is_that_of_its_three_requests() -> None:
    built = step_of(BARE + "lookup: GET /orders\n")
    assert built.lookup is not None
    for request in (built.action, built.lookup.request, undo(built)):
        assert request.service is not None
        assert request.service.name == "shop"


def test_a_request_may_name_a_service_of_its_own() -> None:
    services = "  bank: {url: 'http://bank.example', timeout: 2s}\nsteps:\n"
    own = BARE.replace("DELETE /orders/1", "{request: DELETE /x, service: bank}")
    built = step_of(own, head("timeout: 1s").replace("steps:\n", services))
    assert (built.action.timeout_s, undo(built).timeout_s) == (1, 2)


def test_the_secrets_of_a_service_do_not_go_to_another_host() -> None:
    own = BARE.replace("DELETE /orders/1", "DELETE https://elsewhere.example/orders/1")
    service = "idempotency: key, headers: {Authorization: 'Bearer ${{ secrets.SHOP }}'}"
    built = step_of(own, head(service))
    assert [name for name, _ in built.action.headers] == ["Authorization"]
    assert undo(built).service is None
    assert undo(built).headers == ()
    assert undo(built).idempotency is None


def test_the_defaults_of_a_saga_are_no_surprise() -> None:
    saga = saga_of("saga: a\nsteps: [{name: s, action: GET http://h/}]\n")
    assert (saga.version, saga.id, saga.output, saga.timeout_s) == (1, None, None, None)
    assert (saga.description, saga.input_schema, dict(saga.services)) == (None, None, {})
    step = saga.steps[0]
    assert (step.lookup, step.compensation, step.compensation_none) == (None, None, False)
    assert (step.when, step.pivot, step.on_unknown) == (None, False, None)
    assert (step.budget_s, step.timeout_s, step.example) == (None, None, None)
