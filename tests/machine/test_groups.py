"""Steps that stand for several, on the smallest runs that show each rule."""

from dataclasses import replace
from random import Random

import pytest
from machine.world import PLACE, SOURCE, World, request, started, template

from sagactl.definition.model import (
    ForEach,
    Idempotency,
    OutcomeKind,
    Saga,
    Sleep,
    Step,
    SubSaga,
)
from sagactl.definition.template import Template, parse_template
from sagactl.machine import event as e
from sagactl.machine.command import Call, Outcome
from sagactl.machine.moves import StepState as S
from sagactl.machine.outstanding import outstanding
from sagactl.machine.plan import expanded, make_plan
from sagactl.machine.request import child_id, path_as_written, scope_of, split_path
from sagactl.machine.run import apply, replay
from sagactl.machine.state import SagaState, saga_state
from sagactl.source.node import Map, Scalar


def expression(text: str) -> Template:
    parsed, problems = parse_template(Scalar(PLACE, text, ""))
    assert problems == []
    return parsed


def step(name: str, *needs: str, **more: object) -> Step:
    fields: dict[str, object] = {
        "action": request("PUT", f"/{name}", idempotency=Idempotency(True)),
        "compensation": request("DELETE", f"/{name}", idempotency=Idempotency(True)),
        **more,
    }
    return Step(name=name, place=PLACE, needs=needs, **fields)  # type: ignore[arg-type]


def each(name: str, items: object, at_once: int = 1, **more: object) -> Step:
    return step(name, for_each=ForEach(template(items), at_once), **more)


def child(name: str, *steps: Step, **more: object) -> Step:
    saga = Saga(SOURCE, PLACE, f"{name}-saga", 1, steps, **more)  # type: ignore[arg-type]
    return Step(name=name, place=PLACE, needs=(), action=SubSaga(PLACE, saga))


class Orderly(Random):
    """No chance at all: whatever may begin begins before anything ends, the first one first."""

    def random(self) -> float:
        return 0.9

    def getrandbits(self, count: int, /) -> int:
        return 0


class Hand(World):
    """A world where everything goes well but for what `refuses` says, and calls are written down."""

    def __init__(self, *steps: Step, refuses: tuple[str, ...] = (), **more: object) -> None:
        saga = Saga(SOURCE, PLACE, "t", 1, steps, **more)  # type: ignore[arg-type]
        super().__init__(saga, seed=1, crash_rate=0.0, mischief=0)
        self.rng = Orderly()
        self.refuses = refuses
        self.calls: list[str] = []
        self.most = 0

    def answer(self, call: Call) -> Outcome:
        self.calls.append(f"{call.phase[:4]} {call.step}")
        if call.step in self.refuses:
            return Outcome(OutcomeKind.REJECTED, "422", 422)
        return replace(super().answer(call), result={"n": call.step})

    def begin(self, command: object) -> None:
        super().begin(command)  # type: ignore[arg-type]
        self.most = max(self.most, len(self.hands))

    @property
    def state(self) -> SagaState:
        return saga_state(self.plan, self.run)


def test_instances_go_one_after_the_other_and_their_results_are_a_list() -> None:
    world = Hand(each("a", [5, 6, 7]), step("b", "a"))
    world.live()
    assert world.calls == ["acti a[0]", "acti a[1]", "acti a[2]", "acti b"]
    assert world.most == 1
    assert world.run.step("a").result == [{"n": "a[0]"}, {"n": "a[1]"}, {"n": "a[2]"}]
    assert world.state is SagaState.COMPLETED


def test_so_many_go_at_once_as_are_allowed() -> None:
    world = Hand(each("a", list(range(9)), 4))
    world.live()
    assert world.most == 4
    assert len(world.calls) == 9


def test_nothing_to_do_is_done() -> None:
    world = Hand(each("a", []), step("b", "a"))
    world.live()
    assert world.calls == ["acti b"]
    assert world.run.step("a").result == []


