"""What written tests came to, as values for whoever shows or counts them.

Here and not in the room that rehearses, because views may not reach into that one. Deliberately
absent: how a test is played, and every word about where to print it.
"""

from dataclasses import dataclass

from sagactl.source.place import Place
from sagactl.source.problem import Problem


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something that came otherwise than it was expected.

    `place` is where the expectation stands, `what` names it (`state`, `call 3, json.amount`), and
    `message` says all of it in a sentence.
    """

    place: Place
    what: str
    expected: str
    came: str
    message: str


@dataclass(frozen=True, slots=True)
class Happened:
    """A line of a test's story, and how long after its beginning it came, in seconds."""

    after_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Tested:
    """One test. It passed where nothing came otherwise."""

    name: str
    place: Place
    mismatches: tuple[Mismatch, ...] = ()
    story: tuple[Happened, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.mismatches


@dataclass(frozen=True, slots=True)
class TestedFile:
    """A file of tests.

    Where `problems` or `unread` say that it, or its definition, makes no sense, none of its tests
    was played. `left_out` counts the tests that nobody asked for.
    """

    name: str
    definition: str
    tests: tuple[Tested, ...] = ()
    problems: tuple[Problem, ...] = ()
    unread: tuple[str, ...] = ()
    left_out: int = 0
    seconds: float = 0.0

    @property
    def is_sound(self) -> bool:
        return not (self.problems or self.unread)
