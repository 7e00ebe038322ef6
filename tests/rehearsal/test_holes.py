"""Every planted hole is found by its shortest story, and no sound definition is accused."""

from pathlib import Path

import pytest
from rehearsal.corpus import HOLES, SOUND, ambers, definition, planted

from sagactl.machine.rehearsed import Finding, Judgement, Rehearsed
from sagactl.machine.request import path_as_written

proof = pytest.importorskip("sagactl.rehearsal.proof.rehearse")

each_hole = pytest.mark.parametrize("path", HOLES, ids=lambda path: path.stem)
# Four branches side by side take half a minute, three of them are in every run.
AT_LENGTH = ("wide",)
each_sound = pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.long] if path.stem in AT_LENGTH else [])
        for path in SOUND
    ],
    ids=lambda path: path.stem,
)


def rehearsed(path: Path) -> Rehearsed:
    saga, _ = definition(path)
    told: Rehearsed = proof.rehearse(saga, path.name)
    return told


def holes(told: Rehearsed) -> list[Finding]:
    return [finding for finding in told.findings if finding.judgement is Judgement.HOLE]


def shown(findings: list[Finding]) -> str:
    return "\n".join(
        f"{finding.code} at {finding.step} ({', '.join(map(str, finding.struck)) or 'nothing'}): "
        f"{finding.message}"
        for finding in findings
    )


@each_hole
def test_a_planted_hole_is_found_by_its_shortest_story(path: Path) -> None:
    hole, told = planted(path), rehearsed(path)
    found = [
        finding
        for finding in holes(told)
        if finding.code == hole.code and path_as_written(finding.step) in hole.steps
    ]
    assert found, f"{path.stem}: {hole}, but told is:\n{shown(holes(told))}"
    shortest = min(found, key=lambda finding: len(finding.struck))
    assert len(shortest.struck) <= len(hole.needs), shown(found)
    assert shortest.message
    assert shortest.story
    assert told.judgement is Judgement.HOLE


@each_sound
def test_a_sound_definition_is_accused_of_nothing(path: Path) -> None:
    told = rehearsed(path)
    assert not holes(told), shown(holes(told))
    assert told.is_whole
    stuck = {path_as_written(f.step) for f in told.findings if f.judgement is Judgement.STUCK}
    assert {step for _, step in ambers(path)} <= stuck, shown(list(told.findings))
