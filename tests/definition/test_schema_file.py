"""The schema file itself: valid, explained key by key, and its examples true."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SAGAS
from jsonschema import Draft202012Validator
from referencing import Registry

from sagactl.definition import asking
from sagactl.definition.duration import parse_duration, parse_pause, parse_size
from sagactl.definition.model import ACTION_RETRY, COMPENSATION_RETRY
from sagactl.definition.schema import schema_text
from sagactl.source.node import plain
from sagactl.source.place import Source
from sagactl.source.reader import read

SCHEMA = json.loads(schema_text())
DEFS = SCHEMA["$defs"]


def parts() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of the language with the schema that holds for it."""
    for name, part in (("saga", SCHEMA), *DEFS.items()):
        for key, below in part.get("properties", {}).items():
            yield f"{name}.{key}", below


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """A schema with what its reference says, its own words first."""
    if "$ref" not in part:
        return part
    return {**resolved(DEFS[part["$ref"].removeprefix("#/$defs/")]), **part}


def errors(part: dict[str, Any], value: object) -> list[str]:
    schema = {"$schema": SCHEMA["$schema"], "$defs": DEFS, **part}
    found = Draft202012Validator(schema, registry=Registry()).iter_errors(value)
    return [error.message for error in found]


PARTS = [pytest.param(part, id=name) for name, part in parts()]


def test_the_schema_is_valid_json_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "/v1/" in SCHEMA["$id"]


@pytest.mark.parametrize("part", PARTS)
def test_every_key_has_a_title_a_description_and_examples(part: dict[str, Any]) -> None:
    whole = resolved(part)
    assert whole["title"]
    assert whole["description"].endswith((".", "}}"))
    assert whole["examples"]


@pytest.mark.parametrize("part", PARTS)
def test_every_example_and_default_is_valid_itself(part: dict[str, Any]) -> None:
    whole = resolved(part)
    for value in [*whole["examples"], *([whole["default"]] if "default" in whole else [])]:
        assert errors(part, value) == []


def test_every_snippet_is_valid_once_it_is_filled_in() -> None:
    found = 0
    for part in (SCHEMA["properties"]["input"], *DEFS.values()):
        for snippet in part.get("defaultSnippets", []):
            found += 1
            own = {key: value for key, value in part.items() if key != "defaultSnippets"}
            assert errors(own, filled(snippet["body"])) == [], snippet["label"]
    assert found >= 6


def filled(body: Any) -> Any:
    """A snippet as an editor would insert it, every placeholder left as it is."""
    if isinstance(body, dict):
        return {filled(key): filled(value) for key, value in body.items()}
    if isinstance(body, list):
        return [filled(item) for item in body]
    if not isinstance(body, str):
        return body
    text = re.sub(r"(?<!\\)\$\{\d+(?::((?:\\.|[^}\\])*))?\}", lambda m: m.group(1) or "", body)
    text = re.sub(r"\\([$}\\])", r"\1", text)
    assert text.count("${{") == text.count("}}")
    return text


def test_no_part_but_the_user_areas_takes_an_unknown_key() -> None:
    open_on_purpose = {"headers", "path", "query", "form", "services"}
    for name, part in (("saga", SCHEMA), *DEFS.items()):
        if "object" in part.get("type", ()) and name not in open_on_purpose:
            assert part["additionalProperties"] is False, name


def test_no_alternatives_that_an_editor_cannot_explain() -> None:
    assert '"oneOf"' not in schema_text()
    assert '"anyOf"' not in schema_text()
    assert "unevaluatedProperties" not in schema_text()


