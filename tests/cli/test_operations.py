"""Sagas written by operationId, as they are typed: planned, run, and gone on with."""

from conftest import Cli
from definition.test_openapi import SAGA, SHOP


def written(cli: Cli) -> None:
    cli.write("order.yaml", SAGA)
    cli.write("shop.yaml", SHOP)


def test_a_plan_shows_the_request_that_an_operation_is(cli: Cli) -> None:
    written(cli)
    told = cli("plan", "order.yaml", "-o", "json")
    assert told.status == 0, told
    [step] = told.json["steps"]
    assert step["action"] == "PUT shop:/orders/${{ saga.id }}"
    assert step["compensation"] == "DELETE shop:/orders/${{ saga.id }}"


def test_a_saga_goes_on_when_its_document_has_changed_or_is_gone(cli: Cli) -> None:
    written(cli)
    begun = cli("run", "order.yaml", "--sandbox", "--id", "o1", "--fail", "keep=503", "--no-wait")
    assert begun.status == 5, begun
    cli.write("shop.yaml", SHOP.replace("put:", "patch:").replace("/orders/", "/elsewhere/"))
    cli("resume", "o1", "--no-wait")
    (cli.folder / "shop.yaml").unlink()
    told = cli("resume", "o1", "--fail", "none", "-o", "json")
    assert told.status == 0, told
    ledger = (cli.folder / ".sagactl" / "sandbox.ledger.jsonl").read_text()
    assert "/orders/o1" in ledger
    assert "elsewhere" not in ledger
    undone = cli("compensate", "o1")
    assert undone.status == 1, undone
    # Begun anew it needs the document, and says so before anything is sent.
    assert cli("run", "order.yaml", "--sandbox").status == 2


def test_lint_tells_what_calls_do_not_fit_with_the_place_in_both_files(cli: Cli) -> None:
    cli.write("order.yaml", SAGA.replace("amount: 5", "amount: five"))
    cli.write("shop.yaml", SHOP)
    told = cli("lint", "order.yaml")
    assert told.status == 1
    assert "order.yaml:10:22: error: " in told.err + told.out
    assert "shop.yaml:" in told.err + told.out
