"""Rehearsals as Markdown, for a review or the summary of a job.

Whatever comes from outside stands in code, spans or fences that it cannot end: there it is no
link, no picture, no mention and no tag.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from sagactl.machine.rehearsed import Cell, Finding, Judgement, Rehearsed
from sagactl.views.carets import visible
from sagactl.views.rehearsal_words import (
    GROUPS,
    MEANING,
    meaning_of,
    overall,
    said_struck,
    totals,
    verdict,
    verdict_mark,
)

# A symbol each, which is told apart without its colour.
SYMBOLS = {Judgement.SOUND: "✅", Judgement.STUCK: "⚠️", Judgement.HOLE: "❌", None: "·"}
COLUMNS = tuple(chain.from_iterable(troubles for _, troubles in GROUPS))


def rehearsal_markdown(rehearsed: Sequence[Rehearsed]) -> list[str]:
    """The lines of one document."""
    lines = [f"# Rehearsal of {overall(rehearsed)}", ""] if len(rehearsed) != 1 else []
    for one in rehearsed:
        lines.extend(_definition(one))
    return lines


def _definition(one: Rehearsed) -> Iterator[str]:
    yield f"## {SYMBOLS[verdict_mark(one)]} {_code(one.name)}: {verdict(one)}"
    yield ""
    yield " · ".join(totals(one))
    yield ""
    yield f"| step | {' | '.join(COLUMNS)} |"
    yield f"|---|{':-:|' * len(COLUMNS)}"
    cells = {(cell.step, cell.trouble): cell for cell in one.cells}
    for step in one.steps:
        row = " | ".join(_symbol(cells.get((step, trouble))) for trouble in COLUMNS)
        yield f"| {_code(step)} | {row} |"
    yield ""
    yield " · ".join(f"{symbol} {meaning_of(j, one)}" for j, symbol in SYMBOLS.items())
    yield ""
    for judgement, is_open in ((Judgement.HOLE, " open"), (Judgement.STUCK, "")):
        found = [finding for finding in one.findings if finding.judgement is judgement]
        if found:
            yield f"<details{is_open}><summary>{MEANING[judgement]}: {len(found):,}</summary>"
            yield ""
            yield from chain.from_iterable(map(_finding, found))
            yield "</details>"
            yield ""


def _symbol(cell: Cell | None) -> str:
    return SYMBOLS[None if cell is None else cell.judgement]


def _finding(found: Finding) -> Iterator[str]:
    lines = [
        f"{found.message} [{found.code}]",
        f"troubles: {said_struck(found.struck)}",
        *(f"  {number}. {sentence}" for number, sentence in enumerate(found.story, 1)),
        *([f"help: {found.advice}"] if found.advice else []),
    ]
    yield from _fenced(map(visible, lines))
    yield ""


def _fenced(lines: Iterable[str]) -> list[str]:
    lines = list(lines)
    fence = "`" * max(3, _longest_run("\n".join(lines)) + 1)
    return [f"{fence}text", *lines, fence]


def _code(text: str) -> str:
    text = visible(text)
    ticks = "`" * (_longest_run(text) + 1)
    pad = " " if "`" in text else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
