"""Rehearsals as JSON values for programs: keys are only ever added."""

from collections.abc import Iterable, Sequence

from sagactl.machine.rehearsed import Branch, Cell, Coverage, Finding, Rehearsed, Struck
from sagactl.source.node import Json
from sagactl.views.rehearsal_words import verdict


def rehearsal_document(rehearsed: Sequence[Rehearsed]) -> list[Json]:
    """One object for each definition."""
    return [_definition(one) for one in rehearsed]


def cell_document(rehearsed: Sequence[Rehearsed], asked: Struck) -> list[Json]:
    """A cell of each of the definitions that have its step."""
    return [
        {"path": one.name, "saga": one.saga, **_cell(cell)}
        for one in rehearsed
        for cell in one.cells
        if (cell.step, cell.trouble) == (asked.step, asked.trouble)
    ]


def _definition(one: Rehearsed) -> dict[str, Json]:
    return {
        "path": one.name,
        "saga": one.saga,
        "judgement": str(one.judgement),
        "is_whole": one.is_whole,
        "verdict": verdict(one),
        "depth": one.depth,
        "states": one.states,
        "schedules": one.schedules,
        "seconds": round(one.seconds, 3),
        "variants": list(one.variants),
        "steps": list(one.steps),
        "cells": [_cell(cell) for cell in one.cells],
        "findings": [_finding(found) for found in one.findings],
        "coverage": _coverage(one.coverage),
    }


def _cell(cell: Cell) -> dict[str, Json]:
    return {
        "step": cell.step,
        "trouble": str(cell.trouble),
        "judgement": None if cell.judgement is None else str(cell.judgement),
        "findings": [_finding(found) for found in cell.findings],
        "story": list(cell.story),
    }


def _finding(found: Finding) -> dict[str, Json]:
    return {
        "judgement": str(found.judgement),
        "code": found.code,
        "step": found.step,
        "message": found.message,
        "advice": found.advice or None,
        "struck": [_struck(struck) for struck in found.struck],
        "story": list(found.story),
    }


def _struck(struck: Struck) -> dict[str, Json]:
    return {"step": struck.step, "trouble": str(struck.trouble)}


def _coverage(coverage: Coverage) -> dict[str, Json]:
    return {
        "walked": _arrows(coverage.walked),
        "unwalked": _arrows(coverage.unwalked),
        "branches": [_branch(branch) for branch in coverage.branches],
    }


def _arrows(arrows: Iterable[tuple[str, str, str]]) -> list[Json]:
    return [{"from": before, "event": event, "to": after} for before, event, after in arrows]


def _branch(branch: Branch) -> dict[str, Json]:
    return {"step": branch.step, "when": branch.text, "sides": list(branch.sides)}
