"""The plan: a saga with all that can be known about its motion before anything moves.

Which step waits for which in both directions, what is done about an outcome nobody could find out,
and what of each reply is read later. Pure, and the same for every run of a definition.

Some steps stand for several: a `for_each` for its instances, a sub-saga for its steps. How many
there are is known when such a step begins; `expanded` puts them into the plan, each under its own
path and with edges of its own, so that nothing else has to know of groups.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from sagactl.definition.builder import has_pivot
from sagactl.definition.graph import ancestors, dependents, topological
from sagactl.definition.model import Lookup, OnUnknown, Request, Saga, Sleep, Step
from sagactl.definition.policy import on_unknown, result_reads
from sagactl.machine.command import Phase
from sagactl.machine.run import Run


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step in its place; `name` is its path, as are those in `needs` and `needed_by`.

    `needed_by` are the steps that must be clear before this one is undone: those that name it in
    `needs`, and its own members. `index` is set for an instance of a `for_each`.
    """

    saga: Saga  # the one it is written in
    step: Step
    name: str
    needs: tuple[str, ...]
    needed_by: tuple[str, ...]
    past_pivot: bool
    on_unknown: OnUnknown
    needs_body: bool
    needed_paths: tuple[tuple[str | int, ...], ...]
    child: "Plan | None" = None
    parent: str | None = None
    index: int | None = None
    members: tuple[str, ...] = ()

    @property
    def is_each(self) -> bool:
        """Whether it stands for the instances of a `for_each`."""
        return self.step.for_each is not None and self.index is None

    @property
    def is_group(self) -> bool:
        """Whether it stands for others."""
        return self.is_each or self.child is not None

    @property
    def is_sleep(self) -> bool:
        return isinstance(self.step.action, Sleep) and not self.is_each

    @property
    def is_undoable(self) -> bool:
        """Whether there is anything to undo once it is done."""
        if self.child is not None:
            return any(planned.is_undoable for planned in self.child)
        return self.step.compensation is not None

    def asked(self, phase: Phase) -> Request:
        """The request of one of its conversations, which it must have."""
        step = self.step
        found: Request | Lookup | None = {
            Phase.ACTION: step.request,
            Phase.LOOKUP: step.lookup,
            Phase.COMPENSATION: step.compensation,
        }[phase]
        assert found is not None  # only asked for where the step has one
        return found.request if isinstance(found, Lookup) else found


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The steps in definition order, members behind the step that stands for them.

    `undoing` has every path behind all those that must be clear before it.
    """

    saga: Saga
    steps: Mapping[str, PlannedStep]
    pivots: tuple[str, ...]
    undoing: tuple[str, ...]
    base: "Plan | None" = None  # of an expanded one: the plan it was made from

    def __iter__(self) -> Iterator[PlannedStep]:
        return iter(self.steps.values())


def make_plan(saga: Saga) -> Plan:
    """The plan of a saga that was built without problems."""
    needed_by = dependents(saga.steps)
    before = ancestors(saga.steps)
    pivots = {step.name for step in saga.steps if step.pivot}
    steps = []
    for step in saga.steps:
        reads = tuple(result_reads(saga, step))
        past_pivot = bool(pivots & before[step.name])
        planned = PlannedStep(
            saga=saga,
            step=step,
            name=step.name,
            needs=step.needs,
            needed_by=needed_by[step.name],
            past_pivot=past_pivot,
            on_unknown=on_unknown(step, past_pivot=past_pivot),
            needs_body=bool(reads),
            needed_paths=tuple({path for path, certain in reads if certain}),
            child=None if step.child is None else make_plan(step.child),
        )
        steps.append(planned)
    return _plan(saga, steps)


def expanded(plan: Plan, run: Run) -> Plan:
    """The plan with the members of every step of `run` that stands for several and has begun."""
    plan = plan.base or plan
    if not run.members:
        return plan
    return _expanded(plan, tuple(_sizes(run).items()))


def unfolded(plan: Plan, run: Run | None = None) -> Plan:
    """The plan with the steps of every sub-saga, as far as they can be told before it begins."""
    plan = plan.base or plan
    begun = {} if run is None else _sizes(run)
    steps = [each for planned in plan for each in _with_members(planned, begun)]
    while fresh := [s for s in steps if s.child is not None and s.name not in begun]:
        begun.update((planned.name, None) for planned in fresh)
        steps = [each for planned in plan for each in _with_members(planned, begun)]
    return _plan(plan.saga, steps)


def _sizes(run: Run) -> dict[str, int | None]:
    """For how many instances each step that has begun stands; None for a sub-saga."""
    return {
        path: None if members.items is None else len(members.items)
        for path, members in run.members.items()
    }


@lru_cache(maxsize=256)
def _expanded(plan: Plan, sizes: tuple[tuple[str, int | None], ...]) -> Plan:
    begun = dict(sizes)
    steps = [each for planned in plan for each in _with_members(planned, begun)]
    return replace(_plan(plan.saga, steps), base=plan)


def _plan(saga: Saga, steps: list[PlannedStep]) -> Plan:
    # Where a child has a point of no return of its own, that one is meant.
    pivots = (s.name for s in steps if s.step.pivot and not has_pivot(s.step.child))
    undoing = topological({planned.name: planned.needed_by for planned in steps})
    return Plan(saga, {planned.name: planned for planned in steps}, tuple(pivots), undoing)


def _with_members(planned: PlannedStep, begun: Mapping[str, int | None]) -> Iterator[PlannedStep]:
    if planned.name not in begun:
        yield planned
        return
    count = begun[planned.name]
    members = list(_children(planned) if count is None else _instances(planned, count))
    names = tuple(member.name for member in members)
    # Members began after it, and are undone before it.
    yield replace(planned, members=names, needed_by=(*planned.needed_by, *names))
    for member in members:
        yield from _with_members(member, begun)


def _instances(planned: PlannedStep, count: int) -> Iterator[PlannedStep]:
    for index in range(count):
        is_last = index + 1 == count
        # What completed is undone one by one, the last first.
        needed_by = planned.needed_by if is_last else (f"{planned.name}[{index + 1}]",)
        yield replace(
            planned,
            name=f"{planned.name}[{index}]",
            needs=(),
            needed_by=needed_by,
            parent=planned.name,
            index=index,
        )


def _children(planned: PlannedStep) -> Iterator[PlannedStep]:
    assert planned.child is not None  # only such a step begins as a sub-saga
    for inner in planned.child:
        past_pivot = planned.past_pivot or inner.past_pivot
        yield replace(
            inner,
            name=f"{planned.name}/{inner.name}",
            needs=tuple(f"{planned.name}/{name}" for name in inner.needs),
            needed_by=(*(f"{planned.name}/{n}" for n in inner.needed_by), *planned.needed_by),
            past_pivot=past_pivot,
            on_unknown=on_unknown(inner.step, past_pivot=past_pivot),
            parent=planned.name,
        )