def test_instances_are_undone_one_by_one_the_last_first() -> None:
    world = Hand(each("a", [1, 2, 3], 3), step("b", "a"), refuses=("b",))
    world.live()
    assert world.calls[-3:] == ["comp a[2]", "comp a[1]", "comp a[0]"]
    assert world.most == 3, "and not at once"
    assert world.state is SagaState.FAILED
    assert world.run.step("a").state is S.COMPENSATED


def test_when_an_instance_fails_no_other_begins_and_those_before_it_are_undone() -> None:
    world = Hand(step("z"), each("a", [1, 2, 3, 4]), refuses=("a[2]",))
    world.live()
    assert "acti a[3]" not in world.calls
    undone = [call for call in world.calls if call.startswith("comp")]
    assert sorted(undone) == ["comp a[0]", "comp a[1]", "comp z"]
    assert undone.index("comp a[1]") < undone.index("comp a[0]")
    assert world.run.step("a").state is S.COMPENSATED
    assert world.run.step("a[3]").state is S.PENDING


def test_a_group_in_which_nothing_took_place_failed_without_effect() -> None:
    world = Hand(each("a", [1, 2]), refuses=("a[0]",))
    world.live()
    assert world.run.step("a").state is S.FAILED
    error = world.run.step("a").error
    assert error is not None
    assert error.message == "a[0]: 422"


@pytest.mark.parametrize("items", [{"a": 1}, "abc", None, 7])
def test_what_is_no_list_fails_without_effect(items: object) -> None:
    world = Hand(each("a", items))
    world.live()
    assert (world.calls, world.state) == ([], SagaState.FAILED)


def test_too_many_elements_fail_without_effect() -> None:
    world = Hand(each("a", [0] * 1_001))
    world.live()
    assert (world.calls, world.state) == ([], SagaState.FAILED)


def test_an_instance_reads_its_own_element_and_itself() -> None:
    plan = make_plan(Saga(SOURCE, PLACE, "t", 1, (each("a", ["x", "y"], 2),)))
    run = replay([started(plan.saga), e.InstancesBegan(at=1001.0, step="a", items=["x", "y"])])
    scope = scope_of(run, "a[1]")
    assert (scope["item"], scope["index"]) == ("y", 1)
    keys = {call.key for call in outstanding(plan, run) if isinstance(call, Call)}
    assert len(keys) == 2, "each has a key of its own"
    assert "item" not in scope_of(run, "a")


def test_a_skipped_group_asks_nobody() -> None:
    world = Hand(each("a", [1], when=template(False)), step("b", "a"))
    world.live()
    assert world.calls == ["acti b"]


def test_a_sub_saga_reads_its_own_input_id_and_steps() -> None:
    inner = [
        step("one", action=request("PUT", "/one", json=expression("${{ input.n }}"))),
        step(
            "two", "one", action=request("PUT", "/two", json=expression("${{ steps.one.status }}"))
        ),
    ]
    output = parse_template(Map(PLACE, ()))[0]
    parent = child("pay", *inner, output=output)
    assert isinstance(parent.action, SubSaga)
    parent = replace(parent, action=replace(parent.action, input=template({"n": 5})))
    world = Hand(parent, step("pack", "pay"))
    world.live()
    assert world.calls == ["acti pay/one", "acti pay/two", "acti pack"]
    bodies = [b.body for b in world.journal if isinstance(b, e.ActionBegan)]
    assert bodies[:2] == ["5", '"completed"']
    scope = scope_of(world.run, "pay/one")
    assert scope["saga"]["id"] == "r1.pay"
    assert scope["saga"]["name"] == "pay-saga"
    assert set(scope_of(world.run)["steps"]) == {"pay", "pack"}
    assert world.run.step("pay").result == {}


def test_a_sub_sagas_steps_are_undone_by_its_own_compensations_in_reverse() -> None:
    world = Hand(child("pay", step("one"), step("two", "one")), step("b", "pay"), refuses=("b",))
    world.live()
    assert world.calls[-2:] == ["comp pay/two", "comp pay/one"]
    assert world.run.step("pay").state is S.COMPENSATED


