"""The checker of invariants finds what is planted: a checker that passes everything proves nothing."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from invariants import Deed, Done, check
from machine.world import World, random_saga, request, template

from sagactl.definition.model import Saga, Step
from sagactl.machine import event as e
from sagactl.machine.command import Phase
from sagactl.machine.state import SagaState, saga_state

Story = tuple[list[e.Event], list[Deed]]


def failed() -> World:
    """Two steps done, a third refused, both undone."""
    made = random_saga(random.Random(1))
    names = ("a", "b", "c")
    steps = tuple(
        Step(
            name=name,
            place=made.place,
            action=request("PUT", f"/{name}", json=template({"n": name})),
            needs=names[:at][-1:],
            settle_s=1.0,
            compensation=request("DELETE", f"/{name}"),
        )
        for at, name in enumerate(names)
    )
    for seed in range(1000):
        world = World(Saga(made.source, made.place, "world", 1, steps), seed, crash_rate=0.0)
        world.live()
        done = [deed.done for deed in world.deeds]
        kinds = {type(event) for event in world.journal}
        if done == [Done.APPLIED] * 2 + [Done.UNDONE] * 2 and e.CompensationUnsettled not in kinds:
            assert saga_state(world.plan, world.run) is SagaState.FAILED
            return world
    raise AssertionError("no seed does")


def without(deeds: list[Deed], done: Done) -> list[Deed]:
    found = next(deed for deed in deeds if deed.done is done)
    return [deed for deed in deeds if deed is not found]


def first(deeds: list[Deed], done: Done) -> Deed:
    return next(deed for deed in deeds if deed.done is done)


def undone_first_to_last(events: list[e.Event], deeds: list[Deed]) -> Story:
    undone = [deed for deed in deeds if deed.done is Done.UNDONE]
    others = [deed for deed in deeds if deed.done is not Done.UNDONE]
    return events, [*others, *reversed(undone)]


def journal_undoes_first_to_last(events: list[e.Event], deeds: list[Deed]) -> Story:
    began = [event for event in events if isinstance(event, e.CompensationBegan)]
    swapped = {"a": "b", "b": "a"}
    keys = {event.step: event.key for event in began}
    told: list[e.Event] = []
    for event in events:
        kind = isinstance(event, e.CompensationBegan | e.CompensationSucceeded)
        if kind and event.step in swapped:  # type: ignore[attr-defined]
            name = swapped[event.step]  # type: ignore[attr-defined]
            event = replace(event, step=name)  # type: ignore[call-arg]
            if isinstance(event, e.CompensationBegan):
                event = replace(event, key=keys[name])
        told.append(event)
    return told, [replace(deed, at=events[-1].at) for deed in deeds]


def began_too_early(events: list[e.Event], deeds: list[Deed]) -> Story:
    [b] = [n for n, one in enumerate(events) if isinstance(one, e.ActionBegan) and one.step == "b"]
    early = [events[0], events[b], *events[1:b], *events[b + 1 :]]
    return early, deeds


PLANTED: dict[str, tuple[str, Callable[[list[e.Event], list[Deed]], Story]]] = {
    "no journal": ("I1", lambda events, deeds: ([], deeds)),
    "an undo missed": ("I2", lambda events, deeds: (events, without(deeds, Done.UNDONE))),
    "an action twice": (
        "I2",
        lambda events, deeds: (events, [first(deeds, Done.APPLIED), *deeds]),
    ),
    "an undo twice": ("I2", lambda events, deeds: (events, [*deeds, first(deeds, Done.UNDONE)])),
    "an undo of nothing": ("I2", lambda events, deeds: (events, without(deeds, Done.APPLIED))),
    "undone in the wrong order": ("I3", undone_first_to_last),
    "told in the wrong order": ("I3", journal_undoes_first_to_last),
    "begun before its needs": ("I3", began_too_early),
    "after the end": (
        "I4",
        lambda events, deeds: (events, [replace(one, at=events[-1].at + 1) for one in deeds]),
    ),
    "no intent": (
        "I5",
        lambda events, deeds: (events, [*deeds, replace(deeds[-1], key="x", done=Done.NOTHING)]),
    ),
    "before its intent": (
        "I5",
        lambda events, deeds: (events, [replace(deeds[0], at=0.0), *deeds[1:]]),
    ),
    "another body than written": (
        "I5",
        lambda events, deeds: (events, [replace(deeds[0], body="x"), *deeds[1:]]),
    ),
    "two bodies under a key": (
        "I6",
        lambda events, deeds: (
            [
                again
                for event in events
                for again in (
                    (event, replace(event, attempt=2, body="x"))
                    if isinstance(event, e.ActionBegan) and event.step == "c"
                    else (event,)
                )
            ],
            deeds,
        ),
    ),
}


def test_a_story_without_a_fault_passes() -> None:
    world = failed()
    assert check(world.plan, world.journal, world.deeds, status=1) is SagaState.FAILED
    assert all(deed.phase is not Phase.LOOKUP for deed in world.deeds)


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_is_found(planted: str) -> None:
    world = failed()
    name, plant = PLANTED[planted]
    events, deeds = plant(list(world.journal), list(world.deeds))
    with pytest.raises(AssertionError, match=name):
        check(world.plan, events, deeds)


@pytest.mark.parametrize("status", [0, 3, 5])
def test_an_exit_code_that_says_something_else_is_found(status: int) -> None:
    world = failed()
    with pytest.raises(AssertionError, match="I7"):
        check(world.plan, world.journal, world.deeds, status=status)


def test_something_left_at_a_step_that_denies_it_is_found() -> None:
    world = failed()
    undone = [n for n, one in enumerate(world.journal) if isinstance(one, e.CompensationSucceeded)]
    events = world.journal[: undone[0] + 1]
    name = world.journal[undone[0]].step  # type: ignore[attr-defined]
    deeds = [deed for deed in world.deeds if deed.done is not Done.UNDONE]
    with pytest.raises(AssertionError, match=f"I2: {name} is compensated"):
        check(world.plan, events, deeds)
