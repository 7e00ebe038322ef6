"""Services over real sockets that break one promise each: it is found, and nothing stays behind."""

import pytest
from conftest import DEFINITIONS
from rehearsal.asked import asked, reason, verdicts
from rehearsal.play import ORDER, Play, one_step, saga_of
from rehearsal.shop import SHOP, Shop

from sagactl.cli.input import example_input, fitting_input
from sagactl.cli.loading import load_definition
from sagactl.definition.model import Saga
from sagactl.definition.policy import names_under
from sagactl.machine.contract import Contract, Promise, Verdict
from sagactl.machine.plan import make_plan
from sagactl.rehearsal.ledger import EffectKind
from sagactl.rehearsal.live.programme import forecast
from sagactl.rehearsal.live.target import Targets

ALL = {
    "hold.action-twice", "hold.undo-twice", "hold.undo-alone", "hold.action-late", "hold.lookup",
    "pay.action-twice", "pay.undo-twice", "pay.action-late", "pay.lookup",
}  # fmt: skip


def of_shop(shop: Shop) -> Contract:
    return asked(saga_of(SHOP), {"SHOP_URL": shop.url}, {"who": "ada@example.com"})


def unkept(contract: Contract) -> dict[str, Verdict]:
    return {name: v for name, v in verdicts(contract).items() if v is not Verdict.KEPT}


def test_a_service_that_keeps_every_promise_is_not_accused() -> None:
    with Shop() as shop:
        contract = of_shop(shop)
    assert set(verdicts(contract)) == ALL
    assert unkept(contract) == {}
    assert contract.is_kept
    assert contract.left == ()
    assert shop.standing == []


BROKEN = {
    "repeat": {"hold.action-twice", "pay.action-twice"},
    "silent-repeat": {"hold.action-twice", "pay.action-twice"},
    "repeat-refused": {"hold.action-twice", "pay.action-twice"},
    "second-undo-404": {"hold.undo-twice", "pay.undo-twice"},
    "second-undo-500": {"hold.undo-twice", "pay.undo-twice"},
    "second-undo-anew": {"hold.undo-twice", "pay.undo-twice"},
    "lone-undo": {"hold.undo-alone"},
    "late": {"hold.action-late", "pay.action-late"},
    "lookup-never": {"hold.lookup", "pay.lookup"},
    "lookup-always": {"hold.lookup", "pay.lookup"},
    "lookup-other": {"pay.lookup"},
}


@pytest.mark.parametrize("breach", sorted(BROKEN))
def test_a_broken_promise_is_found(breach: str) -> None:
    with Shop({breach}) as shop:
        contract = of_shop(shop)
    found = {name for name, verdict in verdicts(contract).items() if verdict is Verdict.BROKEN}
    assert found >= BROKEN[breach]
    # A lookup that lies makes a liar of nothing else, and so does all the rest.
    assert found == BROKEN[breach]
    assert not contract.is_kept


@pytest.mark.parametrize("breach", sorted(BROKEN))
def test_nothing_is_left_by_a_service_that_breaks_a_promise(breach: str) -> None:
    with Shop({breach}) as shop:
        contract = of_shop(shop)
    assert len(shop.things) >= 2
    assert shop.standing == []
    assert all(left.why for left in contract.left)


def test_what_may_be_left_of_an_effect_made_twice_is_told() -> None:
    with Shop({"silent-repeat"}) as shop:
        contract = of_shop(shop)
    assert {left.step for left in contract.left} == {"hold", "pay"}
    assert not any(left.is_foreseen for left in contract.left)
    assert all("done anew" in left.why for left in contract.left)


def test_an_action_that_answers_with_an_error_but_took_place_is_found_and_undone() -> None:
    with Shop({"fails-after"}) as shop:
        contract = of_shop(shop)
    assert verdicts(contract)["pay.action-twice"] is Verdict.BROKEN
    assert verdicts(contract)["pay.undo-twice"] is Verdict.KEPT
    assert len(shop.things) == 2
    assert shop.standing == []
    assert contract.left == ()