def test_an_output_that_cannot_be_told_undoes_the_sub_saga() -> None:
    world = Hand(child("pay", step("one"), output=expression("${{ steps.one.result.x }}")))
    world.live()
    assert world.calls == ["acti pay/one", "comp pay/one"]
    assert world.state is SagaState.FAILED
    assert world.run.step("pay").state is S.FAILED


def test_input_that_does_not_fit_the_sub_saga_fails_without_effect() -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    world = Hand(child("pay", step("one"), input_schema=schema))
    world.live()
    assert (world.calls, world.state) == ([], SagaState.FAILED)
    error = world.run.step("pay").error
    assert error is not None
    assert '"input"' in error.message


def test_a_child_past_its_pivot_is_past_its_parents() -> None:
    inner = child("pay", step("one"), step("go", "one", pivot=True), step("end", "go"))
    parent = replace(inner, pivot=True)
    world = Hand(step("a"), replace(parent, needs=("a",)), step("b", "pay"), refuses=())
    world.live()
    assert world.state is SagaState.COMPLETED
    plan = expanded(world.plan, world.run)
    assert plan.pivots == ("pay/go",)
    past = {planned.name for planned in plan if planned.past_pivot}
    assert past == {"pay/end", "b"}
    stuck = Hand(step("a"), replace(parent, needs=("a",)), step("b", "pay"), refuses=("b",))
    stuck.live()
    assert stuck.state is SagaState.STUCK
    assert not any(call.startswith("comp") for call in stuck.calls)


def test_a_sleep_ends_when_it_was_to_end_whoever_is_there() -> None:
    world = Hand(
        step("a"), Step("nap", PLACE, Sleep(PLACE, template("24h")), ("a",)), step("b", "nap")
    )
    world.live()
    began = next(x for x in world.journal if isinstance(x, e.SleepBegan))
    ended = next(x for x in world.journal if isinstance(x, e.SleepEnded))
    assert ended.at - began.at == pytest.approx(24 * 3600)
    assert world.state is SagaState.COMPLETED


def test_a_saga_that_turns_back_sleeps_no_longer() -> None:
    nap = Step("nap", PLACE, Sleep(PLACE, template("24h")), ())
    world = Hand(nap, step("b"), refuses=("b",))
    world.live()
    assert world.now < 1100
    assert world.run.step("nap").state is S.FAILED


def test_paths_say_which_step_of_which_saga() -> None:
    assert split_path("a") == ("", "a", None)
    assert split_path("a[2]/b[10]") == ("a[2]/", "b", 10)
    assert path_as_written("a[2]/b[10]") == "a/b"
    assert child_id("o-1", "a[2]/b") == "o-1.a.2.b"


def test_a_thousand_instances_are_no_trouble() -> None:
    count = 1_000
    plan = make_plan(Saga(SOURCE, PLACE, "t", 1, (each("a", [0] * count), step("b", "a"))))
    run = replay([started(plan.saga), e.InstancesBegan(at=1001.0, step="a", items=[0] * count)])
    assert len([c for c in outstanding(plan, run) if isinstance(c, Call)]) == 1
    cancelled = e.CompensationRequested(at=1002.0, operator="me", reason="")
    assert saga_state(plan, apply(run, cancelled)) is SagaState.COMPENSATING


def test_a_sub_sagas_time_is_its_parents_while_it_goes_on() -> None:
    nap = Step("nap", PLACE, Sleep(PLACE, template("1h")), ())
    world = Hand(step("a"), replace(child("pay", step("one"), nap, timeout_s=60.0), needs=("a",)))
    world.live()
    assert world.state is SagaState.FAILED
    assert any(isinstance(event, e.DeadlinePassed) for event in world.journal)
    assert sorted(world.calls[-2:]) == ["comp a", "comp pay/one"]
    long = Hand(child("pay", step("one"), timeout_s=60.0), replace(nap, needs=("pay",)))
    long.live()
    assert long.state is SagaState.COMPLETED
