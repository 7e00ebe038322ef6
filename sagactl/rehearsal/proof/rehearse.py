"""A definition rehearsed: every variant walked, judged, and brought together.

What is proven is proven of the machine that runs sagas, for services that keep the promises which
the definition says they keep. Deliberately absent: a clock that runs, a disk, and the network.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sagactl.definition.model import Saga
from sagactl.machine import event as e
from sagactl.machine.moves import MOVES
from sagactl.machine.plan import Plan, expanded, make_plan
from sagactl.machine.rehearsed import (
    Branch,
    Cell,
    Coverage,
    Finding,
    Judgement,
    Rehearsed,
    Struck,
    Trouble,
)
from sagactl.machine.run import Run
from sagactl.rehearsal.operation import steps_within
from sagactl.rehearsal.proof.answer import Answers
from sagactl.rehearsal.proof.coverage import walked_arrows
from sagactl.rehearsal.proof.explore import Explorer, Graph, schedules
from sagactl.rehearsal.proof.judge import Judge
from sagactl.rehearsal.proof.matrix import Matrix, Part
from sagactl.rehearsal.proof.order import Order
from sagactl.rehearsal.proof.patience import cut_short
from sagactl.rehearsal.proof.story import Story
from sagactl.rehearsal.proof.vain import Vain, vain_undos
from sagactl.rehearsal.proof.variant import RUN_ID, Variant, attempts_as_written, variants
from sagactl.rehearsal.proof.walk import Pace, Walker
from sagactl.rehearsal.proof.watchman import Watchman
from sagactl.rehearsal.proof.world import Services, World

# Pairs of troubles: what one of them cannot do, two of them mostly can.
DEPTH = 2
MAX_STATES = 200_000
# Some time that is not the beginning of all times.
BEGINS_AT = 1_800_000_000.0


@dataclass(slots=True)
class _Total:
    """What the variants come to together."""

    findings: dict[tuple[Judgement, str, str], Finding] = field(default_factory=dict)
    parts: dict[Struck, list[Part]] = field(default_factory=dict)
    steps: dict[str, None] = field(default_factory=dict)
    arrows: set[tuple[str, str, str]] = field(default_factory=set)
    sides: dict[str, set[bool]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    states: int = 0
    schedules: int = 0
    is_whole: bool = True


def rehearse(saga: Saga, name: str, depth: int = DEPTH, max_states: int = MAX_STATES) -> Rehearsed:
    """Every schedule of a saga with at most `depth` troubles; raises NoInput."""
    began = time.process_time()
    total = _Total()
    for each in variants(saga):
        stage = Stage(each, depth)
        graph = stage.explore(stage.from_the_start(), max_states - total.states)
        _add(total, stage, graph)
        for text, side in each.sides.items():
            total.sides.setdefault(text, set()).add(side)
        if not graph.is_whole:
            break
    for finding in _cut_short(next(iter(variants(saga)))):
        key = (finding.judgement, finding.code, finding.step)
        if total.findings.setdefault(key, finding) is finding:
            part = Part(finding.struck[0], finding, finding.story, 0)
            total.parts.setdefault(finding.struck[0], []).append(part)
    return _rehearsed(saga, name, depth, total, time.process_time() - began)


class Stage:
    """All that is needed to walk one variant."""

    def __init__(self, variant: Variant, depth: int) -> None:
        self.variant = variant
        self.depth = depth
        self.plan: Plan = make_plan(variant.saga)
        self.order = Order(variant.saga)
        vain = Vain(vain_undos(variant.saga))
        self.walker = Walker(
            self.plan,
            Services(self.order, vain),
            Answers(variant.saga),
            Watchman(self.order),
            depth=depth,
        )
        self.judge = Judge(self.plan, self.order, vain)

    def from_the_start(self) -> list[Pace]:
        """A run that begins."""
        return [self.walker.begin(None, (_started(self.variant),), World(), BEGINS_AT)]

    def explore(self, beginnings: Iterable[Pace], max_states: int) -> Graph:
        return Explorer(self.plan, self.walker, self.judge, max_states).explore(beginnings)


def _add(total: _Total, stage: Stage, graph: Graph) -> None:
    matrix = Matrix(graph, Story(stage.plan, graph), stage.depth)
    for node in graph.nodes:
        total.steps.update(dict.fromkeys(_steps(stage.plan, node.stand.run)))
    for finding, parts in matrix.findings():
        key = (finding.judgement, finding.code, finding.step)
        known = total.findings.get(key)
        if known is None or len(finding.struck) < len(known.struck):
            total.findings[key] = finding
        for part in parts:
            total.parts.setdefault(part.struck, []).append(part)
    for part in matrix.sound():
        total.parts.setdefault(part.struck, []).append(part)
    total.arrows |= walked_arrows(graph)
    total.words.append(stage.variant.words)
    total.states += len(graph.nodes)
    total.schedules += schedules(graph, stage.depth)
    total.is_whole = total.is_whole and graph.is_whole


def _steps(plan: Plan, run: Run) -> list[str]:
    steps = expanded(plan, run)
    return [p.name for p in steps if not (p.is_group or p.is_sleep)]


def _cut_short(variant: Variant) -> list[Finding]:
    written = replace(variant, saga=attempts_as_written(variant))
    stage = Stage(written, 0)
    begin = stage.from_the_start()[0]
    if begin.breach is not None:
        return []
    steps = [path for _, path, step in steps_within(variant.saga) if step.request is not None]
    return cut_short(stage.walker, begin, stage.order, steps)


def _started(variant: Variant) -> e.RunStarted:
    saga = variant.saga
    return e.RunStarted(
        at=BEGINS_AT, run_id=RUN_ID, saga=saga.name, version=saga.version, definition="",
        definition_name="", digest="", input=variant.input, env=dict(variant.env), sandbox=True,
        faults=[], sagactl="",
    )  # fmt: skip


def _rehearsed(saga: Saga, name: str, depth: int, total: _Total, seconds: float) -> Rehearsed:
    steps = tuple(_in_order(saga, total.steps))
    cells = tuple(
        _cell(step, trouble, total.parts.get(Struck(step, trouble), []))
        for step in steps
        for trouble in Trouble
    )
    findings = sorted(total.findings.values(), key=lambda f: (_rank(f), len(f.struck)))
    return Rehearsed(
        name=name,
        saga=saga.name,
        depth=depth,
        steps=steps,
        cells=cells,
        findings=tuple(findings),
        states=total.states,
        schedules=total.schedules,
        is_whole=total.is_whole,
        seconds=seconds,
        coverage=_coverage(saga, total),
        variants=tuple(total.words),
    )


def _in_order(saga: Saga, steps: Iterable[str]) -> list[str]:
    """Paths in the definition's order, instances by their number."""
    from sagactl.machine.request import path_as_written, split_path

    places = {path: index for index, (_, path, _) in enumerate(steps_within(saga))}

    def place(path: str) -> tuple[int, tuple[int, ...]]:
        numbers = [split_path(part)[2] or 0 for part in path.split("/")]
        return places.get(path_as_written(path), len(places)), tuple(numbers)

    return sorted(steps, key=place)


