"""YAML text to nodes: exact places, and strict about everything that readers disagree on."""

import pytest

from sagactl.source.node import List, Map, Scalar, plain
from sagactl.source.place import Source
from sagactl.source.problem import Problem
from sagactl.source.reader import MAX_BYTES, decode, read


def problems(text: str) -> list[Problem]:
    return read(Source("t.yaml", text))[1]


def codes(text: str) -> list[str]:
    return [problem.code for problem in problems(text)]


def value(text: str) -> object:
    node, wrong = read(Source("t.yaml", text))
    assert wrong == [], wrong
    assert node is not None
    return plain(node)


def test_every_node_knows_its_place() -> None:
    node, _ = read(Source("t.yaml", "a: 1\nlist:\n  - é😀: 'x'\n"))
    assert isinstance(node, Map)
    items = node.get("list")
    assert isinstance(items, List)
    inner = items.items[0]
    assert isinstance(inner, Map)
    key, text = inner.entries[0].key, inner.entries[0].value
    assert (key.place.line, key.place.column, key.place.end_column) == (3, 5, 7)
    assert isinstance(text, Scalar)
    assert (text.place.line, text.place.column, text.raw) == (3, 9, "'x'")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1", 1), ("-7", -7), ("+3", 3), ("0", 0), ("1.10", 1.1), ("1e3", 1000.0), (".5", 0.5),
        ("-2.5e-1", -0.25), ("true", True), ("False", False), ("null", None), ("~", None),
        ("", None), ("text", "text"), ("a:b", "a:b"), ("2xx", "2xx"), ("10s", "10s"), ("y", "y"),
        ("1.2.3", "1.2.3"), ("-", None), ("'no'", "no"), ('"012"', "012"), ("'1:30'", "1:30"),
    ],
)  # fmt: skip
def test_plain_scalars_are_what_yaml_1_2_says(text: str, wanted: object) -> None:
    if text == "-":
        assert value("k:\n  -\n") == {"k": [None]}
        return
    found = value(f"k: {text}\n")
    assert found == {"k": wanted}
    assert type(found["k"]) is type(wanted)  # type: ignore[index]


@pytest.mark.parametrize(
    "text",
    [
        "on", "yes", "No", "OFF", "012", "0b1", "0x1F", "0o17", "1_000", "1:30", "190:20:30",
        "12:30:45", "2024-01-01", "2024-13-45", ".nan", ".inf", "-.Inf", "=", "1" * 19,
    ],
)  # fmt: skip
def test_what_yaml_readers_disagree_about_is_refused_until_it_is_quoted(text: str) -> None:
    (problem,) = problems(f"k: {text}\n")
    assert problem.code == "yaml-trap"
    assert (problem.place.line, problem.place.column) == (1, 4)
    assert problem.place.end_column == 4 + len(text)
    assert value(f"k: '{text}'\n") == {"k": text}


def test_a_trap_as_a_key_is_refused_too() -> None:
    assert codes("on: 1\n") == ["yaml-trap"]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("when: ${{ input.a ? input.b : input.c }}", 'when: "${{ input.a ? input.b : input.c }}"'),
        ("json: ${{ {'k': 1} }}", """json: "${{ {'k': 1} }}\""""),
        ("list: [${{ x }}]", 'list: ["${{ x }}"]'),
        ("map: {b: ${{ x }}}", 'map: {b: "${{ x }}"}'),
        ("text: ${{ a # b }}", 'text: "${{ a # b }}"'),
        ("do: {request: PUT http://h/${{ x }}}", 'do: {request: "PUT http://h/${{ x }}"}'),
        ("do: [a, 'b ${{ c }}', d-${{ e }}]", "do: [a, 'b ${{ c }}', \"d-${{ e }}\"]"),
        ("do: {a: 1,\n  b: ${{ x }}}", 'b: "${{ x }}"}'),
    ],
)
def test_an_unquoted_expression_is_told_with_the_line_as_it_should_be(line: str, hint: str) -> None:
    (problem,) = problems(f"a: 1\n{line}\n")
    assert problem.code == "quote-expression"
    assert problem.place.line == 2 + line.count("\n")
    assert problem.hint == f"write: {hint}"


def test_a_lost_negation_is_found() -> None:
    assert codes("when: ! input.ok\n") == ["quote-expression"]


def test_every_mistake_is_told_at_once() -> None:
    text = "a: no\nb: 1\nb: 2\nc: &x 1\nd: *x\ne: !!set {}\n"
    assert codes(text) == ["yaml-trap", "duplicate-key", "yaml-alias", "yaml-alias", "yaml-tag"]


def test_bytes_that_are_not_utf_8_have_a_place() -> None:
    source, (problem,) = decode(b"a: 1\nb: \xff\n", "t.yaml")
    assert source is None
    assert (problem.code, problem.place.line, problem.place.column) == ("not-utf-8", 2, 4)


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
def test_a_byte_order_mark_is_refused(mark: bytes) -> None:
    assert decode(mark + b"a: 1\n", "t.yaml")[0] is None


def test_a_file_larger_than_a_mebibyte_is_not_read() -> None:
    assert [p.code for p in decode(b"x" * (MAX_BYTES + 1), "t")[1]] == ["file-too-large"]
    assert codes("x" * (MAX_BYTES + 1)) == ["file-too-large"]
