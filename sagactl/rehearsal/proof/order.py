"""Who comes after whom, by the definition alone.

The judge of the machine must not ask the machine: this reads `needs` of the saga and nothing of the
plan, so that a mistake there cannot hide here. Steps are named by their paths.
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga, Step
from sagactl.definition.policy import step_templates
from sagactl.machine.request import split_path


class Order:
    """The order of one saga's steps, members of groups included."""

    def __init__(self, saga: Saga) -> None:
        self._saga = saga
        self._after: dict[tuple[str, str], bool] = {}
        self._reach: dict[tuple[int, str], frozenset[str]] = {}
        self._raced: dict[int, frozenset[str]] = {}
        self._pivots = {id(one): [s.name for s in one.steps if s.pivot] for one in saga.family()}

    def step(self, path: str) -> Step:
        """The step at a path, as it is written."""
        frame, name, _ = split_path(path)
        return self._within(frame).step(name)

    def needs(self, path: str) -> tuple[str, ...]:
        """What must be through before the step at a path begins: those it names, in its frame."""
        frame, name, _ = split_path(path)
        return tuple(f"{frame}{need}" for need in self._within(frame).step(name).needs)

    def groups(self, path: str) -> Iterator[str]:
        """The steps that a path is a member of, the innermost first."""
        while True:
            frame, name, index = split_path(path)
            if index is not None:
                path = f"{frame}{name}"
            elif frame:
                path = frame[:-1]
            else:
                return
            yield path

    def is_behind(self, other: str, path: str) -> bool:
        """Whether `other` must be undone before the step at `path` is."""
        known = self._after.get((other, path))
        if known is None:
            known = self._after[other, path] = self._is_behind(other, path)
        return known

    def is_raced(self, path: str) -> bool:
        """Whether a step reads of the one at a path, or of a group around it, and needs it not."""
        for each in (path, *self.groups(path)):
            frame, name, _ = split_path(each)
            if name in self._raced_in(self._within(frame)):
                return True
        return False

    def is_past_pivot(self, path: str) -> bool:
        """Whether there is no way back from the step at a path: a pivot, or behind one."""
        frame, name, _ = split_path(path)
        if name in self._pivots[id(self._within(frame))]:
            return True
        for each in (path, *self.groups(path)):
            frame, name, _ = split_path(each)
            saga = self._within(frame)
            if any(p in self._needed(saga, name) for p in self._pivots[id(saga)]):
                return True
        return False

    def _is_behind(self, other: str, path: str) -> bool:
        saga, frame = self._saga, ""
        for part, its in zip(path.split("/"), other.split("/"), strict=False):
            _, name, at = split_path(part)
            _, its_name, its_at = split_path(its)
            if name != its_name:
                return name in self._needed(saga, its_name)
            if at != its_at:
                return at is not None and its_at is not None and its_at > at
            child = saga.step(name).child
            frame = f"{frame}{part}/"
            if child is None:
                return False
            saga = child
        return False

    def _needed(self, saga: Saga, name: str) -> frozenset[str]:
        """Everything that must be through before a step of a saga begins."""
        known = self._reach.get((id(saga), name))
        if known is None:
            found: set[str] = set()
            left = list(saga.step(name).needs)
            while left:
                need = left.pop()
                if need not in found:
                    found.add(need)
                    left.extend(saga.step(need).needs)
            known = self._reach[id(saga), name] = frozenset(found)
        return known

    def _raced_in(self, saga: Saga) -> frozenset[str]:
        known = self._raced.get(id(saga))
        if known is None:
            found: set[str] = set()
            for step in saga.steps:
                read = {
                    str(reference.path[1])
                    for template in step_templates(step)
                    for reference in template.references
                    if reference.path[0] == "steps" and len(reference.path) > 1
                }
                found |= read - self._needed(saga, step.name) - {step.name}
            known = self._raced[id(saga)] = frozenset(found)
        return known

    def _within(self, frame: str) -> Saga:
        saga = self._saga
        for part in frame.split("/")[:-1]:
            _, name, _ = split_path(part)
            child = saga.step(name).child
            assert child is not None  # the plan made the path
            saga = child
        return saga
