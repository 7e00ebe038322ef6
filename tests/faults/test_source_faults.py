"""Rows Y1 to Y7 and Y12 of the catalogue of faults: hostile text, refused with a place."""

import subprocess
import sys

import pytest

from sagactl.source.place import Source
from sagactl.source.problem import Problem
from sagactl.source.reader import MAX_DEPTH, read


def problems(text: str) -> list[Problem]:
    return read(Source("t.yaml", text))[1]


def test_Y1_a_duplicate_key_is_refused_with_both_lines() -> None:
    (problem,) = problems("a: 1\nb:\n  x: 1\n  x: 2\n")
    assert problem.code == "duplicate-key"
    assert problem.place.line == 4
    assert problem.related[0].place.line == 3


@pytest.mark.parametrize("scalar", ["on", "012", "1:30", "1_000", "190:20:30", "=", "2024-13-01"])
def test_Y2_scalars_that_readers_disagree_about_are_refused(scalar: str) -> None:
    assert [problem.code for problem in problems(f"k: {scalar}")] == ["yaml-trap"]


def test_Y3_aliases_are_refused_before_they_grow() -> None:
    levels = ["a0: &a0 [x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    codes = {problem.code for problem in problems("\n".join(levels))}
    assert codes == {"yaml-alias"}
    assert problems("a: &a [*a]")[0].code == "yaml-alias"
    assert {problem.code for problem in problems("a: 1\nb: {<<: {c: 1}}")} == {"yaml-trap"}


@pytest.mark.parametrize("text", ["[" * 50_000, "[" * 50_000 + "]" * 50_000, "- " * 100_000])
def test_Y4_depth_is_refused_before_a_parser_crashes(text: str) -> None:
    program = (
        "import sys; from sagactl.source.place import Source; from sagactl.source.reader import read;"
        "print([p.code for p in read(Source('t', sys.stdin.read()))[1]])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=text, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done
    assert done.stdout == "['nested-too-deep']\n"


def test_Y4_the_limit_itself_is_allowed() -> None:
    assert problems("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []


def test_Y5_too_many_nodes_are_refused() -> None:
    assert problems("[" + "1," * 200_000 + "1]")[-1].code == "file-too-large"


@pytest.mark.parametrize("number", ["9" * 5000, "1e999", ".nan", "-.inf"])
def test_Y6_numbers_that_json_cannot_hold_are_refused(number: str) -> None:
    assert [problem.code for problem in problems(f"k: {number}")] == ["yaml-trap"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: !!python/object/apply:os.system [x]", "yaml-tag"),
        ("a: !!binary aGk=", "yaml-tag"),
        ("a: !!set {x}", "yaml-tag"),
        ("a: !mine 1", "yaml-tag"),
        ("a: 1\n---\nb: 2\n", "several-documents"),
        ("", "empty-file"),
        ("# only a comment\n", "empty-file"),
        ("\ta: 1", "yaml-syntax"),
        ("a: \x00", "control-character"),
        ("a: \x1b[31m", "control-character"),
        ("\ufeffa: 1", "control-character"),
    ],
)
def test_Y7_tags_documents_and_odd_characters_are_refused(text: str, code: str) -> None:
    (problem, *_) = problems(text)
    assert problem.code == code
    assert problem.place.line >= 1


def test_Y8_characters_that_cannot_be_seen_are_refused_in_keys() -> None:
    assert [p.code for p in problems('"sa\u202ega": 1')] == ["invisible-character"]
    assert [p.code for p in problems('"sa\u200bga": 1')] == ["invisible-character"]


@pytest.mark.parametrize("key", ["1", "true", "null", "1.5", "[a]", "{a: 1}"])
def test_Y12_keys_are_texts(key: str) -> None:
    assert "key-not-text" in [problem.code for problem in problems(f"? {key}\n: 1\n")]
