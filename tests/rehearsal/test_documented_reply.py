"""Replies as a service's own document has them: its examples, or what its schemas allow."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from rehearsal.play import Play, of_saga

from sagactl.definition.loader import load
from sagactl.definition.model import Saga
from sagactl.rehearsal.growth import MAX_VALUES
from sagactl.source.place import Source

Json = Any
CHARGES = """\
saga: s
version: 1
services:
  svc: {url: "http://svc.example", idempotency: key, openapi: svc.yaml}
steps:
  - name: act
    service: svc
    action: %s
    lookup: {request: "GET /things?key=${{ step.action_key }}", found: "${{ size(response.body) > 0 }}", result: {id: "${{ response.body[0].id }}"}}
    compensation: {request: "DELETE /things/${{ saga.id }}", success: [2xx, 404]}
%s
"""
POST = "POST /things"


def document(
    schema: Json = None, *, version: str = "3.1.0", status: str = "201", **more: Json
) -> Json:
    """A document whose one operation that matters answers with a schema; `more` is its media type's."""
    media = {**({} if schema is None else {"schema": schema}), **more}
    return {
        "openapi": version,
        "info": {"title": "Things", "version": "1"},
        "paths": {
            "/things": {
                "post": {"responses": {status: {"description": "made", "content": {"application/json": media}}}},
                "get": {"responses": {"200": {"description": "found", "content": {"application/json": {
                    "schema": {"type": "array", "items": schema if schema is not None else {}}}}}}},
            },
            "/things/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "delete": {"responses": {"204": {"description": "gone"}, "404": {"description": "never was"}}},
            },
        },
    }  # fmt: skip


def saga_with(described: Json, action: str = POST, rest: str = "", **files: Json) -> Saga:
    texts = {
        "svc.yaml": json.dumps(described),
        **{f"{n}.yaml": json.dumps(f) for n, f in files.items()},
    }

    def fetch(name: str) -> Source | str:
        return Source(name, texts[name]) if name in texts else "there is no such file"

    saga, problems = load(Source("saga.yaml", CHARGES % (action, rest)), fetch)
    assert saga is not None, [f"{p.place}: {p.message}" for p in problems]
    return saga


def answer(
    described: Json, action: str = POST, rest: str = "", key: str = "k1", **files: Json
) -> Any:
    with Play(saga_with(described, action, rest, **files)) as play:
        return play.call("POST", "/svc/things", {}, of_saga("s1", "act", key))


