"""Whom a live test may contact: all that the definition names, and nobody else."""

import asyncio
import time
from dataclasses import replace

import pytest
from participants.calls import call
from rehearsal.play import saga_of
from rehearsal.shop import SHOP, Shop

from sagactl.definition.loader import load
from sagactl.definition.model import Saga
from sagactl.machine.command import Call
from sagactl.machine.plan import make_plan
from sagactl.rehearsal.live.target import Targets, TargetUnknown, fenced, pointed
from sagactl.source.place import Source

TOKENS = """\
saga: s
services:
  bank:
    url: ${{ env.BANK }}/v1
    auth: {oauth2: {token_url: "${{ env.LOGIN }}/token", client_id: a, client_secret: "${{ secrets.B }}"}}
steps:
  - name: pay
    service: bank
    action: PUT /pay/${{ saga.id }}
    compensation: DELETE ${{ env.BANK }}/pay/${{ input.who }}
"""
PARENT = """\
saga: parent
services: {bank: {url: "https://one.example"}}
steps:
  - {name: pay, service: bank, action: PUT /a, compensation: none}
  - {name: more, action: {saga: ./child.yaml}}
"""
CHILD = PARENT.split("  - {name: more")[0].replace("one.", "two.").replace("parent", "child")


def of_files(text: str, **others: str) -> Saga:
    fetch = {f"{name}.yaml": Source(f"{name}.yaml", body) for name, body in others.items()}
    saga, problems = load(Source("saga.yaml", text), lambda name: fetch.get(name, "none"))
    assert saga is not None, problems
    return saga


def test_services_token_services_and_whole_urls_are_the_hosts_of_a_definition() -> None:
    env = {"BANK": "https://bank.example:8443", "LOGIN": "https://login.example"}
    targets = Targets(saga_of(TOKENS), env)
    assert targets.urls == {
        "bank": "https://bank.example:8443",
        "bank (tokens)": "https://login.example",
        "bank.example": "https://bank.example:8443",
    }
    assert targets.origins == {("https", "bank.example", 8443), ("https", "login.example", 443)}


def test_a_service_of_the_same_name_in_a_sub_saga_is_told_apart() -> None:
    saga = of_files(PARENT, child=CHILD)
    targets = Targets(saga, {})
    assert targets.urls == {
        "bank": "https://one.example",
        "bank at https://two.example": "https://two.example",
    }
    child = saga.steps[1].child
    assert child is not None
    assert child.steps[0].request is not None
    assert targets.name_of(child.steps[0].request) == "bank at https://two.example"


def test_a_service_is_pointed_elsewhere_in_sub_sagas_too() -> None:
    saga = pointed(of_files(PARENT, child=CHILD), {"bank": "http://127.0.0.1:1/bank"})
    assert Targets(saga, {}).urls == {"bank": "http://127.0.0.1:1"}


@pytest.mark.parametrize("url", ["", "bank", "ftp://h", "http://", "http://h:0", "http://u:p@h"])
def test_what_is_no_address_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(TargetUnknown) as refusal:
        Targets(saga_of(SHOP), {"SHOP_URL": url})
    assert "u:p" not in str(refusal.value)


def outcome_of(targets: Targets, asked: Call) -> str:
    async def send() -> str:
        web = fenced(targets, {"B": "secret"}, time.time)
        outcome = await web.send(asked)
        await web.aclose()
        return outcome.detail

    return asyncio.run(send())


def test_no_other_host_is_sent_anything() -> None:
    with Shop() as shop, Shop() as other:
        targets = Targets(saga_of(SHOP), {"SHOP_URL": shop.url})
        refused = outcome_of(targets, call(f"{other.url}/holds?key=x", "GET"))
        sent = outcome_of(targets, call(f"{shop.url}/holds?key=x", "GET"))
    assert "none of those that may be contacted" in refused
    assert "200" in sent
    assert other.calls == []
    assert len(shop.calls) == 1


def test_a_token_service_that_the_definition_does_not_name_is_not_asked() -> None:
    with Shop() as shop, Shop() as login:
        saga = saga_of(TOKENS)
        env = {"BANK": shop.url, "LOGIN": login.url}
        targets = Targets(saga, {**env, "LOGIN": shop.url})
        request = make_plan(saga).steps["pay"].step.request
        assert request is not None
        asked = replace(call(f"{shop.url}/pay", "PUT", scope={"env": env}), request=request)
        told = outcome_of(targets, asked)
    assert "none of those that may be contacted" in told
    assert login.calls == shop.calls == []
