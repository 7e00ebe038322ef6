"""Rehearsals as text for a terminal: the matrix of steps and troubles, and what was found.

Every line that says something of a cell does so by a mark, which its colour only repeats. Lines
keep to the width that is given, as long as no word is longer. A hole is told with its story, and
where a person is rightly needed there is a line that says how to see it.
"""

import textwrap
from collections.abc import Iterator, Sequence

from sagactl.machine.rehearsed import (
    TROUBLES,
    Cell,
    Finding,
    Judgement,
    Rehearsed,
    Struck,
)
from sagactl.views.carets import visible
from sagactl.views.glyph import styled
from sagactl.views.rehearsal_words import (
    GROUPS,
    MARKS,
    MEANING,
    STYLES,
    holes,
    meaning_of,
    overall,
    place_of,
    said_struck,
    totals,
    verdict,
    verdict_mark,
)

TOLD = 10  # holes with their stories
FOLDED = 40  # findings with a line each
NARROWEST = 60
# From the first mark of a row to the end of the last column's name.
MATRIX_WIDTH = 32
PAD = "  "
NO_BREAK = "\xa0"  # never in what is visible


def rehearsal_lines(rehearsed: Sequence[Rehearsed], *, colour: bool, width: int = 80) -> list[str]:
    """Each definition's matrix, its findings and its verdict, which is the last line."""
    lines: list[str] = []
    page = _Page(colour, max(width, NARROWEST))
    for one in rehearsed:
        lines += [*page.definition(one), ""]
    if len(rehearsed) != 1:
        lines.append(overall(rehearsed))
    return lines if len(rehearsed) != 1 else lines[:-1]


def cell_lines(
    rehearsed: Sequence[Rehearsed], asked: Struck, *, colour: bool, width: int = 80
) -> list[str]:
    """What was thought of a cell and why, for each of the definitions that have its step."""
    page = _Page(colour, max(width, NARROWEST))
    return [
        line
        for one in rehearsed
        for cell in one.cells
        if (cell.step, cell.trouble) == (asked.step, asked.trouble)
        for line in page.cell(one, cell)
    ]


