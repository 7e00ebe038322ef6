"""Rehearsals as one page for a browser, which needs nothing besides itself.

It has no script, and its policy lets none run; it fetches nothing, and whatever comes from outside
is text. A cell of the matrix leads to its story, by mouse or by keyboard, and so does an address
that ends in the story's name. The text is ASCII, so that it is the same in every encoding.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from sagactl.machine.rehearsed import (
    TROUBLES,
    Branch,
    Cell,
    Finding,
    Judgement,
    Rehearsed,
    Trouble,
)
from sagactl.views.carets import visible
from sagactl.views.page_style import PAGE_STYLE
from sagactl.views.rehearsal_coverage import arrows_walked, sides_walked
from sagactl.views.rehearsal_words import (
    GROUPS,
    MARKS,
    meaning_of,
    overall,
    said_seconds,
    said_struck,
    totals,
    verdict,
    verdict_mark,
)

NONE = "none"  # the class of a cell that cannot befall


def rehearsal_page(rehearsed: Sequence[Rehearsed]) -> str:
    """The whole page; it ends with a line break."""
    single = len(rehearsed) == 1
    about = rehearsed[0].saga if single else overall(rehearsed)
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>Rehearsal of {_text(about)}</title>",
        f"<style>{PAGE_STYLE}</style>",
        "</head>",
        "<body>",
        "<main>",
        "<h1>Rehearsal</h1>" if single else f"<h1>Rehearsal of {_text(about)}</h1>",
        '<p class="quiet">Every schedule of troubles and crashes, walked without a network.</p>',
    ]
    if not single:
        lines.extend(_index(rehearsed))
    for number, one in enumerate(rehearsed):
        lines.extend(_definition(one, f"d{number}"))
    lines += ["<footer>Rehearsed by sagactl.</footer>", "</main>", "</body>", "</html>", ""]
    return "\n".join(lines).encode("ascii", "xmlcharrefreplace").decode("ascii")


def _policy() -> str:
    # Only the style as it stands here: one that text smuggled in would have another digest.
    digest = base64.b64encode(hashlib.sha256(PAGE_STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _index(rehearsed: Sequence[Rehearsed]) -> Iterator[str]:
    yield '<nav class="card index" aria-label="definitions"><table class="list">'
    heads = '<th class="number">steps</th><th class="number">states</th>'
    heads += '<th class="number">schedules</th><th class="number">time</th>'
    yield f"<thead><tr><th>definition</th><th>verdict</th>{heads}</tr></thead><tbody>"
    for number, one in enumerate(rehearsed):
        counts = (len(one.steps), one.states, one.schedules)
        numbers = (*(f"{count:,}" for count in counts), said_seconds(one.seconds))
        yield (
            f'<tr><td><a href="#d{number}">{_text(one.name)}</a></td>'
            f"<td>{_badge(verdict_mark(one), _short(one))}</td>"
            + "".join(f'<td class="number">{number}</td>' for number in numbers)
            + "</tr>"
        )
    yield "</tbody></table></nav>"


def _short(one: Rehearsed) -> str:
    return verdict(one).partition(":")[0].partition(",")[0]


def _definition(one: Rehearsed, id_: str) -> Iterator[str]:
    yield f'<section class="card" id="{id_}" aria-labelledby="{id_}h">'
    yield f'<div class="head"><h2 id="{id_}h">{_text(one.saga)}</h2>'
    yield f"{_badge(verdict_mark(one), _short(one))}</div>"
    yield f'<p class="path">{_text(one.name)}</p>'
    yield f'<ul class="totals">{_items(totals(one))}</ul>'
    yield from _matrix(one, id_)
    yield from _legend(one)
    yield f"<h3>{_text(verdict(one))}</h3>"
    yield from (_folded(found) for found in one.findings)
    yield from _coverage(one)
    yield "</section>"


def _matrix(one: Rehearsed, id_: str) -> Iterator[str]:
    gap = '<td class="gap"></td>'
    groups = gap.join(
        f'<th class="group" colspan="{len(troubles)}" scope="colgroup">{name}</th>'
        for name, troubles in GROUPS
    )
    heads = gap.join("".join(map(_head, troubles)) for _, troubles in GROUPS)
    yield '<div class="wide"><table class="matrix"><thead>'
    yield f'<tr><td></td>{groups}</tr><tr><td><span class="unseen">step</span></td>{heads}</tr>'
    yield "</thead><tbody>"
    cells = {(cell.step, cell.trouble): cell for cell in one.cells}
    for row, step in enumerate(one.steps):
        yield f'<tr><th scope="row">{_text(step)}</th>'
        for number, (_, troubles) in enumerate(GROUPS):
            yield gap if number else ""
            for trouble in troubles:
                cell = cells.get((step, trouble), Cell(step, trouble, None))
                yield _cell(cell, f"{id_}s{row}{trouble}", meaning_of(cell.judgement, one))
        yield "</tr>"
    yield "</tbody></table></div>"


def _head(trouble: Trouble) -> str:
    words = _text(TROUBLES[trouble])
    return f'<th class="trouble" scope="col" title="{words}"><span>{trouble}</span></th>'


def _cell(cell: Cell, id_: str, words: str) -> str:
    name, mark = _text(f"{cell.step}.{cell.trouble}"), MARKS[cell.judgement]
    told = f'{mark}<span class="unseen"> {words}</span>'
    if cell.judgement is None:
        return f'<td><span class="cell {NONE}" title="{name}: {words}">{told}</span></td>'
    return (
        f'<td><a class="cell {cell.judgement}" id="{id_}" href="#{id_}-story"'
        f' title="{name}: {words}">{told}</a>'
        f'<section class="story" id="{id_}-story" tabindex="-1" aria-label="{name}">'
        f'<header><h3><code>{name}</code></h3><a class="close" href="#{id_}">close</a></header>'
        f'<p class="quiet">{_text(TROUBLES[cell.trouble])}</p>'
        f"{_badge(cell.judgement, words)}{_cell_story(cell)}</section></td>"
    )


def _cell_story(cell: Cell) -> str:
    if cell.findings:
        return "".join(
            f'<div class="told"><h4>{_text(found.message)}</h4>{_told(found)}</div>'
            for found in cell.findings
        )
    if not cell.story:
        return ""
    story = f"<ol>{_items(cell.story)}</ol>"
    return f'<div class="told"><h4>one way in which it ends well</h4>{story}</div>'


def _legend(one: Rehearsed) -> Iterator[str]:
    yield '<ul class="legend">'
    for judgement, mark in MARKS.items():
        words = meaning_of(judgement, one)
        yield f'<li><span class="cell {judgement or NONE}">{mark}</span>{words}</li>'
    yield "<li>a cell leads to its story</li></ul>"


def _folded(found: Finding) -> str:
    is_open = " open" if found.judgement is Judgement.HOLE else ""
    mark = f'<b class="word-{found.judgement}">{MARKS[found.judgement]}</b>'
    return (
        f'<details class="finding of-{found.judgement}"{is_open}>'
        f"<summary>{mark} {_text(found.message)}</summary>"
        f'<div class="told">{_told(found)}</div></details>'
    )


def _told(found: Finding) -> str:
    facts = f"<code>{_text(found.code)}</code>; troubles: {_text(said_struck(found.struck))}"
    advice = f'<p class="advice">{_text(found.advice)}</p>' if found.advice else ""
    return f'<p class="facts">{facts}</p><ol>{_items(found.story)}</ol>{advice}'


def _coverage(one: Rehearsed) -> Iterator[str]:
    coverage = one.coverage
    said = arrows_walked(one) + (f", {sides_walked(one)}" if coverage.branches else "")
    yield '<details class="fold"><summary>Coverage'
    yield f'<span class="quiet"> &#183; {said}</span></summary>'
    if one.variants:
        yield f'<h4>Walked with</h4><ul class="plain">{_items(one.variants)}</ul>'
    if coverage.branches:
        yield '<h4>Both sides of when</h4><div class="wide"><table class="list"><thead>'
        yield "<tr><th>step</th><th>when</th><th>true</th><th>false</th></tr></thead><tbody>"
        yield from map(_branch, coverage.branches)
        yield "</tbody></table></div>"
    yield '<h4>Arrows of the machine</h4><div class="wide"><table class="list arrows">'
    yield "<thead><tr><th>state</th><th>event</th><th>state after</th><th></th></tr></thead><tbody>"
    yield from _arrows(coverage.unwalked, '<td class="word quiet">not walked</td>')
    yield from _arrows(coverage.walked, '<td class="word word-sound">walked</td>')
    yield "</tbody></table></div></details>"


def _branch(branch: Branch) -> str:
    sides = "".join(
        '<td class="word word-sound">walked</td>'
        if side in branch.sides
        else '<td class="word word-stuck">not walked</td>'
        for side in (True, False)
    )
    return (
        f"<tr><td><code>{_text(branch.step)}</code></td>"
        f"<td><code>{_text(branch.text)}</code></td>{sides}</tr>"
    )


def _arrows(arrows: Iterable[tuple[str, str, str]], word: str) -> Iterator[str]:
    for arrow in arrows:
        yield f"<tr>{''.join(f'<td>{_text(part)}</td>' for part in arrow)}{word}</tr>"


def _badge(judgement: Judgement, words: str) -> str:
    return f'<span class="badge {judgement}">{MARKS[judgement]} {_text(words)}</span>'


def _items(texts: Iterable[str]) -> str:
    return "".join(f"<li>{_text(text)}</li>" for text in texts)


def _text(text: str) -> str:
    """The text as text, wherever it stands on the page."""
    return escape(visible(text))
