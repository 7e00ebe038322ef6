"""The corpus by which a rehearsal is judged, and what the files say of themselves.

A file in `holes/` has exactly one hole. Its first lines are fixed, the rest of its comment tells in
a sentence what goes wrong in the world:

    # hole: CODE
    # step: PATH            or several, where it is as right to name the one as the other
    # needs: STEP.TROUBLE   as many as it takes, or the word `nothing`
    # lint: CODE            what lint tells of it too, where it tells anything

A file in `sound/` begins with `# sound` and has no hole, however it looks. Its `# amber: WHY at STEP`
are where a person is rightly needed: `undo-fails` for good, a written `hold`, a refusal `past-pivot`,
or one whose time to `finish` is up `unanswered`.
`parts/` are sub-sagas and documents that these files refer to.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from sagactl.cli.loading import check_definition
from sagactl.definition.model import Saga
from sagactl.source.problem import Problem

CORPUS = Path(__file__).parent.parent / "cases" / "rehearsal"
HOLES = sorted((CORPUS / "holes").glob("*.yaml"))
SOUND = sorted((CORPUS / "sound").glob("*.yaml"))
WHY = ("undo-fails", "hold", "past-pivot", "unanswered")


@dataclass(frozen=True, slots=True)
class Planted:
    """What a file in `holes/` says of itself."""

    code: str
    steps: tuple[str, ...]
    needs: tuple[str, ...]
    lint: tuple[str, ...]
    sentence: str


def planted(path: Path) -> Planted:
    """The hole of a file; AssertionError where its first lines are not as they have to be."""
    first, _, _ = path.read_text(encoding="utf-8").partition("\n\n")
    found = re.fullmatch(
        r"# hole: ([a-z-]+)\n# step: (.+)\n# needs: (.+)\n(?:# lint: (.+)\n)?((?:# .+(?:\n|$))+)",
        first,
    )
    assert found, f"{path.name} does not begin like a planted hole"
    code, steps, needs, lint, sentence = found.groups()
    wanted = () if needs == "nothing" else _words(needs)
    told = " ".join(line[2:] for line in sentence.splitlines())
    return Planted(code, _words(steps), wanted, _words(lint or ""), told)


def ambers(path: Path) -> tuple[tuple[str, str], ...]:
    """Why and at which step a sound definition rightly needs a person."""
    first, _, _ = path.read_text(encoding="utf-8").partition("\n\n")
    assert first.startswith("# sound\n"), f"{path.name} does not begin like a sound definition"
    return tuple(re.findall(r"^# amber: ([a-z-]+) at (\S+)$", first, re.MULTILINE))


def definition(path: Path) -> tuple[Saga, list[Problem]]:
    """The saga of a file, well formed whatever else is wrong with it, and what lint tells."""
    saga, problems = check_definition(path)
    assert saga is not None, problems
    return saga, problems


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
