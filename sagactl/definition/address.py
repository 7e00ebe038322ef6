"""Addresses: a request line taken apart, and a URL made of text and data.

Data in a path is one segment and never more, whatever it holds; data in a query is one value. What
would change the shape of the URL is refused before anything is sent (RFC 3986, 3.3 and 5.2.4).
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, urlencode, urlsplit

from sagactl.definition.expression import ExpressionFailed, tree_references
from sagactl.definition.template import (
    Hole,
    Template,
    evaluate,
    evaluate_holes,
    evaluate_text,
    hole_value,
    parse_template,
)
from sagactl.definition.value import as_text, kind
from sagactl.source.node import Json, Scalar
from sagactl.source.problem import Problem, nearest
from sagactl.source.spot import place_within

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
WHOLE = re.compile(r"(?i)https?://")
# What may stand in a literal path besides letters and digits (RFC 3986, pchar), and "%" and "/".
PATH_SAFE = "/%-._~!$&'()*+,;=:@"
QUERY_SAFE = PATH_SAFE + "?[]"


def parse_request_line(node: Scalar) -> tuple[str | None, Template | None, list[Problem]]:
    """METHOD and address of `request: PUT /orders/${{ input.id }}`, and what is wrong with them."""
    text = str(node.value)
    method, space, rest = text.partition(" ")
    address = rest.strip()
    offset = len(method) + 1 + len(rest) - len(rest.lstrip())
    if not space or not address:
        message = f'a request is a method and a path such as "GET /orders", not "{text}"'
        return None, None, [Problem("request-line", node.place, message)]
    problems: list[Problem] = []
    if method not in METHODS:
        close = nearest(method.upper(), METHODS)
        meant = f'; did you mean "{close}"?' if close else f": there are {', '.join(METHODS)}"
        place = place_within(node, 0, len(method))
        problems.append(Problem("unknown-method", place, f'"{method}" is no method{meant}'))
    place = place_within(node, offset, offset + len(address))
    raw = address if "\n" not in node.raw else node.raw
    scalar = Scalar(replace(place), address, raw)
    template, wrong = parse_template(scalar)
    if not (address.startswith(("/", "${{")) or WHOLE.match(address)):
        message = f'a path begins with "/", or a whole URL with "https://", not "{address}"'
        problems.append(Problem("request-line", place, message))
    if "#" in re.sub(r"\$\{\{.*?\}\}", "", address):
        problems.append(Problem("request-line", place, 'a fragment ("#…") is never sent'))
    return (method if method in METHODS else None), template, [*problems, *wrong]


def is_whole(url: Template) -> bool:
    """Whether an address is a whole URL and needs no service."""
    return not str(getattr(url.node, "value", "")).startswith("/")


def evaluate_url(
    base: Template | None, url: Template, query: Template | None, scope: Mapping[str, Json]
) -> str:
    """The absolute URL of a request; raises ExpressionFailed where data would change its shape."""
    if base is not None:
        root = _origin(_rendered(base, scope), base)
        address = root.rstrip("/") + _rendered(url, scope)
    else:
        address = _rendered(url, scope)
        _origin(address, url)
    if query is not None:
        address += ("&" if "?" in address else "?") + _query(query, scope)
    return address


def _origin(text: str, template: Template) -> str:
    """The text, if it is an http(s) URL with a host and nothing that a header could break on."""
    place = template.node.place
    if any(char <= " " or char > "~" for char in text):
        raise ExpressionFailed("a URL takes visible ASCII only", place)
    parts = urlsplit(text)
    try:
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "\\" in parts.netloc or parts.fragment:
        raise ExpressionFailed(f'"{text}" is no http or https URL', place)
    return text


def _rendered(url: Template, scope: Mapping[str, Json]) -> str:
    """The address with every hole encoded for where it stands."""
    scalar = url.node
    if not isinstance(scalar, Scalar) or scalar.value is None:
        return evaluate_text(url, scope)
    done = ""
    for part in evaluate_holes(scalar, url.compiled):
        in_query = "?" in done
        if isinstance(part, Hole):
            text = _hole_text(part, done, scope, in_query=in_query)
        else:
            text = quote(part, safe=QUERY_SAFE if in_query or "?" in part else PATH_SAFE)
        done += text
    _check_segments(url, done)
    return done


def _hole_text(hole: Hole, done: str, scope: Mapping[str, Json], *, in_query: bool) -> str:
    value = hole_value(hole, scope)
    place = place_within(hole.scalar, hole.offset + hole.tree.start, hole.offset + hole.tree.end)
    if value is None or isinstance(value, dict | list):
        raise ExpressionFailed(f"a URL takes a text or a number, not {kind(value)}", place)
    text = as_text(value) or ""
    if _in_origin(done):
        if any(path[0] != "env" for path in _roots(hole)):
            raise ExpressionFailed("scheme, host and port come from env only", place)
        return text
    if any(char < " " or char == "\x7f" for char in text):
        raise ExpressionFailed("a control character cannot stand in a URL", place)
    try:
        encoded = quote(text, safe="-._~")
    except UnicodeEncodeError:
        raise ExpressionFailed("half of a surrogate pair cannot stand in a URL", place) from None
    if not in_query and not encoded:
        raise ExpressionFailed("an empty value would remove a segment of the path", place)
    return encoded


def _roots(hole: Hole) -> list[tuple[str | int, ...]]:
    return [path for path, _, _, _ in tree_references(hole.tree)]


def _in_origin(done: str) -> bool:
    """Whether the next character still belongs to scheme, host or port."""
    if done.startswith("/"):
        return False
    _, slashes, rest = done.partition("://")
    return not slashes or "/" not in rest


def _check_segments(url: Template, done: str) -> None:
    path = done.partition("?")[0]
    if "://" in path:
        path = "/" + path.split("://", 1)[1].partition("/")[2]
    for segment in path.split("/"):
        if segment in (".", "..") or segment.lower() in ("%2e", "%2e%2e", ".%2e", "%2e."):
            raise ExpressionFailed(
                f'"{segment}" as a whole segment climbs the path', url.node.place
            )


def _query(query: Template, scope: Mapping[str, Json]) -> str:
    fields = evaluate(query, scope)
    pairs = []
    for name, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            if item is None or isinstance(item, dict | list):
                message = f'query "{name}" takes texts, numbers and bools, not {kind(item)}'
                raise ExpressionFailed(message, query.node.place)
            pairs.append((name, as_text(item)))
    try:
        return urlencode(pairs, quote_via=quote, safe="-._~")
    except UnicodeEncodeError:
        message = "half of a surrogate pair cannot stand in a URL"
        raise ExpressionFailed(message, query.node.place) from None
