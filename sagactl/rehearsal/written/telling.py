"""Mistakes gathered while a file of tests is read, and what its words mean in one saga."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from sagactl.definition.model import Saga, Step
from sagactl.machine.command import Phase
from sagactl.machine.request import path_as_written
from sagactl.rehearsal.operation import steps_within
from sagactl.rehearsal.written.model import Target
from sagactl.source.node import Scalar
from sagactl.source.place import Place
from sagactl.source.problem import Problem, nearest

_INSTANCE = re.compile(r"\[\d+\]")


@dataclass(slots=True)
class Telling:
    """Problems so far, of tests of this saga."""

    saga: Saga
    problems: list[Problem] = field(default_factory=list)
    _steps: dict[str, Step] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._steps = {path: step for _, path, step in steps_within(self.saga)}

    def tell(self, code: str, place: Place, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(code, place, message, hint))

    def step(self, path: str, place: Place) -> Step | None:
        """The step at a path, of which an instance may be named; None where there is none."""
        written = path_as_written(path)
        if written not in self._steps:
            names = tuple(self._steps)
            message = f'"{path}" is no step of "{self.saga.name}"{meant(written, names)}'
            self.tell("unknown-step", place, message, f"there are {', '.join(names)}")
            return None
        for found in _INSTANCE.finditer(path):
            owner = path_as_written(path[: found.start()])
            if self._steps[owner].for_each is None:
                message = f'step "{owner}" has no "for_each", so there is no "{path}"'
                self.tell("unknown-step", place, message)
                return None
        return self._steps[written]

    def target(self, text: str, place: Place) -> Target | None:
        """The phase of a step that `STEP` or `STEP.PHASE` names; it must send a request."""
        path, dot, word = text.partition(".")
        step = self.step(path, place)
        if step is None:
            return None
        phase = Phase(word) if dot else Phase.ACTION
        if step.request is None and phase is Phase.ACTION:
            message = f'step "{path}" sends no request itself'
            child = step.child
            hint = f"its steps are called {path}/{child.steps[0].name} and so on" if child else None
            self.tell("never-called", place, message, hint)
            return None
        absent = (phase is Phase.LOOKUP and step.lookup is None) or (
            phase is Phase.COMPENSATION and step.compensation is None
        )
        if absent:
            self.tell("never-called", place, f'step "{path}" has no {phase}')
            return None
        return Target(path, phase)

    def no_expressions(self, scalars: Sequence[Scalar]) -> None:
        """Tell of texts that look as if they were evaluated."""
        for scalar in scalars:
            if isinstance(scalar.value, str) and "${{" in scalar.value:
                message = "no expression is evaluated in a test: write the value"
                self.tell("wrong-value", scalar.place, message)


def meant(word: str, allowed: Sequence[str]) -> str:
    """What was probably meant, to be put behind a message."""
    close = nearest(word, tuple(allowed))
    return f'; did you mean "{close}"?' if close and close != word else ""
