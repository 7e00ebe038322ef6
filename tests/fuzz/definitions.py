"""Definitions that are nearly right: made from the JSON Schema, then spoilt in what people get wrong.

A value is made by walking the schema, or taken from a real definition; then keys and values are
spoilt, then expressions, then it is written as YAML in one of several styles, and the text itself
is spoilt too. Every choice is hypothesis', so that what fails is made small.
"""

import copy
import json
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

ROOT = Path(__file__).parent.parent.parent
SCHEMA = json.loads((ROOT / "schema" / "saga.schema.json").read_text(encoding="utf-8"))
REAL = [
    yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "definitions").glob("*.yaml"))
    + sorted((ROOT / "tests" / "cases" / "lint").glob("*/*.yaml"))
]
Draw = Any

ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**17, "", " ", "none", "key", "2xx", "200", "${{", "}}", "${{ }}",
    "$${{ x }}", "10s", "0s", "999999999d", "GET /", "PUT", "a\nb", "a\r\nb", "\u2028", "😀", "é" * 70, "x" * 300,
    [], [[]], [None], {}, {"": ""}, {"request": None}, {"a": {"b": []}}, ["2xx", "${{ x }}"], {"$ref": "#"},
    {"saga": "./x.yaml"}, {"saga": "../y.yaml"}, {"sleep": "1s"}, "https://h/", "http://[", "#", "- a", "on", "0x1F",
]  # fmt: skip
WORDS = [
    "saga", "steps", "name", "action", "acton", "compensation", "compensations", "needs", "need", "service",
    "services", "url", "request", "json", "form", "body", "query", "headers", "retry", "timeout", "timeout_s",
    "idempotency", "success", "outcomes", "fail_when", "result", "lookup", "found", "on_unknown", "pivot", "when",
    "for_each", "max_parallel", "settle", "budget", "await", "wait_for", "auth", "openapi", "example", "input",
    "output", "type", "properties", "required", "pattern", "$ref", "$defs", "examples", "x-sensitive", "", "é",
    "a b", "on", "__proto__", "default", "enum", "anyOf", "id", "version", "description", "defaults",
]  # fmt: skip
TOKENS = [
    "input", "steps", ".", ".?", "[", "]", "(", ")", "{", "}", ":", ",", "?", "!", "-", "+", "*", "/", "%", "==",
    "!=", "<", "<=", "&&", "||", "in", "'", '"', "'a'", "0", "1.5", "9223372036854775808", "true", "null",
    "result", "response", "body", "status", "env.A", "secrets.B", "saga.id", "step.attempt", "item", "index",
    "has(", "size(", ".map(x, x", ".filter(", "now()", "\\", "\\u12", "=", "&", "é", " ", "order_id", "a", "b",
]  # fmt: skip
CHUNKS = [
    "\t", " ", "  ", "\n", "\r\n", "\r", "\x85", "\u2028", "\x00", "\ufeff", "\u202e", ":", ": ", " #", "# ", "- ", "? ",
    "&a ", "*a", "!x ", "!!str ", "---\n", "...\n", "%YAML 1.1\n", "{", "}", "[", "]", ",", "'", '"', "|\n", ">-\n",
    "<<: ", "${{", "}}", "${{ input.x }}", "~", "no", "012", "1:30", "1e999", "=", "\\", "@", "`", "\ud83d\ude00",
    " # sagactl: ignore[unused-input]", "# sagactl: ignore\n", " # sagactl: ignore[SG901, nix",
]  # fmt: skip


@st.composite
def definitions(draw: Draw) -> str:
    """The text of a definition that is nearly right."""
    if draw(st.booleans()):
        value: Any = copy.deepcopy(draw(st.sampled_from(REAL)))
    else:
        value = _made(draw, SCHEMA, 0)
        _join_up(draw, value)
    for _ in range(draw(st.sampled_from([0, 1, 1, 2, 3]))):
        value = _spoilt(draw, value)
    text = _written(draw, value)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        text = _torn(draw, text)
    return text


def _made(draw: Draw, schema: Any, depth: int) -> Any:
    """A value that the schema allows, or nearly: what is in doubt is an example of it."""
    schema = _resolved(schema)
    forms = schema.get("oneOf") or schema.get("anyOf")
    if forms:
        return _made(draw, {**draw(st.sampled_from(forms))}, depth + 1)
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    examples = schema.get("examples", [])
    properties = schema.get("properties")
    if properties and depth < 8 and (not examples or draw(st.integers(0, 3))):
        wanted = set(schema.get("required", ()))
        chance = 4 if depth else 2
        names = [n for n in properties if n in wanted or not draw(st.integers(0, chance))]
        return {name: _made(draw, properties[name], depth + 1) for name in names}
    if schema.get("type") == "array" and "items" in schema and depth < 8:
        count = draw(st.integers(schema.get("minItems", 0), 3))
        items = [_made(draw, schema["items"], depth + 1) for _ in range(count)]
        for index, item in enumerate(items):
            if isinstance(item, dict) and "name" in item and draw(st.integers(0, 5)):
                item["name"] = f"s{index}"
        return items
    if examples:
        return copy.deepcopy(draw(st.sampled_from(examples)))
    return copy.deepcopy(draw(st.sampled_from(ODD)))


