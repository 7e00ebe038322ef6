"""What every store promises, whatever it is made of."""

import math
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from journal.samples import began, passed, started, story, succeeded

from sagactl.journal.store import (
    MemoryStore,
    RunAmbiguous,
    RunHeld,
    RunNotFound,
    Store,
    StoreRefused,
)
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.machine.event import RunStarted

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: MemoryStore(),
    "tinydb": lambda folder: TinyDBStore(folder / "state.json", create=True),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return STORES[request.param](tmp_path)


def test_what_is_appended_is_read_back_in_order(store: Store) -> None:
    store.append("order-1", story(), "completed")
    assert store.read("order-1") == tuple(story())


def test_a_later_append_follows_the_earlier_one(store: Store) -> None:
    for event in story():
        store.append("order-1", [event], "pending")
    assert store.read("order-1") == tuple(story())


def test_more_than_nine_events_stay_in_order(store: Store) -> None:
    store.append("order-1", [started()], "started")
    for at in range(25):
        store.append("order-1", [passed(float(at))], "pending")
    assert [event.at for event in store.read("order-1")[1:]] == list(range(25))


def test_runs_do_not_mix(store: Store) -> None:
    store.append("a", [started("a")], "started")
    store.append("b", [started("b")], "started")
    store.append("a", [began()], "pending")
    assert store.read("a") == (started("a"), began())
    assert store.read("b") == (started("b"),)


def test_a_run_that_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(RunNotFound, match='there is no run "nobody"'):
        store.read("nobody")


def test_an_append_that_cannot_be_kept_keeps_nothing(store: Store) -> None:
    store.append("order-1", [started()], "started")
    with pytest.raises(ValueError, match="plain JSON"):
        store.append("order-1", [began(), replace(succeeded(), result=math.nan)], "pending")
    assert store.read("order-1") == (started(),)
    assert store.summaries()[0].state == "started"


def test_a_value_beyond_json_does_not_end_the_store(store: Store) -> None:
    with pytest.raises(ValueError, match="plain JSON"):
        store.append("order-1", [replace(started(), input={"x": math.inf})], "started")
    store.append("order-1", [started()], "started")
    assert store.read("order-1") == (started(),)


def test_nothing_appended_is_nothing_kept(store: Store) -> None:
    store.append("order-1", [], "started")
    assert store.summaries() == []


def test_a_run_begins_once(store: Store) -> None:
    store.append("order-1", [started()], "started")
    with pytest.raises(ValueError, match='run "order-1" has begun already'):
        store.append("order-1", [started()], "started")
    assert store.read("order-1") == (started(),)


@pytest.mark.parametrize("events", [[started("b")], [started("a"), started("a")]])
def test_a_run_begins_under_its_own_id(store: Store, events: list[Any]) -> None:
    with pytest.raises(ValueError, match='run "a" cannot begin as'):
        store.append("a", events, "started")
    assert store.summaries() == []


def test_events_of_a_run_that_is_gone_are_refused_for_good(store: Store) -> None:
    with pytest.raises(StoreRefused, match='run "order-1" is not in it'):
        store.append("order-1", [began()], "pending")
    with pytest.raises(StoreRefused, match="nothing more is written"):
        store.append("order-1", [started()], "started")
    assert store.summaries() == []


def test_a_summary_tells_the_run_in_a_line(store: Store) -> None:
    store.append("order-1", [replace(started(sandbox=True), version="2a")], "started")
    store.append("order-1", [began(at=1001.0)], "pending")
    [summary] = store.summaries()
    assert (summary.run_id, summary.saga, summary.version) == ("order-1", "order", "2a")
    assert (summary.state, summary.sandbox) == ("pending", True)
    assert (summary.started_at, summary.updated_at) == (1000.0, 1001.0)


def test_a_run_never_gets_younger(store: Store) -> None:
    store.append("order-1", [started(at=1000.0), passed(1500.0)], "pending")
    store.append("order-1", [passed(1200.0)], "pending")
    assert store.summaries()[0].updated_at == 1500.0


def test_the_newest_run_comes_first(store: Store) -> None:
    for run_id, at in [("b", 20.0), ("c", 30.0), ("a", 10.0), ("c2", 30.0)]:
        store.append(run_id, [started(run_id, at)], "started")
    assert [summary.run_id for summary in store.summaries()] == ["c2", "c", "b", "a"]


