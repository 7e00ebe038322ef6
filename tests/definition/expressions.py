"""Expressions and request lines as they stand in a file, for tests that ask what becomes of them."""

from sagactl.definition.address import evaluate_url, is_whole, parse_request_line
from sagactl.definition.template import Template, constant, evaluate, parse_template
from sagactl.source.node import Json, Map, Node, Scalar
from sagactl.source.place import Place, Source
from sagactl.source.problem import Problem
from sagactl.source.reader import read

NOWHERE = Place(Source("t.yaml", ""), 1, 1, 1, 2)


def written(text: str) -> Node:
    """The value of the one key in a YAML text."""
    node, wrong = read(Source("t.yaml", text))
    assert wrong == [], wrong
    assert isinstance(node, Map)
    return node.entries[0].value


def template(text: str, *, bare: bool = False) -> Template:
    made, problems = parse_template(written(text), bare=bare)
    assert problems == [], problems
    return made


def told(text: str, *, bare: bool = False) -> list[Problem]:
    return parse_template(written(text), bare=bare)[1]


def scalar(text: str) -> Scalar:
    """A text as it is, whatever YAML would make of it."""
    return Scalar(NOWHERE, text, "")


def value(expression: str, **names: Json) -> Json:
    made, problems = parse_template(scalar(f"${{{{ {expression} }}}}"))
    assert problems == [], problems
    return evaluate(made, names)


def address(line: str, base: str = "http://h/v1", query: str | None = None, **names: Json) -> str:
    """The URL that a request line makes with these names in scope."""
    _, url, problems = parse_request_line(scalar(line))
    assert problems == [], problems
    assert url is not None
    root = None if is_whole(url) else parse_template(scalar(base))[0]
    return evaluate_url(root, url, None if query is None else template(query), names)


def fixed(url: str) -> Template:
    return constant(url, NOWHERE)