def _join_up(draw: Draw, value: Any) -> None:
    """Let what was made apart speak of one another: services and steps by the names there are."""
    steps = [step for step in value.get("steps", ()) if isinstance(step, dict)]
    services = value.get("services")
    names = list(services) if isinstance(services, dict) else []
    for number, step in enumerate(steps):
        if names and draw(st.integers(0, 7)):
            step["service"] = draw(st.sampled_from(names))
        if "needs" in step and draw(st.integers(0, 7)):
            step["needs"] = [f"s{draw(st.integers(0, len(steps)))}"] if number else []


def _resolved(schema: Any) -> dict[str, Any]:
    while isinstance(schema, dict) and "$ref" in schema:
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        target: Any = SCHEMA
        for part in schema["$ref"].split("/")[1:]:
            target = target[part]
        schema = {**target, **beside}
    return schema if isinstance(schema, dict) else {}


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a value that can hold something else."""
    found: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        holder = stack.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                stack.append(holder[key])
    return found


def _spoilt(draw: Draw, value: Any) -> Any:
    if not isinstance(value, dict | list) or not value:
        return value
    places = _places(value)
    holder, key = places[draw(st.integers(0, len(places) - 1))]
    match draw(st.integers(0, 7)):
        case 0:
            del holder[key]
        case 1 | 2 if isinstance(holder, dict):
            name = draw(st.one_of(st.sampled_from(WORDS), st.just(key).map(str).flatmap(_slip)))
            holder[name] = holder.pop(key)
        case 3:
            holder[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
        case 4:
            other, name = places[draw(st.integers(0, len(places) - 1))]
            holder[key] = copy.deepcopy(other[name])
        case 5 if isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        case 6:
            holder[key] = {draw(st.sampled_from(WORDS)): holder[key]}
        case _:
            texts = [(h, k) for h, k in places if isinstance(h[k], str) and "${{" in h[k]]
            holder, key = draw(st.sampled_from(texts)) if texts else (holder, key)
            holder[key] = _expression(draw, holder[key])
    return value


@st.composite
def _slip(draw: Draw, word: str) -> str:
    """A slip of the pen: a letter too many, too few, another one, or two that changed places."""
    at = draw(st.integers(0, len(word)))
    letter = draw(st.sampled_from("aesx_-"))
    return draw(
        st.sampled_from(
            [
                word[:at] + letter + word[at:],
                word[:at] + word[at + 1 :],
                word[:at] + letter + word[at + 1 :],
                word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :],
            ]
        )
    )


def _expression(draw: Draw, was: Any) -> str:
    """An expression of chance tokens, or one that stood here, with a token too many or too few."""
    if isinstance(was, str) and "${{" in was and draw(st.booleans()):
        at = draw(st.integers(0, len(was)))
        return was[:at] + draw(st.sampled_from(TOKENS)) + was[at + draw(st.integers(0, 3)) :]
    tokens = "".join(draw(st.lists(st.sampled_from(TOKENS), max_size=8)))
    return draw(st.sampled_from(["${{ %s }}", "a-${{%s}}", "GET /a/${{ %s }}", "%s"])) % tokens


def _written(draw: Draw, value: Any) -> str:
    style = draw(st.sampled_from(["json", "block", "flow", "mixed", "quoted", "literal"]))
    if style == "json":
        return json.dumps(
            value, indent=draw(st.sampled_from([None, 1])), ensure_ascii=draw(st.booleans())
        )
    flow = {"block": False, "flow": True, "mixed": None}.get(style, False)
    width = draw(st.sampled_from([20, 80, 1000]))
    return yaml.dump(
        value, sort_keys=False, default_flow_style=flow, allow_unicode=True, width=width,
        Dumper=DUMPERS.get(style, _Plain),
    )  # fmt: skip


class _Plain(yaml.SafeDumper):
    """Without anchors, which are refused: they have their own chunk."""

    quote: str | None = None

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def text(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=self.quote)


class _Quoted(_Plain):
    quote = '"'


class _Literal(_Plain):
    quote = "|"


DUMPERS = {"quoted": _Quoted, "literal": _Literal}
for dumper in (_Plain, _Quoted, _Literal):
    dumper.add_representer(str, dumper.text)


def _torn(draw: Draw, text: str) -> str:
    at = draw(st.integers(0, len(text)))
    match draw(st.integers(0, 6)):
        case 0 | 1:
            return text[:at] + draw(st.sampled_from(CHUNKS)) + text[at:]
        case 2:
            return text[:at] + text[at + draw(st.integers(1, 12)) :]
        case 3:
            return text[:at]
        case 4:
            return text.replace("\n", draw(st.sampled_from(["\r\n", "\r", "\u2028"])))
    lines = text.split("\n")
    number = draw(st.integers(0, len(lines) - 1))
    match draw(st.integers(0, 2)):
        case 0:
            lines.insert(number, lines[number])
        case 1:
            lines[number] = draw(st.sampled_from([" ", "  ", "\t", "- "])) + lines[number]
        case _:
            lines[number] = lines[number][1:]
    return "\n".join(lines)
