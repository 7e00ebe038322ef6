"""Rehearsals as JUnit XML: each definition a suite, each trouble that can befall a step a test.

A hole is a test that failed, with its story. Where a person is rightly needed the test passed, and
says so in its output. That every state was walked is a test of its own: without it nothing is
proven. A trouble that cannot befall a step is no test.
"""

from collections.abc import Iterator, Sequence

from sagactl.machine.rehearsed import Cell, Finding, Judgement, Rehearsed
from sagactl.views.junit import Case, Fault, Suite
from sagactl.views.rehearsal_words import MEANING, holes, said_struck, verdict

WHOLE = "every state was walked"


def rehearsal_suites(rehearsed: Sequence[Rehearsed]) -> list[Suite]:
    """A suite for each definition."""
    return [Suite(one.name, tuple(_cases(one)), seconds=one.seconds) for one in rehearsed]


def _cases(one: Rehearsed) -> Iterator[Case]:
    fault = None if one.is_whole else Fault("failure", "not-proven", verdict(one))
    yield Case(WHOLE, fault)
    shown: set[tuple[str, str]] = set()
    for cell in one.cells:
        if cell.judgement is not None:
            shown.update((found.code, found.step) for found in cell.findings)
            yield _case(cell)
    # What nothing has to go wrong for may have its part in no cell.
    for found in holes(one):
        if (found.code, found.step) not in shown:
            yield Case(f"{found.step}: {found.code}", _failure((found,)))


def _case(cell: Cell) -> Case:
    name = f"{cell.step}.{cell.trouble}"
    if cell.judgement is Judgement.HOLE:
        return Case(name, _failure(cell.findings))
    return Case(name, output=tuple(_lines(cell.findings)))


def _failure(findings: tuple[Finding, ...]) -> Fault:
    if not findings:
        return Fault("failure", "hole", MEANING[Judgement.HOLE])
    return Fault("failure", findings[0].code, findings[0].message, tuple(_lines(findings)))


def _lines(findings: tuple[Finding, ...]) -> Iterator[str]:
    for found in findings:
        yield f"{MEANING[found.judgement]}: {found.message} [{found.code}]"
        yield f"troubles: {said_struck(found.struck)}"
        yield from (f"{number}. {line}" for number, line in enumerate(found.story, 1))
        if found.advice:
            yield f"help: {found.advice}"
