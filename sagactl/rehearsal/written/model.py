"""A file of tests as values: what is played, and what is expected of it.

What is expected stays a tree of nodes wherever it is held against JSON, so that a mismatch can be
told at the very value that did not come.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sagactl.definition.model import Saga
from sagactl.machine.command import Phase
from sagactl.machine.request import path_as_written
from sagactl.rehearsal.fault import Fault
from sagactl.rehearsal.wire import Reply
from sagactl.source.node import Json, Map, Node, Scalar
from sagactl.source.place import Place


@dataclass(frozen=True, slots=True)
class Target:
    """A phase of a step; `step` is its path, of one instance or of all of them."""

    step: str
    phase: Phase

    def meets(self, step: str, phase: Phase) -> bool:
        """Whether a call of the step at this path is meant."""
        return phase is self.phase and self.step in (step, path_as_written(step))

    def __str__(self) -> str:
        return self.step if self.phase is Phase.ACTION else f"{self.step}.{self.phase}"


@dataclass(frozen=True, slots=True)
class Answer:
    """How one call is answered: by a fault of the sandbox, by a reply, or well where both are None.

    `is_done` says of a reply whether the call took place in the world; `delay_s` comes before it.
    `is_refused`: nobody is there to take the call.
    """

    place: Place
    fault: Fault | None = None
    reply: Reply | None = None
    is_done: bool = True
    delay_s: float = 0.0
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """The answers to the calls of a target: one after the other, then `ever`, None for well."""

    target: Target
    place: Place
    first: tuple[Answer, ...]
    ever: Answer | None


@dataclass(frozen=True, slots=True)
class Crash:
    """sagactl dies: before a call leaves, or after its service has it and before anybody hears."""

    place: Place
    target: Target
    is_before: bool


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """A call that is to come, `times` over; whatever is None may be anything.

    `path` may have `*` in it. `is_exact`: its body and query have nothing besides.
    """

    place: Place
    text: str
    target: Target | None = None
    method: str | None = None
    path: str | None = None
    json: Node | None = None
    form: Node | None = None
    body: Scalar | None = None
    query: Node | None = None
    headers: Map | None = None
    outcome: Scalar | None = None
    is_exact: bool = False
    times: int = 1


@dataclass(frozen=True, slots=True)
class AnyCalls:
    """`...` in a list of calls: as many as there are, whatever they are."""

    place: Place


@dataclass(frozen=True, slots=True)
class Expected:
    """What a test expects; None where it says nothing."""

    place: Place
    state: Scalar | None = None
    steps: Map | None = None
    calls: tuple[ExpectedCall | AnyCalls, ...] | None = None
    calls_place: Place | None = None
    left: tuple[Scalar, ...] | None = None
    left_place: Place | None = None
    output: Node | None = None
    error: Node | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One test."""

    name: str
    place: Place  # of its name
    run_id: str
    now: float
    input: Json
    env: Mapping[str, str]
    secrets: Mapping[str, str]
    scripts: tuple[Script, ...]
    crashes: tuple[Crash, ...]
    expected: Expected


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A file of tests and the saga they are about, staged in the sandbox."""

    saga: Saga
    cases: tuple[Case, ...] = field(default_factory=tuple)
