"""What a rehearsal walked, as text: the arrows of the machine, and the sides of each `when`."""

from collections.abc import Iterable, Iterator, Sequence

from sagactl.machine.rehearsed import Branch, Rehearsed
from sagactl.views.carets import visible
from sagactl.views.glyph import styled
from sagactl.views.rehearsal_words import counted

Arrow = tuple[str, str, str]


def coverage_lines(rehearsed: Sequence[Rehearsed], *, colour: bool) -> list[str]:
    """For each definition what was walked, what was not, and with which inputs."""
    lines: list[str] = []
    for one in rehearsed:
        head = styled(visible(one.saga), "bold", colour=colour)
        lines += [f"{head}  {visible(one.name)}", *_of(one, colour), ""]
    return lines[:-1]


def arrows_walked(one: Rehearsed) -> str:
    """How many of the machine's arrows were walked."""
    walked = len(one.coverage.walked)
    return f"{walked} of {counted(walked + len(one.coverage.unwalked), 'arrow')} of the machine"


def sides_walked(one: Rehearsed) -> str:
    """How many sides of the `when`s were walked."""
    branches = one.coverage.branches
    walked = sum(len(set(branch.sides)) for branch in branches)
    return f"{walked} of {counted(2 * len(branches), 'side')} of when"


def _of(one: Rehearsed, colour: bool) -> Iterator[str]:
    coverage = one.coverage
    yield f"  {arrows_walked(one)} walked"
    yield from _arrows(coverage.walked, styled("+", "green", colour=colour))
    if coverage.unwalked:
        # With every pair of troubles walked, what was not met needs a word that is not there.
        is_all = one.is_whole and one.depth > 1
        yield "  not walked, for nothing here leads there:" if is_all else "  not walked:"
        yield from _arrows(coverage.unwalked, styled("-", "yellow", colour=colour))
    if coverage.branches:
        yield f"  {sides_walked(one)} walked"
        yield from (_branch(branch, colour) for branch in coverage.branches)
    if one.variants:
        yield "  walked with"
        yield from (f"    {visible(variant)}" for variant in one.variants)


def _arrows(arrows: Iterable[Arrow], mark: str) -> Iterator[str]:
    """One line for each pair of states, with the events that lead from the one to the other."""
    between: dict[tuple[str, str], list[str]] = {}
    for before, event, after in arrows:
        between.setdefault((before, after), []).append(event)
    width = max((len(before) for before, _ in between), default=0)
    after_width = max((len(after) for _, after in between), default=0)
    for (before, after), events in between.items():
        said = f"{before:<{width}} → {after:<{after_width}}  {', '.join(events)}"
        yield f"    {mark} {visible(said)}"


def _branch(branch: Branch, colour: bool) -> str:
    missing = [str(side).lower() for side in (True, False) if side not in branch.sides]
    mark = styled("-", "yellow", colour=colour) if missing else styled("+", "green", colour=colour)
    never = f"  (never {' and never '.join(missing)})" if missing else ""
    return f"    {mark} {visible(f'{branch.step}  {branch.text}')}{never}"
