"""The definitions to copy: without a warning, and as they ought to be where it matters."""

import pytest
from conftest import DEFINITIONS, SAGAS

from sagactl.definition.loader import load
from sagactl.definition.model import OnUnknown, Saga
from sagactl.lint.linter import lint
from sagactl.machine.plan import make_plan
from sagactl.source.place import Source

NAMES = ("order", "transfer", "trip")
ALL = (*NAMES, "basket", "parcel")


def source(name: str) -> Source:
    return Source(name, (DEFINITIONS / name).read_text(encoding="utf-8"))


def definition(name: str) -> Saga:
    saga, problems = load(source(f"{name}.yaml"), source)
    assert [p.message for p in problems] == []
    assert saga is not None
    return saga


def test_there_are_these() -> None:
    assert sorted(file.stem for file in SAGAS) == sorted(ALL)


@pytest.mark.parametrize("name", ALL)
def test_lint_finds_nothing(name: str) -> None:
    assert [problem.message for problem in lint(definition(name))] == []


@pytest.mark.parametrize("name", ALL)
def test_every_step_says_what_undoes_it_and_every_service_what_it_promises(name: str) -> None:
    for step in definition(name).steps:
        if step.request is None:
            continue
        assert step.compensation is not None or step.compensation_none, step.name
        if step.request.method in ("POST", "PATCH"):
            assert step.request.idempotency is not None, step.name


@pytest.mark.parametrize("name", ALL)
def test_a_whole_example_input_is_there_for_the_sandbox(name: str) -> None:
    schema = definition(name).input_schema
    (example,) = schema["examples"]
    assert set(schema["required"]) <= set(example)


@pytest.mark.parametrize("name", NAMES)
def test_urls_come_from_the_environment_and_secrets_go_into_headers(name: str) -> None:
    saga = definition(name)
    for service in saga.services.values():
        assert [reference.path[0] for reference in service.url.references] == ["env"]
    headers = [header for step in saga.steps for _, header in step.action.headers]
    assert any(r.path[0] == "secrets" for header in headers for r in header.references)


@pytest.mark.parametrize("name", NAMES)
def test_the_steps_past_the_pivot_can_be_asked_again(name: str) -> None:
    plan = make_plan(definition(name))
    assert len(plan.pivots) == 1
    for planned in plan:
        if planned.past_pivot or planned.step.pivot:
            assert planned.step.action.may_repeat or planned.step.lookup is not None


def test_the_order_undoes_in_the_reverse_of_its_doing() -> None:
    plan = make_plan(definition("order"))
    assert [planned.name for planned in plan] == [
        "reserve_inventory",
        "process_payment",
        "create_shipment",
        "send_confirmation",
    ]
    assert plan.steps["reserve_inventory"].needed_by == ("process_payment",)
    assert plan.pivots == ("send_confirmation",)


def test_the_trip_has_branches_and_a_join() -> None:
    steps = {step.name: step.needs for step in definition("trip").steps}
    assert [name for name, needs in steps.items() if not needs] == [
        "book_flight",
        "book_hotel",
        "book_car",
    ]
    assert steps["charge"] == ("book_flight", "book_hotel", "book_car")
    assert steps["send_itinerary"] == ("charge",)


def test_the_transfer_never_debits_twice() -> None:
    plan = make_plan(definition("transfer"))
    debit = plan.steps["debit"]
    assert not debit.step.action.may_repeat
    assert debit.step.lookup is not None
    assert debit.on_unknown is OnUnknown.HOLD
    assert plan.steps["book_entry"].past_pivot
