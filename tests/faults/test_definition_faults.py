"""Faults of definitions and inputs (catalogue Y): what would fetch, hang, or be misread."""

import copy
import json
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from conftest import SAGAS

from sagactl.definition.loader import load
from sagactl.definition.schema import check_input
from sagactl.source.node import plain
from sagactl.source.place import Source
from sagactl.source.problem import Severity
from sagactl.source.reader import read


class Canary(HTTPServer):
    """Counts whoever comes by."""

    hits = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/schema.json"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Canary)
        self.server.hits += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"true")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def canary() -> Iterator[Canary]:
    with Canary(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def errors_of(schema: object) -> list[str]:
    text = json.dumps({"saga": "x", "input": schema, "steps": [STEP]})
    return [p.code for p in load(Source("x.yaml", text))[1] if p.severity is Severity.ERROR]


STEP = {"name": "a", "action": "GET http://h/", "compensation": "none"}


@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$schema", "$id"])
def test_Y9_loading_a_definition_fetches_nothing(canary: Canary, keyword: str) -> None:
    schema = {"properties": {"a": {keyword: canary.url}}, "examples": [{"a": 1}]}
    assert errors_of(schema)
    assert canary.hits == 0


def test_Y9_checking_an_input_fetches_nothing_even_if_the_schema_was_never_checked(
    canary: Canary,
) -> None:
    with pytest.raises(Exception, match=r"127\.0\.0\.1|Unresolvable"):
        check_input({"$ref": canary.url}, {})
    assert canary.hits == 0


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(.*,){20}x"])
def test_Y10_a_pattern_that_hangs_other_engines_is_answered(pattern: str) -> None:
    schema = {"properties": {"b": {"pattern": pattern}}, "patternProperties": {pattern: False}}
    assert [p.path for p in check_input(schema, {"b": "a" * 2000 + "!"})] == [("b",)]
    assert check_input(schema, {"a" * 2000 + "!": 1}) == []
    assert errors_of(schema) == []


def test_Y10_a_text_too_long_for_its_pattern_is_a_problem_and_not_a_wait() -> None:
    schema = {"pattern": "^((a?){1000}){1000}$"}
    (problem,) = check_input(schema, "a" * 10_000)
    assert problem.message == "would take too long to hold against its schema"


def test_Y11_a_reference_to_itself_is_told_and_ends() -> None:
    for schema in ({"$ref": "#"}, {"allOf": [{"$ref": "#"}]}, {"not": {"$ref": "#"}}):
        assert errors_of(schema) == ["recursive-ref"]
        assert len(check_input(schema, {})) == 1


def test_Y11_references_that_double_at_every_level_end() -> None:
    level = {f"l{n}": {"anyOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 2} for n in range(60)}
    schema = {"$ref": "#/$defs/l0", "$defs": {**level, "l60": {"type": "string"}}}
    assert errors_of(schema) == []
    (problem,) = check_input(schema, 5)
    assert problem.message == "would take too long to hold against its schema"


def test_Y11_unique_items_are_told_in_time_that_grows_with_the_list() -> None:
    items = [{"sku": n, "more": {"a": [n]}} for n in range(30_000)]
    assert check_input({"uniqueItems": True}, items) == []
    assert len(check_input({"uniqueItems": True}, [*items, items[0]])) == 1


def test_Y11_an_honest_schema_for_a_long_list_is_not_taken_for_a_bomb() -> None:
    line = {"type": "object", "properties": {"sku": {"$ref": "#/$defs/sku"}}}
    schema = {
        "items": {"allOf": [{"$ref": "#/$defs/line"}]},
        "$defs": {"line": line, "sku": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
    }
    assert check_input(schema, [{"sku": n} for n in range(3000)]) == []


@pytest.mark.parametrize("name", [True, 1, 1.5, None, ()])
def test_Y12_a_name_that_is_no_text_is_told(name: object) -> None:
    value: Any = {"a": [{name: 1}]}
    (problem,) = check_input({"patternProperties": {"^a": {}}}, value)
    assert problem.path == ("a", 0)
    assert "a name that is not a text" in problem.message


def test_Y12_keys_of_a_yaml_schema_are_texts_or_told() -> None:
    text = "saga: x\ninput: {patternProperties: {1: {}, true: {}}}\nsteps: [{name: a}]\n"
    codes = [p.code for p in load(Source("x.yaml", text))[1]]
    assert codes.count("key-not-text") == 2


@pytest.mark.parametrize("cents", range(0, 100_000, 997))
def test_Y13_every_amount_in_cents_is_a_multiple_of_a_cent(cents: int) -> None:
    assert check_input({"multipleOf": 0.01}, cents / 100) == []
    assert check_input({"multipleOf": 0.01}, float(f"{cents / 100:.2f}5")) != []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_Y6_no_bound_lets_a_number_through_that_is_none(value: float) -> None:
    schema = {"type": "number", "minimum": 0, "maximum": 10}
    assert len(check_input(schema, value)) == 1
    assert check_input({}, {"a": [value]})[0].path == ("a", 0)


ODD: list[Any] = [
    None, True, 0, -1, 1.5, 10**17, "", " ", "none", "key", "2xx", "${{ ", "${{ input.x }}",
    "$${{", "10s", "GET /", "PUT", "a\nb", "😀", "x" * 300, [], [[]], [None], {}, {"": ""},
    {"request": None}, {"a": {"b": []}}, ["2xx", "${{ x }}"], {"$ref": "#"},
]  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a value that can hold something else."""
    found: list[tuple[Any, Any]] = []
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        found.append((value, key))
        if isinstance(value[key], dict | list):
            found.extend(places(value[key]))
    return found


def broken(value: Any, rng: random.Random) -> Any:
    value = copy.deepcopy(value)
    for _ in range(rng.randint(1, 4)):
        holder, key = rng.choice(places(value))
        match rng.randrange(4):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[rng.choice(["acton", "for_each", "", "retry", "needs", "é"])] = holder[key]
            case _:
                holder[key] = rng.choice(ODD)
        if not value:
            break
    return value


def check_one(seed: int) -> None:
    rng = random.Random(seed)
    file = rng.choice(SAGAS)
    node, _ = read(Source(file.name, file.read_text(encoding="utf-8")))
    assert node is not None
    source = Source("x.yaml", json.dumps(broken(plain(node), rng), indent=1, ensure_ascii=False))
    saga, problems = load(source, lambda name: Source(name, "saga: other\nsteps: []\n"))
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    assert (saga is None) == bool(errors), seed
    lines = source.text.count("\n") + 1
    for problem in problems:
        assert 1 <= problem.place.line <= lines, seed
        assert problem.place.column >= 1, seed
        assert problem.code, seed
        assert problem.message.isprintable(), seed


@pytest.mark.parametrize("seed", range(0, 300, 10))
def test_Y_any_broken_definition_is_told_with_a_place_and_never_crashes(seed: int) -> None:
    for number in range(seed, seed + 10):
        check_one(number)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10_000, 40_000, 1000))
def test_Y_thirty_thousand_broken_definitions_are_told(
    seed: int, pytestconfig: pytest.Config
) -> None:
    if "long" not in str(pytestconfig.getoption("markexpr")):
        pytest.skip("takes minutes: pytest -m long")
    for number in range(seed, seed + 1000):
        check_one(number)
