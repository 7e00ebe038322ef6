"""A service's document: opened, called by operationId, and everything that can be wrong with it."""

import json

import pytest

from sagactl.definition.address import evaluate_url
from sagactl.definition.loader import load, rebuild, texts_of
from sagactl.definition.model import Request, Saga
from sagactl.lint.linter import lint
from sagactl.machine.plan import make_plan
from sagactl.source.place import Source
from sagactl.source.problem import Problem, Severity

SHOP = """\
openapi: 3.1.0
info: {title: Shop, version: "1"}
servers: [{url: https://shop.example/v1}]
paths:
  /orders/{order_id}:
    parameters: [{name: order_id, in: path, required: true, schema: {type: string}}]
    put:
      operationId: keepOrder
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
      responses: {200: {$ref: "#/components/responses/Kept"}}
    delete:
      operationId: dropOrder
      responses: {204: {description: gone}, 404: {description: it never was}}
components:
  responses: {Kept: {description: kept, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}
  schemas: {Order: {type: object, properties: {id: {type: string}, amount: {type: integer}}}}
"""
SAGA = """\
saga: order
services:
  shop: {url: https://shop.example/v1, openapi: shop.yaml}
steps:
  - name: keep
    service: shop
    action:
      operation: keepOrder
      path: {order_id: "${{ saga.id }}"}
      json: {amount: 5}
    compensation:
      operation: dropOrder
      path: {order_id: "${{ saga.id }}"}
      success: [2xx, 404]
"""


def checked(
    saga: str = SAGA, files: dict[str, str] | None = None, **named: str
) -> tuple[Saga | None, list[Problem]]:
    texts = {"shop.yaml": SHOP, **(files or {}), **named}
    asked: list[str] = []

    def fetch(name: str) -> Source | str:
        asked.append(name)
        return Source(name, texts[name]) if name in texts else "there is no such file"

    found, problems = load(Source("order.yaml", saga), fetch)
    assert not any("://" in name for name in asked), "nothing is ever fetched from elsewhere"
    if found is not None:
        problems = [*problems, *lint(found)]
    for problem in problems:
        lines = problem.place.source.text.splitlines() or [""]
        assert 1 <= problem.place.line <= len(lines) + 1
        assert problem.place.column >= 1
    return found, problems


def told(problems: list[Problem]) -> list[str]:
    return [f"{p.place.source.name}:{p.place.line}: {p.message} [{p.code}]" for p in problems]


def request_of(saga: Saga | None) -> Request:
    assert saga is not None
    action = saga.steps[0].action
    assert isinstance(action, Request)
    return action


def url_of(saga: Saga | None) -> str:
    request = request_of(saga)
    assert request.service is not None
    return evaluate_url(request.service.url, request.url, None, {"saga": {"id": "a/b"}})


def test_an_operation_is_a_request_by_another_name() -> None:
    saga, problems = checked()
    assert told(problems) == []
    assert request_of(saga).method == "PUT"
    plain, _ = checked(
        SAGA.replace(
            'operation: keepOrder\n      path: {order_id: "${{ saga.id }}"}',
            "request: PUT /orders/${{ saga.id }}",
        )
    )
    assert url_of(saga) == url_of(plain) == "https://shop.example/v1/orders/a%2Fb"


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
@pytest.mark.parametrize("name", ["shop.yaml", "shop.json"])
def test_both_versions_in_both_notations_are_held_against_calls(version: str, name: str) -> None:
    import yaml

    document = yaml.safe_load(SHOP.replace("3.1.0", version))
    document["paths"]["/orders/{order_id}"]["put"]["responses"] = {
        str(status): value
        for status, value in document["paths"]["/orders/{order_id}"]["put"]["responses"].items()
    }
    document["paths"]["/orders/{order_id}"]["delete"]["responses"] = {
        "204": {"description": "gone"}, "404": {"description": "it never was"},
    }  # fmt: skip
    text = json.dumps(document, indent=1) if name.endswith("json") else yaml.safe_dump(document)
    saga = SAGA.replace("shop.yaml", name)
    assert told(checked(saga, {name: text})[1]) == []
    _, problems = checked(saga.replace("amount: 5", "amount: five"), {name: text})
    assert [(p.code, p.place.line) for p in problems] == [("wrong-type-sent", 10)]
    assert problems[0].related[0].place.source.name == name


