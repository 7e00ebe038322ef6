"""A definition rehearsed: every variant walked, judged, and brought together.

What is proven is proven of the machine that runs sagas, for services that keep the promises which
the definition says they keep. Deliberately absent: a clock that runs, a disk, and the network.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product

from sagactl.definition.model import Saga
from sagactl.machine import event as e
from sagactl.machine.command import Phase, Sending
from sagactl.machine.effect import Effect, left_in_world
from sagactl.machine.moves import StepState as S
from sagactl.machine.plan import make_plan
from sagactl.machine.rehearsed import Finding, Rehearsed
from sagactl.machine.request import idempotency_key
from sagactl.machine.run import Run
from sagactl.rehearsal.operation import steps_within
from sagactl.rehearsal.proof.course import Course
from sagactl.rehearsal.proof.deed import Pace
from sagactl.rehearsal.proof.explore import Bounds
from sagactl.rehearsal.proof.matrix import Part
from sagactl.rehearsal.proof.patience import cut_short
from sagactl.rehearsal.proof.total import Total
from sagactl.rehearsal.proof.variant import (
    RUN_ID,
    Variant,
    attempts_as_written,
    few_attempts,
    variants,
)
from sagactl.rehearsal.proof.world import World

# Pairs of troubles: what one of them cannot do, two of them mostly can.
PAIRS = Bounds(depth=2)
# Some time that is not the beginning of all times.
BEGINS_AT = 1_800_000_000.0
# Of so many steps about which nobody knows every combination is walked.
MAX_COMBINED = 3


def rehearse(saga: Saga, name: str, bounds: Bounds = PAIRS) -> Rehearsed:
    """Every schedule of a saga within these bounds; raises NoInput."""
    began = time.process_time()
    total = Total()
    every = list(variants(saga, bounds.depth))
    for each in every:
        course = Course(each.saga, bounds.depth)
        left = replace(bounds, max_states=max(bounds.max_states - total.states, 1))
        graph = course.explore([beginning(course, each)], left)
        total.add(course, graph, each.words, each.sides)
        if not graph.is_whole:
            break
    for finding in _cut_short(every[0]):
        part = Part(finding.struck[0], finding, finding.story, 0)
        total.add_finding(finding, [part])
    return total.rehearsed(saga, name, bounds.depth, time.process_time() - began)


def rehearse_run(
    saga: Saga,
    run: Run,
    opening: Sequence[e.Event],
    name: str,
    bounds: Bounds = PAIRS,
) -> Rehearsed:
    """Everything that can still happen to a run that goes on with `opening`.

    Where nobody knows what its steps did, each possibility is one to begin with.
    """
    began = time.process_time()
    short = few_attempts(saga, bounds.depth)
    course = Course(short, bounds.depth, is_fresh=False)
    at = max(opening[0].at, run.updated_at)
    beginnings = [
        course.walker.begin(run, tuple(opening), world, at) for world in _worlds(short, run)
    ]
    graph = course.explore(beginnings, bounds)
    total = Total()
    total.add(course, graph, "from where it stands", {}, run)
    return total.rehearsed(saga, name, bounds.depth, time.process_time() - began)


def beginning(course: Course, variant: Variant) -> Pace:
    """The pace with which a variant begins."""
    return course.walker.begin(None, (_started(variant),), World(), BEGINS_AT)


def _cut_short(variant: Variant) -> list[Finding]:
    course = Course(attempts_as_written(variant), 0)
    begin = beginning(course, variant)
    if begin.breach is not None:
        return []
    steps = [path for _, path, step in steps_within(variant.saga) if step.request is not None]
    return cut_short(course.walker, begin, course.order, steps)


def _started(variant: Variant) -> e.RunStarted:
    saga = variant.saga
    return e.RunStarted(
        at=BEGINS_AT, run_id=RUN_ID, saga=saga.name, version=saga.version, definition="",
        definition_name="", digest="", input=variant.input, env=dict(variant.env), sandbox=True,
        faults=[], sagactl="",
    )  # fmt: skip


def _worlds(saga: Saga, run: Run) -> Iterator[World]:
    """The worlds that a run may stand in."""
    left = left_in_world(make_plan(saga), run)
    sure = {name for name, effect in left.items() if effect is Effect.STANDS}
    undone = {name for name, step in run.steps.items() if step.state is S.COMPENSATED}
    doubtful = [name for name in left if name not in sure]
    for standing in _subsets(doubtful):
        # What surely took place, and may be undone, is undone where it does not stand.
        gone = {n for n in doubtful if n not in standing and left[n] is Effect.UNDOING}
        yield World(
            standing=frozenset(sure | set(standing)),
            undone=frozenset(undone | gone),
            acted=frozenset(sure | set(standing) | undone | gone),
            addresses=dict(_addresses(run, sure | set(standing) | undone)),
            sendings=dict(_sendings(run)),
        )


def _subsets(names: Sequence[str]) -> Iterable[tuple[str, ...]]:
    if len(names) > MAX_COMBINED:
        return [(), tuple(names), *((name,) for name in names)]
    sides = product((False, True), repeat=len(names))
    return [tuple(name for name, side in zip(names, each, strict=True) if side) for each in sides]


def _addresses(run: Run, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        sending = run.step(name).action.sending
        if sending is not None:
            yield name, sending.url.partition("?")[0]


def _sendings(run: Run) -> Iterator[tuple[tuple[str, Phase], tuple[str, Sending]]]:
    for name, step in run.steps.items():
        for phase in Phase:
            sending = step.attempts(phase).sending
            if sending is not None:
                yield (name, phase), (idempotency_key(run.id, name, phase), sending)
