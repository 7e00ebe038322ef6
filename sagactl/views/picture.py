"""A saga as a graph to draw: its steps, what waits for what, and the way back beside the way there.

Whatever draws it names nodes by their ids, which are letters and digits: no name and no address of
a definition gets into a format's grammar but as a label.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass

from sagactl.definition.duration import said_duration
from sagactl.machine.command import Phase
from sagactl.machine.moves import StepState as S
from sagactl.machine.plan import Plan, PlannedStep, expanded, unfolded
from sagactl.machine.run import Run, StepRun
from sagactl.machine.state import saga_state
from sagactl.views.members import member_words, shown_names
from sagactl.views.plan_text import action_as_written, request_as_written, step_notes
from sagactl.views.veil import veil_of

Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Undo:
    """What undoes a step, and how far that is; without a run `state` is None."""

    id: str
    request: str
    state: S | None


@dataclass(frozen=True, slots=True)
class Node:
    """A step; `does` in the definition's words, `notes` on when, `told` on what became of it."""

    id: str
    name: str
    does: str
    notes: tuple[str, ...]
    state: S | None
    told: str
    is_pivot: bool
    is_each: bool
    undo: Undo | None
    members: "tuple[Node, ...]"

    def walk(self) -> "Iterator[Node]":
        """It and all its members, however deep."""
        yield self
        for member in self.members:
            yield from member.walk()


@dataclass(frozen=True, slots=True)
class Picture:
    """A saga, or a run of it. `forwards` and `backwards` lead from what is first to what is next.

    Edges never lead to a step that has members: they lead to those.
    """

    title: str
    nodes: tuple[Node, ...]
    forwards: tuple[Edge, ...]
    backwards: tuple[Edge, ...]

    def walk(self) -> Iterator[Node]:
        for node in self.nodes:
            yield from node.walk()


def picture(plan: Plan, run: Run | None = None) -> Picture:
    """The saga of a plan; with a run, each step in the state that it is in."""
    return _Painting(plan, run).picture()


class _Painting:
    def __init__(self, plan: Plan, run: Run | None) -> None:
        self._given = plan
        self._run = run
        self._plan = unfolded(plan, run)
        self._begun = set() if run is None else set(expanded(plan, run).steps)
        self._shown = None if run is None else veil_of(plan, run).run(run)
        quiet = set() if run is None else self._begun - set(shown_names(plan, run))
        self._ids: dict[str, str] = {}  # of what is drawn
        for planned in self._plan:
            if planned.name not in quiet and (
                planned.parent is None or planned.parent in self._ids
            ):
                self._ids[planned.name] = f"n{len(self._ids)}"

    def picture(self) -> Picture:
        nodes = tuple(self._nodes(None))
        return Picture(self._title(), nodes, tuple(self._forwards()), tuple(self._backwards()))

    def _title(self) -> str:
        saga, run = self._given.saga, self._run
        if run is not None:
            sandbox = " (sandbox)" if run.sandbox else ""
            return f"{saga.name} {run.id}{sandbox}: {saga_state(self._given, run)}"
        limit = f", at most {said_duration(saga.timeout_s)}" if saga.timeout_s else ""
        return f"{saga.name} version {saga.version}{limit}"

    def _nodes(self, parent: str | None) -> Iterator[Node]:
        above: str | None = None
        for name in self._ids:
            planned = self._plan.steps[name]
            if planned.parent == parent:
                yield self._node(planned, above)
                above = name

    def _node(self, planned: PlannedStep, above: str | None) -> Node:
        name = planned.name
        step = None if self._shown is None else self._shown.step(name)
        # An instance is one of those that its step is carried out for, not each of them.
        notes = () if planned.index is not None else tuple(step_notes(planned, above))
        return Node(
            id=self._ids[name],
            name=name,
            does=action_as_written(planned),
            notes=notes,
            state=None if step is None else step.state,
            told="" if step is None else self._told(name, step),
            is_pivot=planned.step.pivot,
            is_each=planned.is_each,
            undo=self._undo(planned, step),
            members=tuple(self._nodes(name)),
        )

    def _told(self, name: str, step: StepRun) -> str:
        assert self._run is not None
        counted = member_words(self._given, self._run, name) if name in self._begun else ""
        if step.error is not None:
            return step.error.message
        if step.state is S.UNKNOWN:
            return step.action.detail
        return counted or (f"after {step.action.count} attempts" if step.action.count > 1 else "")

    def _undo(self, planned: PlannedStep, step: StepRun | None) -> Undo | None:
        request = planned.step.compensation
        if request is None or planned.past_pivot or planned.step.pivot or self._members(planned):
            return None
        state = None if step is None else _undo_state(step)
        return Undo(f"u{self._ids[planned.name][1:]}", request_as_written(request), state)

    def _members(self, planned: PlannedStep) -> list[str]:
        return [name for name in planned.members if name in self._ids]

    def _needs(self, name: str) -> tuple[str, ...]:
        """What a step needs; an instance, where they go one after the other, the one before it."""
        planned = self._plan.steps[name]
        each = planned.step.for_each
        if planned.index is None or each is None or each.max_parallel > 1:
            return planned.needs
        before = f"{planned.parent}[{planned.index - 1}]"
        return (before,) if before in self._ids else ()

    def _forwards(self) -> Iterator[Edge]:
        for name in self._ids:
            for need in self._needs(name):
                for last in self._ends(need, first=False):
                    for first in self._ends(name, first=True):
                        yield last, first

    def _ends(self, name: str, *, first: bool) -> list[str]:
        """The ids of what a step begins or ends with: itself, or some of its members."""
        members = self._members(self._plan.steps[name])
        if not members:
            return [self._ids[name]]
        needed = {need for member in members for need in self._needs(member)}
        ends = [m for m in members if (not self._needs(m) if first else m not in needed)]
        return [end for member in ends for end in self._ends(member, first=first)]

    def _backwards(self) -> Iterator[Edge]:
        """From each undo to those that come next; what follows from two edges is not drawn."""
        drawn = ((name, self._undo(self._plan.steps[name], None)) for name in self._ids)
        undoes = {name: undo.id for name, undo in drawn if undo is not None}
        earlier: dict[str, set[str]] = {}  # all that is undone before a step
        for name in filter(undoes.__contains__, self._plan.undoing):
            before = self._undone_before(name, undoes)
            behind = {other for near in before for other in earlier[near]}
            earlier[name] = behind.union(before)
            for other in before:
                if other not in behind:
                    yield undoes[other], undoes[name]

    def _undone_before(self, name: str, undoable: Container[str]) -> list[str]:
        """The nearest steps with an undo that must be over before this one's begins."""
        found: dict[str, None] = {}
        seen = {name}
        left = list(self._plan.steps[name].needed_by)
        while left:
            other = left.pop(0)
            if other in seen:
                continue
            seen.add(other)
            if other in undoable:
                found[other] = None
            else:
                left.extend(self._plan.steps[other].needed_by)
        return list(found)


def _undo_state(step: StepRun) -> S:
    if step.state in (S.COMPENSATING, S.COMPENSATED):
        return step.state
    failed = step.error is not None and step.error.phase is Phase.COMPENSATION
    return S.STUCK if step.state is S.STUCK and failed else S.PENDING
