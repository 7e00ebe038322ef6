"""URLs made of text and data: data is one segment, whatever it holds (rows Y16 and Y17)."""

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagactl.definition.address import evaluate_url, is_whole, parse_request_line
from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.template import Template, constant, parse_template
from sagactl.source.node import Json, Map, Scalar
from sagactl.source.place import Source
from sagactl.source.problem import Problem
from sagactl.source.reader import read


def line(text: str) -> tuple[str | None, Template | None, list[Problem]]:
    node, wrong = read(Source("t.yaml", f"request: {text}"))
    assert wrong == [], wrong
    assert isinstance(node, Map)
    scalar = node.entries[0].value
    assert isinstance(scalar, Scalar)
    return parse_request_line(scalar)


def url(text: str, value: Json, base: str = "http://h/v1", query: str | None = None) -> str:
    _, template, problems = line(text)
    assert problems == []
    assert template is not None
    made = None
    if query is not None:
        node, _ = read(Source("q.yaml", f"query: {query}"))
        assert isinstance(node, Map)
        made = parse_template(node.entries[0].value)[0]
    root = None if is_whole(template) else constant(base, template.node.place)
    return evaluate_url(root, template, made, {"x": value, "env": {"H": "http://e:81"}})


@pytest.mark.parametrize(
    ("text", "value", "wanted"),
    [
        ("GET /charges", None, "http://h/v1/charges"),
        ("GET /charges/${{ x }}/refund", "c 1", "http://h/v1/charges/c%201/refund"),
        ("GET /a/${{ x }}", 42, "http://h/v1/a/42"),
        ("GET /a/n-${{ x }}.json", True, "http://h/v1/a/n-true.json"),
        ("GET /a/${{ x }}", "a/b?c#d%2e@\\", "http://h/v1/a/a%2Fb%3Fc%23d%252e%40%5C"),
        ("GET /a?k=${{ x }}", "a&b=c d", "http://h/v1/a?k=a%26b%3Dc%20d"),
        ("GET /ä", None, "http://h/v1/%C3%A4"),
        ("GET https://api.example/x/${{ x }}", "é", "https://api.example/x/%C3%A9"),
        ("GET ${{ env.H }}/x", None, "http://e:81/x"),
    ],
)
def test_data_is_encoded_for_where_it_stands(text: str, value: Json, wanted: str) -> None:
    assert url(text, value) == wanted


def test_a_trailing_slash_of_the_service_is_dropped() -> None:
    assert url("GET /a", None, base="http://h/v1/") == "http://h/v1/a"


def test_query_parameters_repeat_lists_and_encode_values() -> None:
    query = "{a: [1, 2], b: 'x y', c: '${{ x }}'}"
    assert url("GET /a", "1&2", query=query) == "http://h/v1/a?a=1&a=2&b=x%20y&c=1%262"
    assert url("GET /a?z=0", "1", query="{c: 1}") == "http://h/v1/a?z=0&c=1"


@pytest.mark.parametrize("value", ["", ".", "..", "a\nb", "\x00", None, [1], {"a": 1}, "\x7f"])
def test_Y16_what_would_change_the_path_is_refused(value: Json) -> None:
    with pytest.raises(ExpressionFailed):
        url("GET /a/${{ x }}/b", value)


def test_Y16_two_halves_of_a_climb_are_refused_together() -> None:
    with pytest.raises(ExpressionFailed):
        url("GET /a/.${{ x }}/b", ".")


@given(st.text(min_size=1))
def test_Y16_data_is_one_segment_whatever_it_holds(value: str) -> None:
    try:
        made = url("GET /a/${{ x }}/b", value)
    except ExpressionFailed:
        return
    parts = urlsplit(made)
    segments = parts.path.split("/")
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("http", "h", "", "")
    assert [segments[0], segments[1], segments[2], segments[4]] == ["", "v1", "a", "b"]
    assert len(segments) == 5
    assert unquote(segments[3]) == value


def test_Y17_the_host_never_comes_from_data() -> None:
    with pytest.raises(ExpressionFailed, match="from env only"):
        url("GET https://${{ x }}/a", "evil.example")


def test_Y17_nor_does_the_host_of_a_service() -> None:
    _, template, _ = line("GET /a")
    node, _ = read(Source("s.yaml", "url: https://${{ x }}/v1"))
    assert template is not None
    assert isinstance(node, Map)
    base = parse_template(node.entries[0].value)[0]
    with pytest.raises(ExpressionFailed, match="from env only"):
        evaluate_url(base, template, None, {"x": "evil.example"})


@pytest.mark.parametrize("base", ["ftp://h", "h/v1", "", "http://", "http://h\\@e", "http://h:0"])
def test_a_service_url_is_http_with_a_host(base: str) -> None:
    with pytest.raises(ExpressionFailed):
        url("GET /a", None, base=base)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("/charges", "request-line"),
        ("POST", "request-line"),
        ("POST charges", "request-line"),
        ("post /charges", "unknown-method"),
        ("FETCH /charges", "unknown-method"),
        ("'GET /a#b'", "request-line"),
        ("GET /a/${{ now() }}", "not-a-function"),
    ],
)
def test_a_bad_request_line_is_told(text: str, code: str) -> None:
    assert [problem.code for problem in line(text)[2]] == [code]


def test_a_lower_case_method_gets_the_right_one() -> None:
    assert 'did you mean "POST"' in line("post /charges")[2][0].message