def test_the_defaults_an_editor_shows_are_the_defaults_there_are() -> None:
    request = DEFS["action"]["properties"]
    assert parse_duration(resolved(request["timeout"])["default"]) == asking.TIMEOUT_S
    assert parse_size(resolved(request["max_reply"])["default"]) == asking.MAX_REPLY_BYTES
    ttl = DEFS["idempotency"]["properties"]["ttl"]["default"]
    assert parse_duration(ttl) == asking.KEY_TTL_S
    fields = DEFS["retry"]["properties"]
    usual = {name: field["default"] for name, field in fields.items()}
    assert (
        usual["max_attempts"],
        parse_duration(usual["initial_interval"]),
        usual["multiplier"],
        parse_duration(usual["max_interval"]),
    ) == (
        ACTION_RETRY.max_attempts,
        ACTION_RETRY.initial_interval_s,
        ACTION_RETRY.multiplier,
        ACTION_RETRY.max_interval_s,
    )
    undo = DEFS["compensationDefaults"]["properties"]["retry"]["default"]
    assert (undo["max_attempts"], parse_duration(undo["initial_interval"])) == (
        COMPENSATION_RETRY.max_attempts,
        COMPENSATION_RETRY.initial_interval_s,
    )
    assert parse_duration(undo["max_interval"]) == COMPENSATION_RETRY.max_interval_s


@pytest.mark.parametrize(
    "text",
    ["200ms", "10s", "15m", "24h", "2d", "1h30m", "PT5M", "P1DT2H", "1.5s", "1d2h3m4s5ms", "5ms",
     "0s", "1h0m", "m", "5", "1m1h", "PT", "P", "P1", "1hs", "1s1s", "PT5M1H", "", "5M", "٣s"],
)  # fmt: skip
def test_the_schema_and_the_reader_agree_what_a_duration_is(text: str) -> None:
    assert (parse_duration(text) is not None) == (errors({"$ref": "#/$defs/duration"}, text) == [])
    assert (parse_pause(text) is not None) == (errors({"$ref": "#/$defs/pause"}, text) == [])


def test_the_definitions_to_copy_fit_the_schema() -> None:
    for file in SAGAS:
        text = file.read_text(encoding="utf-8")
        line = "# yaml-language-server: $schema=../schema/saga.schema.json"
        assert text.splitlines()[0] == line
        node, problems = read(Source(file.name, text))
        assert node is not None
        assert not problems
        assert errors(SCHEMA, plain(node)) == []


@pytest.fixture(scope="session")
def ajv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the validator that editors and most other tools use."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not here")
    folder = tmp_path_factory.mktemp("ajv")
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "ajv@8"],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"ajv cannot be installed: {done.stderr[-200:]}")
    return folder


AJV = """
const Ajv = require("ajv/dist/2020").default;
const [schema, cases] = JSON.parse(require("fs").readFileSync(0));
const ajv = new Ajv({strict: true, strictTypes: false, strictRequired: false, allErrors: true});
ajv.addVocabulary(["defaultSnippets", "errorMessage", "typeMessage", "markdownDescription",
                   "markdownEnumDescriptions"]);
const validate = ajv.compile(schema);
console.log(JSON.stringify(cases.map((value) => validate(value))));
"""


@pytest.mark.peer
def test_ajv_reads_the_schema_and_judges_as_we_do(ajv: Path) -> None:
    good = [plain(node) for file in SAGAS if (node := parsed(file))]
    good += SCHEMA["examples"]
    bad = [{**good[0], "acton": 1}, {**good[0], "saga": "Order"}, {"saga": "x"}, 5]
    bad += [{**good[0], "timeout": value} for value in ("5", 5, "1m1h", "0s")]
    step = {"name": "a", "action": {"request": "GET /", "idempotency": "yes"}}
    bad += [{**good[0], "steps": [step]}, {**good[0], "steps": []}]
    # Whatever else there is to judge, services' documents among it.
    cases = [
        plain(node)
        for file in sorted((ROOT / "tests/cases/lint").glob("*/*.yaml"))
        if (node := parsed(file))
    ]
    done = subprocess.run(
        ["node", "-e", AJV], cwd=ajv, input=json.dumps([SCHEMA, good + bad + cases]),
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    judged = json.loads(done.stdout)
    assert judged[: len(good + bad)] == [True] * len(good) + [False] * len(bad)
    assert [errors(SCHEMA, value) == [] for value in good + bad + cases] == judged
    assert len(set(judged[len(good + bad) :])) == 2


def parsed(file: Path) -> Any:
    return read(Source(file.name, file.read_text(encoding="utf-8")))[0]


def test_the_schema_is_one_file_in_a_checkout() -> None:
    assert schema_text() == (ROOT / "schema/saga.schema.json").read_text(encoding="utf-8")
    assert not list((ROOT / "sagactl").rglob("*.schema.json"))
