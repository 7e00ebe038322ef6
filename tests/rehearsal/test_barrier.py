"""The barrier: an undo before its action bars it, and nothing stands that was told to be undone."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rehearsal.play import Play, of_saga, one_step, saga_of

from sagactl.definition.loader import load
from sagactl.definition.model import Saga
from sagactl.rehearsal.ledger import Ledger
from sagactl.source.place import Source

ACTION, UNDO = "action: POST /things", "compensation: POST /things/undo"
CHILD = """\
saga: child
services: {svc: {url: "http://svc.example", idempotency: key}}
steps:
  - name: act
    service: svc
    action: POST /things
    compensation: POST /things/undo
"""
PARENT = """\
saga: s
version: 1
steps:
  - name: each
    for_each: ${{ input.items }}
    action: {saga: child.yaml}
"""


def keyed() -> Saga:
    return one_step(f"{ACTION}\n{UNDO}")


def keyless() -> Saga:
    return one_step(f"{ACTION}\n{UNDO}", service="idempotency: none")


def each() -> Saga:
    return one_step(f"for_each: ${{{{ input.items }}}}\n{ACTION}\n{UNDO}")


def natural() -> Saga:
    return one_step(
        "action: PUT /things/${{ saga.id }}\n"
        "compensation: {request: 'DELETE /things/${{ saga.id }}', success: [2xx, 404]}",
        service="idempotency: none",
    )


def nested() -> Saga:
    texts = {"child.yaml": CHILD}
    saga, problems = load(Source("s.yaml", PARENT), lambda name: Source(name, texts[name]))
    assert saga is not None, problems
    return saga


WORLDS: dict[str, tuple[Callable[[], Saga], str]] = {
    "keyed": (keyed, "act"),
    "keyless": (keyless, "act"),
    "instance": (each, "act[3]"),
    "natural": (natural, "act"),
    "nested": (nested, "each[2]/act"),
}
ways = pytest.mark.parametrize("world", WORLDS)


class Pair:
    """An action and its undo, as a saga sends them."""

    def __init__(self, play: Play, world: str, saga: str, step: str | None = None) -> None:
        self._play = play
        step = WORLDS[world][1] if step is None else step
        key = f"{saga}-{step}-do"
        self.does = of_saga(saga, step, key)
        self.undoes = of_saga(saga, step, f"{saga}-{step}-undo", key)
        put = world == "natural"
        self._action = ("PUT", f"/svc/things/{saga}") if put else ("POST", "/svc/things")
        self._undo = ("DELETE", f"/svc/things/{saga}") if put else ("POST", "/svc/things/undo")

    def act(self) -> int:
        return self._play.call(*self._action, {}, self.does).status

    def undo(self) -> int:
        return self._play.call(*self._undo, None, self.undoes).status


@ways
def test_an_undo_before_its_action_is_accepted_and_bars_it(world: str) -> None:
    with Play(WORLDS[world][0]()) as play:
        pair = Pair(play, world, "s1")
        assert pair.undo() in (200, 404)
        assert [pair.act(), pair.act()] == [410, 410]
        assert pair.undo() in (200, 404)
        assert Pair(play, world, "s2").act() == 200
    assert [effect.saga for effect in play.ledger.left()] == ["s2"]


@ways
def test_an_action_after_its_undo_is_refused_also_after_a_restart(
    world: str, tmp_path: Path
) -> None:
    path = tmp_path / "ledger.jsonl"
    with Play(WORLDS[world][0](), ledger=Ledger(path)) as play:
        pair = Pair(play, world, "s1")
        assert [pair.act(), pair.undo()] == [200, 200]
    with Play(WORLDS[world][0](), ledger=Ledger(path)) as play:
        assert Pair(play, world, "s1").act() == 410
    assert Ledger(path).left() == []


@pytest.mark.parametrize("world", ["instance", "nested"])
def test_the_undo_of_one_member_bars_no_other(world: str) -> None:
    first, other = ("act[0]", "act[1]") if world == "instance" else ("each[0]/act", "each[1]/act")
    with Play(WORLDS[world][0]()) as play:
        assert Pair(play, world, "s1", first).undo() == 200
        assert Pair(play, world, "s1", other).act() == 200
        assert Pair(play, world, "s1", first).act() == 410
    assert [effect.step for effect in play.ledger.left()] == [other]


def test_without_a_key_the_saga_and_the_step_tell_which_action_is_barred() -> None:
    with Play(keyless()) as play:
        named = {"X-Correlation-ID": "s1", "Saga-Step": "act"}
        assert play.call("POST", "/svc/things/undo", None, named).status == 200
        assert play.call("POST", "/svc/things", {}, named).status == 410
        assert (
            play.call("POST", "/svc/things", {}, {**named, "X-Correlation-ID": "s2"}).status == 200
        )
        assert play.call("POST", "/svc/things").status == 200


def test_a_late_action_is_barred_while_it_is_still_under_way() -> None:
    with Play(keyed(), ["act=slow:300ms"]) as play, ThreadPoolExecutor() as pool:
        pair = Pair(play, "keyed", "s1")
        late = pool.submit(pair.act)
        assert pair.undo() == 200
        assert late.result() == 410
    assert play.ledger.left() == []


def test_an_undo_under_way_undoes_what_was_done_meanwhile() -> None:
    with Play(keyed(), ["act.compensation=slow:300ms"]) as play, ThreadPoolExecutor() as pool:
        pair = Pair(play, "keyed", "s1")
        undone = pool.submit(pair.undo)
        pair.act()
        assert undone.result() == 200
    assert play.ledger.left() == []


@ways
def test_whoever_races_nothing_stands_that_was_undone_and_nothing_is_undone_twice(
    world: str,
) -> None:
    chance = random.Random(7)
    with Play(WORLDS[world][0](), ["act@1=slow:5ms"] if world == "keyed" else []) as play:
        pairs = [Pair(play, world, f"s{number}") for number in range(12)]
        # The first half is acted upon and undone at once; the second half is only acted upon.
        calls = [pair.act for pair in pairs for _ in range(2)]
        calls += [pair.undo for pair in pairs[:6] for _ in range(2)]
        chance.shuffle(calls)
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda call: call(), calls))
    undone = [call.effect_id for call in play.ledger.calls() if call.effect == "undone"]
    assert len(undone) == len(set(undone))
    left = {effect.saga for effect in play.ledger.left()}
    if world != "keyless":  # without a key, what is done twice is done twice, and undone once
        assert left == {f"s{number}" for number in range(6, 12)}
    for pair in pairs[:6]:
        assert play.ledger.is_barred(pair.does["Idempotency-Key"])


def test_the_ledger_says_who_was_barred() -> None:
    with Play(saga_of(CHILD)) as play:
        pair = Pair(play, "keyed", "s1")
        pair.undo()
        pair.act()
        told = play.call("GET", "/_ledger").json
    assert [(call["effect"], call["status"], call["note"]) for call in told] == [
        ("empty", 200, "there was nothing to undo"),
        ("none", 410, "it arrived after its undo"),
    ]