def _cell(step: str, trouble: Trouble, parts: Sequence[Part]) -> Cell:
    if not parts:
        return Cell(step, trouble, None)
    amiss = [part for part in parts if part.finding is not None]
    if not amiss:
        shortest = min(parts, key=lambda part: part.length)
        return Cell(step, trouble, Judgement.SOUND, (), shortest.story)
    amiss.sort(key=lambda part: (_rank(part.finding), part.length))
    findings: dict[tuple[str, str], Finding] = {}
    for part in amiss:
        assert part.finding is not None  # others were left out
        findings.setdefault((part.finding.code, part.finding.step), part.finding)
    first = amiss[0].finding
    assert first is not None
    return Cell(step, trouble, first.judgement, tuple(findings.values()), amiss[0].story)


def _rank(finding: Finding | None) -> int:
    if finding is None:
        return 2
    return 0 if finding.judgement is Judgement.HOLE else 1


def _coverage(saga: Saga, total: _Total) -> Coverage:
    every = {
        (str(state), kind.__name__, str(after))
        for (state, kind), after in MOVES.items()
        if not issubclass(kind, OPERATORS)
    }
    walked = total.arrows & every
    branches = tuple(_branches(saga, total.sides))
    return Coverage(tuple(sorted(walked)), tuple(sorted(every - walked)), branches)


# Only an operator takes a run along these.
OPERATORS = (
    e.ActionReopened,
    e.OutcomeReopened,
    e.CompensationReopened,
    e.StepReopened,
    e.MembersReopened,
)


def _branches(saga: Saga, sides: Mapping[str, set[bool]]) -> Iterable[Branch]:
    from sagactl.rehearsal.proof.variant import condition_text

    for _, path, step in steps_within(saga):
        if step.when is None:
            continue
        text = condition_text(step.when)
        walked = sides.get(text, set())
        yield Branch(path, text, tuple(side for side in (True, False) if side in walked))