@pytest.mark.parametrize(
    ("old", "new", "line", "code", "words"),
    [
        ("keepOrder", "kepOrder", 8, "unknown-operation-id", 'did you mean "keepOrder"?'),
        ("keepOrder", "zzz", 8, "unknown-operation-id", 'has no operation called "zzz"'),
        ('      path: {order_id: "${{ saga.id }}"}\n      json', "      json", 8, "missing-path",
         'needs "order_id"'),
        ("{order_id: \"${{ saga.id }}\"}\n      json", "{ordr_id: x}\n      json", 9, "unknown-path",
         'did you mean "order_id"?'),
        (", openapi: shop.yaml", "", 8, "no-document", 'names no document with "keepOrder"'),
        ("shop.yaml", "gone.yaml", 3, "unreadable-document", '"gone.yaml" cannot be read'),
        ("shop.yaml", "https://shop.example/openapi.json", 3, "unreadable-document",
         "is remote: nothing is fetched"),
    ],
)  # fmt: skip
def test_what_is_wrong_about_an_operation_is_told_where_it_stands(
    old: str, new: str, line: int, code: str, words: str
) -> None:
    saga, problems = checked(SAGA.replace(old, new, 1))
    assert saga is None
    problem = next(p for p in problems if p.code == code)
    assert problem.place.line == line
    assert words in problem.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("[]", "an OpenAPI document is a map"),
        ("x: 1", 'it has no "openapi"'),
        ('swagger: "2.0"', "it is Swagger 2.0"),
        ("openapi: 3.1", 'not "3.1"'),
        ("openapi: 4.0.0", 'not "4.0.0"'),
        ("openapi: 3.1.0\n\tpaths: {}", "tab"),
        ('{"openapi": "3.1.0",}', ""),
        ("openapi: 3.1.0\npaths: *nowhere", ""),
        ("a: &a [*a]", ""),
    ],
)
def test_a_document_that_is_none_is_told_with_its_place(text: str, words: str) -> None:
    saga, problems = checked(files={"shop.yaml": text})
    assert saga is None
    assert problems
    assert any(words in problem.message for problem in problems), told(problems)


def test_a_reference_that_leads_elsewhere_is_never_followed() -> None:
    remote = SHOP.replace('"#/components/responses/Kept"', '"https://shop.example/kept.yaml"')
    _, problems = checked(files={"shop.yaml": remote})
    [problem] = [p for p in problems if p.code == "broken-document"]
    assert problem.place.line == 10
    assert "https://shop.example/kept.yaml" in problem.message


def test_a_reference_into_another_file_is_followed_within_the_folder_only() -> None:
    parts = "Order: {type: object, properties: {id: {type: string}, amount: {type: string}}}\n"
    split = SHOP.replace('"#/components/schemas/Order"}}}}\n', '"parts.yaml#/Order"}}}}\n', 1)
    assert split != SHOP
    _, problems = checked(files={"shop.yaml": split, "parts.yaml": parts})
    [problem] = problems
    assert problem.code == "wrong-type-sent"
    assert problem.related[0].place.source.name == "parts.yaml"
    outside = split.replace("parts.yaml", "../parts.yaml")
    _, problems = checked(files={"shop.yaml": outside, "../parts.yaml": parts})
    assert [p.code for p in problems] == ["broken-document"]
    assert "outside the folder" in problems[0].message


@pytest.mark.parametrize(
    "schemas",
    [
        # A circle of references, a schema within itself, and one that doubles at each of 60 levels.
        '{Order: {$ref: "#/components/schemas/Other"}, Other: {$ref: "#/components/schemas/Order"}}',
        '{Order: {type: object, properties: {amount: {type: integer}, next: {$ref: "#/components/schemas/Order"}}}}',
        "{Order: {$ref: '#/components/schemas/L0'}, "
        + ", ".join(
            f"L{n}: {{allOf: [{{$ref: '#/components/schemas/L{n + 1}'}}, {{$ref: '#/components/schemas/L{n + 1}'}}]}}"
            for n in range(60)
        )
        + ", L60: {type: object}}",
        "{Order: " + "{properties: {a: " * 25 + "{}" + "}}" * 25 + "}",
    ],
)
def test_schemas_that_have_no_end_come_to_one(schemas: str) -> None:
    text = SHOP.replace(
        "{Order: {type: object, properties: {id: {type: string}, amount: {type: integer}}}}",
        schemas,
    )
    assert text != SHOP
    saga, problems = checked(files={"shop.yaml": text})
    assert saga is None or {p.severity for p in problems} <= set(Severity)


def test_a_large_document_is_read_once_and_only_where_calls_touch_it() -> None:
    paths = "".join(
        f"  /things/{n}:\n    get: {{responses: {{200: {{description: x, wrong: {n}}}}}}}\n"
        for n in range(2000)
    )
    text = SHOP.replace("paths:\n", "paths:\n" + paths)
    assert told(checked(files={"shop.yaml": text})[1]) == []


def test_what_a_run_keeps_is_enough_to_go_on_without_the_document() -> None:
    saga, _ = checked()
    assert saga is not None
    kept = texts_of(saga)
    [text] = kept.values()
    assert len(text) < 300 < len(SHOP)
    again = rebuild(saga.source, kept)
    assert url_of(again) == url_of(saga)
    assert request_of(again).method == "PUT"
    assert make_plan(again).steps.keys() == {"keep"}