class _Page:
    """Lines of one width, in colour or not."""

    def __init__(self, colour: bool, width: int) -> None:
        self._colour = colour
        self._width = width

    def definition(self, one: Rehearsed) -> Iterator[str]:
        yield f"{self._paint(visible(one.saga), 'bold')}  {visible(one.name)}"
        yield ""
        yield from self._matrix(one)
        yield ""
        yield self._legend(one)
        yield from self._wrapped(" · ".join(map(_whole, totals(one))), "", "")
        yield ""
        yield from self._findings(one)
        mark = verdict_mark(one)
        said = f"{MARKS[mark]} {visible(one.name)}: {verdict(one)}"
        for line in self._wrapped(said, "", PAD):
            yield self._paint(line, STYLES[mark])

    def cell(self, one: Rehearsed, cell: Cell) -> Iterator[str]:
        name = visible(f"{cell.step}.{cell.trouble}")
        yield self._paint(f"{name}  {visible(one.name)}", "bold")
        yield from self._wrapped(f"what befalls it: {TROUBLES[cell.trouble]}", PAD, PAD)
        judgement = cell.judgement
        words = meaning_of(judgement, one)
        words += " this step" if words == MEANING[None] else ""
        yield PAD + self._paint(f"{MARKS[judgement]} {words}", STYLES[judgement])
        for found in cell.findings:
            yield ""
            yield from self._told(found)
        if not cell.findings and cell.story:
            yield ""
            yield f"{PAD}one way in which it ends well:"
            yield from self._story(cell.story)

    def _matrix(self, one: Rehearsed) -> Iterator[str]:
        room = self._width - MATRIX_WIDTH - len(PAD) * 2
        names = {step: _fitted(visible(step), room) for step in one.steps}
        width = max(map(len, names.values()), default=0)
        above = " " * (width + len(PAD) * 2)
        for line in self._stairs():
            yield above + line
        cells = {(cell.step, cell.trouble): cell for cell in one.cells}
        for step in one.steps:
            row = "  ".join(
                " ".join(self._mark(cells.get((step, trouble))) for trouble in troubles)
                for _, troubles in GROUPS
            )
            yield f"{PAD}{names[step]:<{width}}{PAD}{row}"

    def _stairs(self) -> Iterator[str]:
        """The columns' names, each at the head of a leader that runs down to its column."""
        leaders = ""
        for _, troubles in GROUPS:
            for trouble in troubles:
                yield f"{self._paint(leaders + '┌', 'dim')} {trouble}"
                leaders += "│ "
            leaders += " "

    def _mark(self, cell: Cell | None) -> str:
        judgement = None if cell is None else cell.judgement
        return self._paint(MARKS[judgement], STYLES[judgement])

    def _legend(self, one: Rehearsed) -> str:
        parts = [f"{self._paint(MARKS[j], STYLES[j])} {meaning_of(j, one)}" for j in MEANING]
        return "  ".join(parts)

    def _findings(self, one: Rehearsed) -> Iterator[str]:
        told = holes(one)[:TOLD]
        folded = [found for found in one.findings if found not in told]
        for found in told:
            yield from self._told(found)
            yield ""
        for found in folded[:FOLDED]:
            yield from self._folded(found)
        if len(folded) > FOLDED:
            yield f"and {len(folded) - FOLDED:,} more: -o json tells all"
        if folded:
            yield ""

    def _folded(self, found: Finding) -> Iterator[str]:
        way = _whole(f"(--explain {visible(str(place_of(found)))})")
        yield from self._marked(found.judgement, f"{visible(found.message)} [{found.code}] {way}")

    def _told(self, found: Finding) -> Iterator[str]:
        yield from self._marked(found.judgement, f"{visible(found.message)} [{found.code}]")
        yield from self._labelled("troubles", said_struck(found.struck))
        yield from self._story(found.story)
        if found.advice:
            yield from self._labelled("help", found.advice)

    def _marked(self, judgement: Judgement, said: str) -> Iterator[str]:
        first, *rest = self._wrapped(f"{MARKS[judgement]} {said}", "", PAD)
        yield self._paint(first[:1], STYLES[judgement]) + first[1:]
        yield from rest

    def _labelled(self, label: str, text: str) -> Iterator[str]:
        pad = PAD + " " * (len(label) + 2)
        first, *rest = self._wrapped(f"{label}: {visible(text)}", PAD, pad)
        yield PAD + self._paint(label, "cyan") + first[len(PAD) + len(label) :]
        yield from rest

    def _story(self, story: tuple[str, ...]) -> Iterator[str]:
        digits = len(str(len(story)))
        for number, sentence in enumerate(story, 1):
            head = f"{PAD}{PAD}{number:>{digits}}. "
            yield from self._wrapped(visible(sentence), head, " " * len(head))

    def _wrapped(self, text: str, head: str, pad: str) -> list[str]:
        lines = textwrap.wrap(
            text,
            self._width,
            initial_indent=head,
            subsequent_indent=pad,
            break_long_words=False,
            break_on_hyphens=False,
        )
        return [line.replace(NO_BREAK, " ") for line in lines] or [head]

    def _paint(self, text: str, words: str) -> str:
        return styled(text, words, colour=self._colour)


def _whole(text: str) -> str:
    """The text as one word, which no line ends in."""
    return text.replace(" ", NO_BREAK)


def _fitted(name: str, room: int) -> str:
    """A name that leaves room for its row: both ends of it tell it from others."""
    if len(name) <= room:
        return name
    # Two dots, and no ellipsis: they are as wide where it cannot be drawn.
    tail = (room - 2) // 2
    return f"{name[: room - 2 - tail]}..{name[-tail:]}"