def test_an_action_that_answers_with_an_error_and_took_no_place_leaves_nothing_to_undo() -> None:
    with Shop({"fails-before"}) as shop:
        contract = of_shop(shop)
    assert not contract.is_kept
    assert shop.things == []
    assert contract.left == ()
    assert {passed.step for passed in contract.passed_over if passed.is_fault} == {"hold"}
    assert "pay" in {passed.step for passed in contract.passed_over}


def test_an_action_in_doubt_that_nobody_can_find_out_about_is_told_as_left() -> None:
    before, _, after = SHOP.rpartition("    lookup:")
    text = before + after[after.index("    compensation") :]
    with Shop({"fails-after"}) as shop:
        contract = asked(saga_of(text), {"SHOP_URL": shop.url}, {"who": "ada"})
    assert shop.standing == ["charges"]
    assert [(left.step, left.is_foreseen) for left in contract.left] == [("pay", False)]
    assert "may have happened" in contract.left[0].why


def test_what_cannot_be_undone_is_told_as_left() -> None:
    with Shop({"no-undo"}) as shop:
        contract = of_shop(shop)
    assert {"hold.undo-twice", "pay.undo-twice", "hold.undo-alone"} <= {
        name for name, verdict in verdicts(contract).items() if verdict is Verdict.BROKEN
    }
    assert shop.standing == ["holds", "charges"]
    assert [left.step for left in contract.left] == ["hold", "pay"]
    assert all("403" in left.why for left in contract.left)


def test_a_repetition_that_only_gets_the_old_reply_behind_its_undo_does_no_harm() -> None:
    with Shop({"late-replayed"}) as shop:
        contract = of_shop(shop)
    assert verdicts(contract)["pay.action-late"] is Verdict.KEPT
    assert "nothing new" in reason(contract, "pay", Promise.ACTION_LATE)
    assert verdicts(contract)["hold.action-late"] is Verdict.BROKEN
    assert shop.standing == []


def test_a_redirect_is_not_followed_and_is_no_answer() -> None:
    with Shop({"redirect"}) as shop:
        contract = of_shop(shop)
    assert not contract.is_kept
    assert any(passed.is_fault for passed in contract.passed_over)
    assert shop.standing == []


def test_a_service_that_is_not_there_keeps_nothing() -> None:
    with Shop() as shop:
        url = shop.url
    contract = asked(saga_of(SHOP), {"SHOP_URL": url}, {"who": "ada@example.com"})
    assert set(verdicts(contract).values()) == {Verdict.UNTOLD}
    assert not contract.is_kept
    assert contract.left == ()


def test_every_saga_of_a_live_test_has_an_id_that_was_never_used() -> None:
    with Shop() as shop:
        saga = saga_of(SHOP)
        ids = {asked(saga, {"SHOP_URL": shop.url}, {"who": "ada"}).saga_id for _ in range(2)}
        held = {target.rsplit("/", 1)[1] for method, target in shop.calls if method == "PUT"}
    assert len(ids) == 2
    assert len(held) == 4
    assert all(name.startswith("live-") for name in held)


def test_the_requests_are_as_many_as_were_foreseen() -> None:
    saga = saga_of(SHOP)
    with Shop() as shop:
        env = {"SHOP_URL": shop.url}
        foreseen = forecast(make_plan(saga), Targets(saga, env), ())
        contract = asked(saga, env, {"who": "ada"})
    assert contract.requests == foreseen.requests == len(shop.calls)


def test_a_step_left_out_takes_with_it_what_needs_it() -> None:
    with Shop() as shop:
        contract = asked(saga_of(SHOP), {"SHOP_URL": shop.url}, {"who": "ada"}, {"hold"})
    assert [passed.step for passed in contract.passed_over] == ["hold", "pay"]
    assert shop.calls == []
    assert contract.is_kept


