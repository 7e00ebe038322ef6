"""The schema of files of tests: valid, explained key by key, its examples true, its words ours."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import DEFINITIONS, ROOT, Cli
from definition.test_schema_file import AJV, ajv, filled
from jsonschema import Draft202012Validator
from referencing import Registry

from sagactl.definition.schema import TEST_NAME, schema_text
from sagactl.machine.moves import StepState
from sagactl.machine.state import SagaState
from sagactl.rehearsal.written.answering import SPOKEN
from sagactl.source.node import plain
from sagactl.source.place import Source
from sagactl.source.reader import read

__all__ = ["ajv"]

TEXT = schema_text(TEST_NAME)
SCHEMA = json.loads(TEXT)
DEFS = SCHEMA["$defs"]
FILES = sorted(DEFINITIONS.glob("*.test.yaml"))
GOOD = SCHEMA["examples"][0]


def parts() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of the language with the schema that holds for it."""
    for name, part in (("file", SCHEMA), *DEFS.items()):
        for key, below in part.get("properties", {}).items():
            yield f"{name}.{key}", below


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    return {**resolved(DEFS[part["$ref"].removeprefix("#/$defs/")]), **part}


def errors(part: dict[str, Any], value: object) -> list[str]:
    schema = {"$schema": SCHEMA["$schema"], "$defs": DEFS, **part}
    found = Draft202012Validator(schema, registry=Registry()).iter_errors(value)
    return [error.message for error in found]


def parsed(file: Path) -> Any:
    node, problems = read(Source(file.name, file.read_text(encoding="utf-8")))
    assert node is not None
    assert not problems
    return plain(node)


PARTS = [pytest.param(part, id=name) for name, part in parts()]


def test_the_schema_is_valid_json_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"].endswith(f"/v1/{TEST_NAME}")


@pytest.mark.parametrize("part", PARTS)
def test_every_key_has_a_title_a_description_and_examples(part: dict[str, Any]) -> None:
    whole = resolved(part)
    assert whole["title"]
    assert whole["description"].endswith(".")
    assert whole["examples"]


@pytest.mark.parametrize("part", PARTS)
def test_every_example_and_default_is_valid_itself(part: dict[str, Any]) -> None:
    whole = resolved(part)
    for value in [*whole["examples"], *([whole["default"]] if "default" in whole else [])]:
        assert errors(part, value) == []


def test_every_snippet_is_valid_once_it_is_filled_in() -> None:
    (snippet,) = DEFS["test"]["defaultSnippets"]
    own = {key: value for key, value in DEFS["test"].items() if key != "defaultSnippets"}
    assert errors(own, filled(snippet["body"])) == []


def test_no_part_but_the_user_areas_takes_an_unknown_key() -> None:
    named_by_users = {"env", "secrets", "answers"}
    for name, part in (("file", SCHEMA), *DEFS.items()):
        if "object" in part.get("type", ()) and name not in named_by_users:
            assert part["additionalProperties"] is False, name


def test_no_alternatives_that_an_editor_cannot_explain() -> None:
    assert '"oneOf"' not in TEXT
    assert '"anyOf"' not in TEXT


def test_the_words_of_the_schema_are_the_words_of_the_machine() -> None:
    assert set(DEFS["step"]["then"]["enum"]) == {str(state) for state in StepState}
    states = set(DEFS["expect"]["properties"]["state"]["enum"])
    assert states == {str(state) for state in SagaState} - {"abandoned"}


@pytest.mark.parametrize("word", SPOKEN)
def test_every_word_that_is_understood_fits_the_schema(word: str) -> None:
    for part in ("answer", "oneAnswer"):
        assert errors({"$ref": f"#/$defs/{part}"}, word) == []
        assert errors({"$ref": f"#/$defs/{part}"}, f"{word}y") != []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_files_of_tests_to_copy_fit_the_schema(file: Path) -> None:
    line = f"# yaml-language-server: $schema=../schema/{TEST_NAME}"
    assert file.read_text(encoding="utf-8").splitlines()[0] == line
    assert errors(SCHEMA, parsed(file)) == []


@pytest.mark.peer
def test_ajv_reads_the_schema_and_judges_as_we_do(ajv: Path) -> None:
    good = [*map(parsed, FILES), *SCHEMA["examples"]]
    (test,) = GOOD["tests"]
    bad: list[Any] = [{**GOOD, "test": []}, {"tests": []}, {}, 5]
    bad += [{"tests": [{**test, "answers": {"a": word}}]} for word in (99, "timout", [], {}, "4xx")]
    bad += [{"tests": [{**test, "expect": e}]} for e in ({}, {"state": "abandoned"}, {"left": "a"})]
    bad += [{"tests": [{**test, "crash": word}]} for word in ("a", "during a", [])]
    done = subprocess.run(
        ["node", "-e", AJV], cwd=ajv, input=json.dumps([SCHEMA, good + bad]),
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert json.loads(done.stdout) == [True] * len(good) + [False] * len(bad)
    assert [errors(SCHEMA, value) == [] for value in good + bad] == json.loads(done.stdout)


def test_the_schema_is_printed(cli: Cli) -> None:
    assert cli("schema", "--test").out == TEXT
    assert cli("schema").json["title"] == "Saga"


def test_the_schema_is_one_file_in_a_checkout() -> None:
    assert (ROOT / "schema" / TEST_NAME).read_text(encoding="utf-8") == TEXT
