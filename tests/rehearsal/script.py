"""A case of agreement between the simulated and the real world: a definition, and a script of faults.

The script says of each conversation how its attempts go wrong, the first, the second, and perhaps
all from there on, and at which requests sagactl is killed: before the service has acted, or behind
it. Attempts are counted as the service counts them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sagactl.machine.command import Phase

TIMEOUTS = ("timeout", "timeout-before")
REFUSALS = ("422", "400", "403", "501", "302")
UNSENT = ("429", "425", "refused")
DONE = ("timeout", "reset-after", "drop", "202")
NOT_DONE = ("timeout-before", "reset-before", "503", "500")
SPOILT = ("garbage", "cut", "oversized")
HEARD = ("201", "slow:15ms")
WELL = ""


@dataclass(frozen=True, slots=True)
class Strikes:
    """How the attempts of a conversation go: `words` one by one, then well or, `lasting`, so."""

    words: tuple[str, ...] = ()
    lasting: str = WELL

    def of(self, attempt: int) -> str:
        return self.words[attempt - 1] if attempt <= len(self.words) else self.lasting

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.words, self.lasting)


@dataclass(frozen=True, slots=True)
class Kill:
    """sagactl dies while this request is with its service, before it has acted or behind it."""

    step: str
    phase: Phase
    attempt: int
    moment: str

    def __str__(self) -> str:
        return f"killed {self.moment} {self.step}.{self.phase}@{self.attempt}"


@dataclass(frozen=True)
class Case:
    """A definition, what goes into it, and what goes wrong."""

    seed: int
    files: Mapping[str, str]
    input: Mapping[str, object]
    strikes: Mapping[tuple[str, Phase], Strikes]
    kills: tuple[Kill, ...]

    def word(self, step: str, phase: Phase, attempt: int) -> str:
        """How the service treats a call, counted as it counts them."""
        return self.strikes.get((step, phase), Strikes()).of(attempt)

    @property
    def is_timed(self) -> bool:
        """Whether it depends on how long requests take."""
        return "\ntimeout: " in self.files["saga.yaml"]

    @property
    def orders(self) -> list[tuple[str, str]]:
        """The faults as they are ordered: what is struck, and how."""
        found = []
        for (step, phase), strikes in self.strikes.items():
            target = f"{step}.{phase}"
            for attempt, word in enumerate(strikes.words, 1):
                if word:
                    found.append((f"{target}@{attempt}", word))
            if strikes.lasting:
                found.append((f"{target}@{len(strikes.words) + 1}-", strikes.lasting))
        return found

    def __str__(self) -> str:
        texts = [f"--- {name}\n{text}" for name, text in self.files.items()]
        script = [*(f"{target}={word}" for target, word in self.orders), *map(str, self.kills)]
        return "\n".join([f"seed {self.seed}, input {dict(self.input)}", *texts, *script])
