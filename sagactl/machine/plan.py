"""The plan: a saga with all that can be known about its motion before anything moves.

Which step waits for which in both directions, what is done about an outcome nobody could find out,
and what of each reply is read later. Pure, and the same for every run of a definition.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sagactl.definition.graph import ancestors, dependents
from sagactl.definition.model import OnUnknown, Saga, Step
from sagactl.definition.policy import on_unknown, result_reads


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step in its place. `needed_by` are the steps that name it in `needs`."""

    step: Step
    needed_by: tuple[str, ...]
    past_pivot: bool
    on_unknown: OnUnknown
    needs_body: bool
    needed_paths: tuple[tuple[str | int, ...], ...]

    @property
    def name(self) -> str:
        return self.step.name


@dataclass(frozen=True, slots=True)
class Plan:
    saga: Saga
    steps: Mapping[str, PlannedStep]  # in definition order
    pivots: tuple[str, ...]

    def __iter__(self) -> Iterator[PlannedStep]:
        return iter(self.steps.values())


def make_plan(saga: Saga) -> Plan:
    """The plan of a saga that was built without problems."""
    needed_by = dependents(saga.steps)
    before = ancestors(saga.steps)
    pivots = tuple(step.name for step in saga.steps if step.pivot)
    reads = {step.name: tuple(result_reads(saga, step)) for step in saga.steps}
    steps = {}
    for step in saga.steps:
        past_pivot = any(pivot in before[step.name] for pivot in pivots)
        steps[step.name] = PlannedStep(
            step=step,
            needed_by=needed_by[step.name],
            past_pivot=past_pivot,
            on_unknown=on_unknown(step, past_pivot=past_pivot),
            needs_body=bool(reads[step.name]),
            needed_paths=tuple({path for path, certain in reads[step.name] if certain}),
        )
    return Plan(saga, steps, pivots)