def as_2020(schema: Json) -> Json:
    """A schema of OpenAPI 3.0 in the words of JSON Schema, written without a look at ours."""
    if isinstance(schema, list):
        return [as_2020(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    words = {
        name: value if name in ("enum", "example", "default") else as_2020(value)
        for name, value in schema.items()
    }
    for strict, plain in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(words.get(strict), bool) and words.pop(strict):
            words[strict] = words.pop(plain)
    if words.pop("nullable", False) and "type" in words:
        words["type"] = [words["type"], "null"]
        if "enum" in words and None not in words["enum"]:
            words["enum"] = [*words["enum"], None]
    return words


def assert_valid(described: Json, schema: Json, value: Json) -> None:
    if described["openapi"].startswith("3.0"):
        schema = as_2020(schema)
        described = as_2020(described)
    whole = {**schema, "components": described.get("components", {})}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(value)


OBJECT = {"type": "object"}
TREE = {
    "type": "object",
    "required": ["name", "children"],
    "properties": {
        "name": {"type": "string"},
        "parent": {"$ref": "#/components/schemas/Tree"},
        "children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
    },
}
CORPUS: list[tuple[str, str, Json, Json]] = [
    ("any", "3.1.0", {}, {}),
    ("text", "3.1.0", {"type": "string"}, {}),
    ("long text", "3.1.0", {"type": "string", "minLength": 300}, {}),
    ("short text", "3.1.0", {"type": "string", "maxLength": 3}, {}),
    ("empty text", "3.1.0", {"type": "string", "maxLength": 0}, {}),
    ("pattern", "3.1.0", {"type": "string", "pattern": "^ch_[A-Za-z0-9]{12}$"}, {}),
    ("open pattern", "3.1.0", {"type": "string", "pattern": "^[A-Z]+-\\d+$", "minLength": 20}, {}),
    ("two patterns", "3.1.0", {"allOf": [{"type": "string", "pattern": "^a"}, {"pattern": "^[a-f0-9]{6}$"}]}, {}),
    ("choice pattern", "3.1.0", {"type": "string", "pattern": "^(EUR|USD)$"}, {}),
    ("uuid", "3.1.0", {"type": "string", "format": "uuid"}, {}),
    ("email", "3.1.0", {"type": "string", "format": "email"}, {}),
    ("date", "3.1.0", {"type": "string", "format": "date"}, {}),
    ("ipv6", "3.1.0", {"type": "string", "format": "ipv6"}, {}),
    ("unknown format", "3.1.0", {"type": "string", "format": "iban", "maxLength": 22}, {}),
    ("whole", "3.1.0", {"type": "integer", "minimum": 10}, {}),
    ("whole above", "3.1.0", {"type": "integer", "exclusiveMinimum": 10, "multipleOf": 4}, {}),
    ("whole below", "3.1.0", {"type": "integer", "exclusiveMaximum": -5}, {}),
    ("fraction", "3.1.0", {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, {}),
    ("cents", "3.1.0", {"type": "number", "multipleOf": 0.01, "minimum": 0.05, "maximum": 0.5}, {}),
    ("3.0 above", "3.0.3", {"type": "integer", "minimum": 10, "exclusiveMinimum": True}, {}),
    ("3.0 below", "3.0.3", {"type": "number", "maximum": 0, "exclusiveMaximum": True}, {}),
    ("boolean", "3.1.0", {"type": "boolean"}, {}),
    ("nothing", "3.1.0", {"type": "null"}, {}),
    ("enum", "3.1.0", {"enum": ["new", "old"]}, {}),
    ("enum of its type", "3.1.0", {"type": "integer", "enum": ["one", 2]}, {}),
    ("const", "3.1.0", {"const": {"a": [1]}}, {}),
    ("narrowed enum", "3.1.0", {"allOf": [{"enum": ["a", "b"]}, {"enum": ["b", "c"]}]}, {}),
    ("3.0 nullable enum", "3.0.3", {"type": "string", "nullable": True, "enum": [None, "x"]}, {}),
    ("types", "3.1.0", {"type": ["null", "integer"]}, {}),
    ("narrowed types", "3.1.0", {"allOf": [{"type": ["number", "string"]}, {"type": "integer"}]}, {}),
    ("enum within bounds", "3.1.0", {"enum": [1, 20, 30], "exclusiveMinimum": 1, "multipleOf": 15}, {}),
    ("enum of a pattern", "3.1.0", {"enum": ["a", "bb", "cc"], "minLength": 2, "pattern": "^c"}, {}),
    ("enum, true is not 1", "3.1.0", {"allOf": [{"enum": [True, 1]}, {"enum": [1, "a"]}]}, {}),
    ("room for what is required", "3.1.0", {**OBJECT, "properties": {"a": {}, "b": {}, "c": {}}, "required": ["c", "d"], "maxProperties": 2}, {}),
    ("object", "3.1.0", {**OBJECT, "required": ["id"], "properties": {"id": {"type": "string"}, "note": {"type": "string"}}}, {}),
    ("undeclared", "3.1.0", {**OBJECT, "required": ["id", "amount"]}, {}),
    ("closed", "3.1.0", {**OBJECT, "properties": {"id": {"type": "string"}}, "additionalProperties": False}, {}),
    ("map", "3.1.0", {**OBJECT, "minProperties": 2, "additionalProperties": {"type": "integer"}}, {}),
    ("few properties", "3.1.0", {**OBJECT, "maxProperties": 1, "properties": {"a": {}, "b": {}, "c": {}}}, {}),
    ("by pattern", "3.1.0", {**OBJECT, "required": ["x-1"], "patternProperties": {"^x-": {"type": "boolean"}}, "additionalProperties": False}, {}),
    ("never", "3.1.0", {**OBJECT, "properties": {"a": False, "b": {"type": "string"}}}, {}),
    ("impossible option", "3.1.0", {**OBJECT, "properties": {"a": {"type": "integer", "minimum": 5, "maximum": 4}}}, {}),
    ("list", "3.1.0", {"type": "array", "items": {"type": "string"}}, {}),
    ("distinct texts", "3.1.0", {"type": "array", "minItems": 4, "uniqueItems": True, "items": {"type": "string"}}, {}),
    ("distinct ids", "3.1.0", {"type": "array", "minItems": 3, "uniqueItems": True, "items": {**OBJECT, "required": ["id"], "properties": {"id": {"type": "string"}}}}, {}),
    ("distinct numbers", "3.1.0", {"type": "array", "minItems": 3, "uniqueItems": True, "items": {"type": "integer"}}, {}),
    ("distinct words", "3.1.0", {"type": "array", "minItems": 2, "uniqueItems": True, "items": {"enum": ["a", "b"]}}, {}),
    ("no items", "3.1.0", {"type": "array", "maxItems": 0}, {}),
    ("tuple", "3.1.0", {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False, "minItems": 2}, {}),
    ("contains", "3.1.0", {"type": "array", "contains": {"const": "x"}, "minContains": 2}, {}),
    ("all of", "3.1.0", {"allOf": [{**OBJECT, "required": ["a"]}, {"properties": {"a": {"type": "integer"}}}, {"properties": {"a": {"minimum": 7}}}]}, {}),
    ("one of", "3.1.0", {"oneOf": [{"type": "integer"}, {"type": "string"}]}, {}),
    ("one of, null first", "3.1.0", {"anyOf": [{"type": "null"}, {"type": "string"}]}, {}),
    ("one that can be", "3.1.0", {"oneOf": [{"type": "integer", "minimum": 2, "maximum": 1}, {"type": "string"}]}, {}),
    ("one of beside", "3.1.0", {**OBJECT, "required": ["kind"], "properties": {"id": {"type": "string"}}, "oneOf": [
        {"properties": {"kind": {"const": "card"}}}, {"properties": {"kind": {"const": "cash"}}}]}, {}),
    ("many branches", "3.1.0", {"allOf": [{"anyOf": [{"title": str(n)} for n in range(20)]} for _ in range(5)], "type": "integer"}, {}),
    ("reference", "3.1.0", {"$ref": "#/components/schemas/Thing"}, {"Thing": {**OBJECT, "required": ["id"], "properties": {"id": {"type": "string", "format": "uuid"}}}}),
    ("reference and more", "3.1.0", {"$ref": "#/components/schemas/Count", "minimum": 5}, {"Count": {"type": "integer"}}),
    ("3.0 reference alone", "3.0.3", {"$ref": "#/components/schemas/Count", "minimum": 5}, {"Count": {"type": "integer", "maximum": 3}}),
    ("tree", "3.1.0", {"$ref": "#/components/schemas/Tree"}, {"Tree": TREE}),
    ("required parent", "3.1.0", {"$ref": "#/components/schemas/Node"}, {"Node": {
        **OBJECT, "required": ["next"], "properties": {"next": {"oneOf": [{"$ref": "#/components/schemas/Node"}, {"type": "null"}]}}}}),
    ("leaf or node", "3.1.0", {"$ref": "#/components/schemas/E"}, {"E": {
        "oneOf": [{**OBJECT, "required": ["of"], "properties": {"of": {"$ref": "#/components/schemas/E"}}}, {"type": "string"}]}}),
    ("deep", "3.0.3", {"$ref": "#/components/schemas/A"}, {
        "A": {**OBJECT, "required": ["b"], "properties": {"b": {"$ref": "#/components/schemas/B"}}},
        "B": {**OBJECT, "required": ["c"], "properties": {"c": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/C"}}}},
        "C": {**OBJECT, "required": ["at"], "properties": {"at": {"type": "string", "format": "date-time"}, "note": {"type": "string", "nullable": True}}}}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "version", "schema", "components"), CORPUS, ids=[c[0] for c in CORPUS]
)
def test_what_is_grown_of_a_schema_is_what_the_schema_allows(
    name: str, version: str, schema: Json, components: Json
) -> None:
    described = {**document(schema, version=version), "components": {"schemas": components}}
    told = answer(described)
    assert told.status == 201, name
    assert_valid(described, schema, told.json)
    assert answer(described).json == told.json


def test_a_schema_that_allows_nothing_is_told_and_the_status_is_right_all_the_same() -> None:
    saga = saga_with(document({"type": "integer", "minimum": 5, "maximum": 4}))
    with Play(saga) as play:
        told = play.call("POST", "/svc/things", {}, of_saga("s1", "act", "k1"))
    assert told.status == 201
    assert play.ledger.calls()[0].note == "no value was found that the schema of this reply allows"


@pytest.mark.parametrize(
    "more",
    [
        {"example": {"id": "t-1", "state": "new"}},
        {
            "examples": {
                "one": {"value": {"id": "t-1", "state": "new"}},
                "two": {"value": {"id": "t-2"}},
            }
        },
        {"schema": {"type": "object", "example": {"id": "t-1", "state": "new"}}},
        {"schema": {"type": "object", "examples": [{"id": "t-1", "state": "new"}]}},
    ],
)
def test_an_example_of_the_document_is_the_reply(more: Json) -> None:
    assert answer(document(**more)).json == {"id": "t-1", "state": "new"}


def test_of_several_examples_the_first_counts_that_leads_the_saga_on() -> None:
    examples = {
        "declined": {"value": {"id": "t-1", "state": "declined"}},
        "booked": {"value": {"id": "t-2", "state": "booked"}},
    }
    action = "{request: POST /things, success: [2xx, \"${{ response.body.state == 'booked' }}\"]}"
    assert answer(document(None, examples=examples), action).json["id"] == "t-2"
    later = """\
  - name: more
    when: ${{ steps.act.result.state == 'booked' }}
    service: svc
    action: {request: "PUT /things/${{ steps.act.result.id }}"}
    compensation: none
"""
    assert answer(document(None, examples=examples), rest=later).json["id"] == "t-2"


def test_the_steps_own_example_goes_before_the_document() -> None:
    rest = "    example: {id: mine}\n"
    assert answer(document(None, example={"id": "theirs"}), rest=rest).json == {"id": "mine"}


def test_what_the_definition_reads_is_put_into_an_example_that_lacks_it() -> None:
    schema = {"type": "object", "properties": {"entry": {
        "type": "object", "properties": {"id": {"type": "string", "format": "uuid"}}}}}  # fmt: skip
    action = '{request: POST /things, result: {id: "${{ response.body.entry.id }}"}}'
    told = answer(document(schema, example={"state": "new"}), action).json
    assert told["state"] == "new"
    assert_valid(document(), schema, told)
    assert len(told["entry"]["id"]) == 36


def test_what_a_condition_wants_is_put_in_where_the_schema_says_something_else_first() -> None:
    schema = {"type": "object", "required": ["state", "amount"], "properties": {
        "state": {"enum": ["pending", "booked"]}, "amount": {"type": "integer", "minimum": 3}}}  # fmt: skip
    action = (
        '{request: POST /things, json: {amount: "${{ input.amount }}"}, '
        "success: [2xx, \"${{ response.body.state == 'booked' && response.body.amount == input.amount }}\"]}"
    )
    saga = saga_with(document(schema), action)
    with Play(saga) as play:
        told = play.call("POST", "/svc/things", {"amount": 7}, of_saga("s1", "act", "k1"))
    assert told.json == {"state": "booked", "amount": 7}


def test_a_value_that_a_condition_lets_pass_stays_as_the_schema_has_it() -> None:
    schema = {
        "type": "object",
        "required": ["amount"],
        "properties": {"amount": {"type": "integer", "minimum": 30}},
    }
    action = '{request: POST /things, success: [2xx, "${{ response.body.amount > 4 }}"]}'
    assert answer(document(schema), action).json == {"amount": 30}


@pytest.mark.parametrize(("status", "sent"), [("201", 201), ("2XX", 200), ("default", 200)])
def test_the_status_is_the_documented_one(status: str, sent: int) -> None:
    told = answer(document({"type": "object", "required": ["id"]}, status=status))
    assert told.status == sent
    assert set(told.json) == {"id"}


def test_a_documented_status_that_is_no_success_here_is_not_used() -> None:
    assert answer(document({"type": "object"}, status="202")).status == 200
    action = "{request: POST /things, success: [202]}"
    assert answer(document({"type": "object"}, status="202"), action).status == 202


def test_a_reply_without_a_body_stays_one_unless_a_body_is_read() -> None:
    described = document()
    replies = described["paths"]["/things"]["post"]["responses"]
    replies.clear()
    replies["204"] = {"description": "made"}
    assert answer(described).status == 204
    reads = '{request: POST /things, result: {id: "${{ response.body.id }}"}}'
    assert answer(described, reads).status == 200
    replies["200"] = {
        "description": "made",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
    assert "id" in answer(described, reads).json


def test_headers_that_a_reply_must_have_are_sent_and_the_media_type_is_the_documented_one() -> None:
    described = document({"type": "object"})
    reply = described["paths"]["/things"]["post"]["responses"]["201"]
    reply["content"] = {"application/hal+json; charset=utf-8": {"schema": {"type": "object"}}}
    reply["headers"] = {
        "X-Rate": {"required": True, "schema": {"type": "integer", "minimum": 9}},
        "X-Trace": {"example": "abc\r\nX-Evil: 1", "schema": {"type": "string"}},
        "X-Optional": {"schema": {"type": "string"}},
        "Content-Length": {"required": True, "schema": {"type": "integer"}},
    }
    with Play(saga_with(described)) as play:
        raw = play.send(
            b"POST /svc/things HTTP/1.1\r\nHost: s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    head = raw.decode().split("\r\n\r\n")[0].split("\r\n")
    assert "X-Rate: 9" in head
    assert "X-Trace: abcX-Evil: 1" in head
    assert "Content-Type: application/hal+json; charset=utf-8" in head
    assert [line for line in head if line.startswith(("Content-Length", "X-Optional"))] == [
        "Content-Length: 2"
    ]


def test_a_repeated_key_gets_the_same_bytes_from_the_ledger() -> None:
    described = document()
    content = described["paths"]["/things"]["post"]["responses"]["201"]["content"]
    content["application/vnd.things+json"] = content.pop("application/json")
    with Play(saga_with(described)) as play:
        one, two = (
            play.call("POST", "/svc/things", {}, of_saga("s1", "act", "k1")) for _ in range(2)
        )
    assert one == two
    assert one.content_type == "application/vnd.things+json"


def test_two_keys_get_two_ids() -> None:
    schema = {
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "string", "example": "t-1", "pattern": "^t-[a-z0-9]{6}$"}},
    }
    assert answer(document(schema)).json != answer(document(schema), key="k2").json


def test_a_lookup_finds_what_was_made_in_the_documents_own_shape() -> None:
    schema = {"type": "object", "required": ["id", "at"], "properties": {
        "id": {"type": "string"}, "at": {"type": "string", "format": "date-time"}}}  # fmt: skip
    action = '{request: POST /things, result: {id: "${{ response.body.id }}"}}'
    with Play(saga_with(document(schema), action)) as play:
        lookup = of_saga("s1", "act", "l1")
        before = play.call("GET", "/svc/things?key=k1", None, lookup)
        made = play.call("POST", "/svc/things", {}, of_saga("s1", "act", "k1")).json
        found = play.call("GET", "/svc/things?key=k1", None, lookup)
    assert (before.status, before.json) == (200, [])
    assert found.json == [made]


def test_a_refusal_on_order_is_the_documented_one() -> None:
    described = document({"type": "object"})
    described["paths"]["/things"]["post"]["responses"]["4XX"] = {
        "description": "no",
        "content": {"application/problem+json": {"schema": {
            "type": "object", "required": ["code"], "properties": {"code": {"enum": ["no_funds"]}}}}},
    }  # fmt: skip
    with Play(saga_with(described), ["act=422x1", "act=503x1"]) as play:
        refused, failed = (
            play.call("POST", "/svc/things", {}, of_saga("s1", "act", "k1")) for _ in range(2)
        )
    assert (refused.status, refused.json) == (422, {"code": "no_funds"})
    assert refused.content_type == "application/problem+json"
    assert (failed.status, failed.json["detail"]) == (503, 'on order: "act.action=503x1"')


def test_a_reference_leads_to_a_file_of_the_folder_and_no_further() -> None:
    inside = document({"$ref": "parts.yaml#/Thing"})
    part = {
        "Thing": {
            "type": "object",
            "required": ["id"],
            "properties": {"id": {"type": "string", "format": "uuid"}},
        }
    }
    assert len(answer(inside, parts=part).json["id"]) == 36
    for reference in (
        "https://example.org/parts.yaml#/Thing",
        "../parts.yaml#/Thing",
        "parts.yaml#/Gone",
    ):
        assert answer(document({"$ref": reference}), parts=part).status == 201


@pytest.mark.parametrize(
    "schema",
    [
        True,
        False,
        5,
        {"type": 7, "properties": [], "required": "id", "enum": 5},
        {"type": ["object", 4], "allOf": {}, "oneOf": [], "minProperties": "x"},
        {"type": "string", "pattern": "(", "minLength": -4, "format": 9},
        {"type": "string", "pattern": "(?<=a)b", "maxLength": True},
        {"type": "number", "multipleOf": 0, "minimum": "a", "exclusiveMinimum": True},
        {"type": "array", "items": [], "minItems": 10_000_000},
        {"type": "array", "prefixItems": {}, "contains": 4},
        {"type": "object", "properties": {"a": 4, "b": {"$ref": 5}}, "patternProperties": {"(": 1}},
        {"$ref": "#/components/schemas/Circle"},
        {"oneOf": [{"$ref": "#/components/schemas/Circle"}], "discriminator": {"propertyName": 4, "mapping": []}},
    ],
)  # fmt: skip
def test_a_schema_that_is_none_breaks_nothing(schema: Json) -> None:
    described = document(schema)
    described["components"] = {"schemas": {"Circle": {"$ref": "#/components/schemas/Circle"}}}
    assert answer(described).status == 201


def test_a_discriminator_says_which_branch_was_taken() -> None:
    schema = {
        "oneOf": [{"$ref": "#/components/schemas/Card"}, {"$ref": "#/components/schemas/Cash"}],
        "discriminator": {"propertyName": "kind", "mapping": {"card": "#/components/schemas/Card"}},
    }
    described = document(schema)
    kind = {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}}}
    described["components"] = {"schemas": {"Card": kind, "Cash": kind}}
    assert answer(described).json == {"kind": "card"}


def test_what_only_requests_have_is_not_in_a_reply() -> None:
    schema = {
        "type": "object",
        "properties": {"password": {"type": "string", "writeOnly": True}, "id": {"type": "string"}},
    }
    assert list(answer(document(schema)).json) == ["id"]


def test_the_work_for_a_schema_is_bounded() -> None:
    parts = {f"S{n}": {"type": "object", "properties": {
        letter: {"$ref": f"#/components/schemas/S{n + 1}"} for letter in "abcdefgh"}} for n in range(20)}  # fmt: skip
    parts["S20"] = {"type": "string"}
    described = document({"$ref": "#/components/schemas/S0"})
    described["components"] = {"schemas": parts}
    assert answer(described).text.count(":") < MAX_VALUES