def test_of_many_that_began_at_once_the_last_comes_first(store: Store) -> None:
    run_ids = [f"order-{number}" for number in range(12)]
    for run_id in run_ids:
        store.append(run_id, [started(run_id)], "started")
    # Anew, for a file knows its documents in another order than who wrote them.
    if isinstance(store, TinyDBStore):
        store.close()
    assert [summary.run_id for summary in store.summaries()] == run_ids[::-1]


def test_a_prefix_is_enough_where_it_is_unambiguous(store: Store) -> None:
    for run_id in ("order-1", "refund-1"):
        store.append(run_id, [started(run_id)], "started")
    assert store.find("ref") == "refund-1"
    assert store.find("order-1") == "order-1"


def test_an_exact_id_wins_over_longer_ones(store: Store) -> None:
    for run_id in ("order-10", "order-1", "order-100"):
        store.append(run_id, [started(run_id)], "started")
    assert store.find("order-1") == "order-1"


def test_an_ambiguous_prefix_names_its_candidates(store: Store) -> None:
    for run_id in ("order-2", "order-1", "refund-1"):
        store.append(run_id, [started(run_id)], "started")
    with pytest.raises(RunAmbiguous) as refusal:
        store.find("ord")
    assert refusal.value.candidates == ("order-1", "order-2")
    assert str(refusal.value) == '"ord" could be any of 2 runs: "order-1", "order-2"'


@pytest.mark.parametrize("prefix", ["order-12", "x", "ORDER", ""])
def test_what_no_id_begins_with_is_not_found(store: Store, prefix: str) -> None:
    store.append("order-1", [started()], "started")
    with pytest.raises(RunNotFound):
        store.find(prefix)


def test_a_held_run_is_refused_and_its_holder_named(store: Store) -> None:
    with store.hold("order-1"):
        with pytest.raises(RunHeld) as refusal, store.hold("order-1"):
            pass
        assert (refusal.value.pid, refusal.value.host) == (os.getpid(), socket.gethostname())
        assert refusal.value.since is not None
        assert f'run "order-1" is held by process {os.getpid()}' in str(refusal.value)


def test_a_run_is_free_again_after_its_holder(store: Store) -> None:
    def fail() -> None:
        with store.hold("order-1"):
            raise KeyError("the holder failed")

    with pytest.raises(KeyError):
        fail()
    with store.hold("order-1"):
        pass
    with store.hold("order-1"):
        pass


def test_a_refused_hold_leaves_the_holder_its_run(store: Store) -> None:
    with store.hold("order-1"):
        for _ in range(2):
            with pytest.raises(RunHeld), store.hold("order-1"):
                pass


@pytest.mark.parametrize(
    "other", ["order-2", "../order-1", "order/1", "", "." * 300, "ö", "\ud800"]
)
def test_holding_one_run_leaves_the_others_free(store: Store, other: str) -> None:
    with store.hold("order-1"), store.hold(other), pytest.raises(RunHeld), store.hold(other):
        pass


def test_two_ids_that_are_no_file_names_have_two_locks(store: Store) -> None:
    with store.hold("order/1"), store.hold("order/2"):
        pass


def test_the_holder_may_append(store: Store) -> None:
    with store.hold("order-1"):
        store.append("order-1", story(), "completed")
    assert store.read("order-1") == tuple(story())


def test_what_is_read_is_the_readers_own(store: Store) -> None:
    store.append("order-1", story(), "completed")
    match store.read("order-1"):
        case [RunStarted(input=kept), *_]:
            kept["order_id"] = "changed"
    assert store.read("order-1") == tuple(story())


def test_what_is_appended_is_kept_as_it_was_then(store: Store) -> None:
    given = started()
    store.append("order-1", [given], "started")
    given.input["order_id"] = "changed"
    store.append("order-1", [began()], "pending")
    assert store.read("order-1") == (started(), began())


def test_any_text_can_be_an_id(store: Store) -> None:
    for run_id in ("a/../b", "ü \ud800\u2603", "x" * 1000, '"'):
        store.append(run_id, [started(run_id)], "started")
        assert store.read(run_id) == (started(run_id),)