def test_a_post_without_a_key_is_never_repeated() -> None:
    text = SHOP.replace("bank: {url: \"${{ env.SHOP_URL }}\", idempotency: key}",
                        "bank: {url: \"${{ env.SHOP_URL }}\", idempotency: none}")  # fmt: skip
    with Shop() as shop:
        contract = asked(saga_of(text), {"SHOP_URL": shop.url}, {"who": "ada"})
    assert [call for call in shop.calls if call[0] == "POST" and call[1] == "/charges"] == [
        ("POST", "/charges")
    ]
    assert "never sent again" in reason(contract, "pay", Promise.ACTION_TWICE)
    assert contract.is_kept


def test_a_sandbox_that_keeps_all_promises_is_not_accused_of_anything() -> None:
    saga = saga_of(ORDER.replace("http://mail.example", "${{ env.MAIL_URL }}"))
    with Play(saga) as play:
        contract = asked(saga, urls(play, ("STOCK", "PAY", "MAIL")), {"sku": "tea", "amount": 1})
    assert unkept(contract) == {}
    assert [left.step for left in contract.left] == ["notify"]
    assert [effect.step for effect in play.ledger.left()] == ["notify"]


def urls(play: Play, names: tuple[str, ...]) -> dict[str, str]:
    host, port = play.address
    return {f"{name}_URL": f"http://{host}:{port}/{name.lower()}" for name in names}


def of_example(saga: Saga, play: Play) -> Contract:
    names = tuple(name.removesuffix("_URL") for name in names_under(saga, "env"))
    return asked(saga, urls(play, names), fitting_input(saga, example_input(saga)))


@pytest.mark.parametrize("name", ["order", "trip", "basket", "parcel", "transfer"])
def test_the_services_of_every_definition_pass_in_the_sandbox(name: str) -> None:
    saga = load_definition(DEFINITIONS / f"{name}.yaml")
    with Play(saga) as play:
        contract = of_example(saga, play)
    assert unkept(contract) == {}
    assert contract.is_kept, contract
    left = {effect.step for effect in play.ledger.left()}
    assert left == {left.step for left in contract.left}
    assert all(left.is_foreseen for left in contract.left)
    assert not any(call.effect is EffectKind.NONE and call.step is None for call in play.told)


def test_of_a_for_each_the_first_element_is_asked_and_of_a_sub_saga_every_step() -> None:
    saga = load_definition(DEFINITIONS / "basket.yaml")
    with Play(saga) as play:
        contract = of_example(saga, play)
    steps = {tried.step for tried in contract.tried}
    assert steps == {"reserve[0]", "charge", "send[0]/label", "send[0]/pick_up"}
    passed = {passed.step: passed.why for passed in contract.passed_over}
    assert "first" in passed["reserve"]
    assert "sends nothing" in passed["reconsider"]


def test_a_step_whose_value_cannot_be_made_is_passed_over_as_a_fault() -> None:
    saga = one_step('action: {request: "PUT /x/${{ input.absent }}"}\ncompensation: none', rest="")
    contract = asked(saga, {}, {})
    assert [(passed.step, passed.is_fault) for passed in contract.passed_over] == [("act", True)]
    assert not contract.is_kept
    assert contract.requests == 0


def test_an_action_accepted_late_is_undone_before_the_step_is_carried_out() -> None:
    with Shop({"late"}) as shop:
        of_shop(shop)
    methods = [method for method, target in shop.calls if "?" not in target][:4]
    assert methods == ["DELETE", "PUT", "DELETE", "PUT"]


def test_what_was_done_is_undone_the_last_first() -> None:
    saga = load_definition(DEFINITIONS / "order.yaml")
    with Play(saga) as play:
        of_example(saga, play)
    undone = [call.step for call in play.ledger.calls() if call.effect is EffectKind.UNDONE]
    assert undone == ["create_shipment", "process_payment", "reserve_inventory"]
