"""What the variants of a definition come to together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sagactl.definition.model import Saga
from sagactl.machine import event as e
from sagactl.machine.moves import MOVES
from sagactl.machine.plan import Plan, expanded
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
from sagactl.machine.request import path_as_written, split_path
from sagactl.machine.run import Run
from sagactl.rehearsal.operation import steps_within
from sagactl.rehearsal.proof.course import Course
from sagactl.rehearsal.proof.coverage import walked_arrows
from sagactl.rehearsal.proof.explore import Graph, schedules
from sagactl.rehearsal.proof.matrix import Matrix, Part
from sagactl.rehearsal.proof.story import Story
from sagactl.rehearsal.proof.variant import condition_text


@dataclass(slots=True)
class Total:
    """Takes up one graph after the other."""

    findings: dict[tuple[Judgement, str, str], Finding] = field(default_factory=dict)
    parts: dict[Struck, list[Part]] = field(default_factory=dict)
    steps: dict[str, None] = field(default_factory=dict)
    arrows: set[tuple[str, str, str]] = field(default_factory=set)
    sides: dict[str, set[bool]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    states: int = 0
    schedules: int = 0
    is_whole: bool = True

    def add(
        self,
        course: Course,
        graph: Graph,
        words: str,
        sides: Mapping[str, bool],
        begun: Run | None = None,
    ) -> None:
        """Take up what one variant came to; `sides` are those of its conditions.

        `begun` is the run that goes on, None where it begins.
        """
        matrix = Matrix(graph, Story(course.plan, graph), course.depth)
        for node in graph.nodes:
            self.steps.update(dict.fromkeys(_steps(course.plan, node.stand.run)))
        for finding, parts in matrix.findings():
            self.add_finding(finding, parts)
        for part in matrix.sound():
            self.parts.setdefault(part.struck, []).append(part)
        self.arrows |= walked_arrows(graph, begun)
        self.words.append(words)
        self.states += len(graph.nodes)
        self.schedules += schedules(graph, course.depth)
        self.is_whole = self.is_whole and graph.is_whole
        for text, side in sides.items():
            self.sides.setdefault(text, set()).add(side)

    def add_finding(self, finding: Finding, parts: Iterable[Part]) -> None:
        """Take up a finding; of one that is known already the shorter story counts.

        What befalls every instance of a step is one finding.
        """
        key = (finding.judgement, finding.code, path_as_written(finding.step))
        known = self.findings.get(key)
        if known is None or len(finding.struck) < len(known.struck):
            self.findings[key] = finding
        for part in parts:
            self.parts.setdefault(part.struck, []).append(part)

    def rehearsed(self, saga: Saga, name: str, depth: int, seconds: float) -> Rehearsed:
        """All of it as one value."""
        steps = tuple(_in_order(saga, self.steps))
        cells = tuple(
            _cell(step, trouble, self.parts.get(Struck(step, trouble), []))
            for step in steps
            for trouble in Trouble
        )
        findings = sorted(self.findings.values(), key=lambda f: (_rank(f), len(f.struck)))
        return Rehearsed(
            name=name,
            saga=saga.name,
            depth=depth,
            steps=steps,
            cells=cells,
            findings=tuple(findings),
            states=self.states,
            schedules=self.schedules,
            is_whole=self.is_whole,
            seconds=seconds,
            coverage=_coverage(saga, self),
            variants=tuple(self.words),
        )


def _steps(plan: Plan, run: Run) -> list[str]:
    steps = expanded(plan, run)
    return [p.name for p in steps if not (p.is_group or p.is_sleep)]


def _in_order(saga: Saga, steps: Iterable[str]) -> list[str]:
    """Paths in the definition's order, instances by their number."""
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


def _coverage(saga: Saga, total: Total) -> Coverage:
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


def _branches(saga: Saga, sides: Mapping[str, set[bool]]) -> Iterator[Branch]:
    for _, path, step in steps_within(saga):
        if step.when is None or step.when.is_constant:
            continue
        text = condition_text(step.when)
        walked = sides.get(text, set())
        yield Branch(path, text, tuple(side for side in (True, False) if side in walked))
