"""Addresses: a request line taken apart, and a URL made of text and data.

Data in a path is one segment and never more, whatever it holds; data in a query is one value. What
would change the shape of the URL is refused before anything is sent (RFC 3986, 3.3 and 5.2.4).
"""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from sagactl.definition.evaluation import MAX_TEXT
from sagactl.definition.expression import ExpressionFailed, tree_references
from sagactl.definition.template import (
    Hole,
    Template,
    evaluate,
    evaluate_holes,
    evaluate_text,
    hole_place,
    hole_value,
    parse_part,
)
from sagactl.definition.value import as_text, kind
from sagactl.source.node import Json, Map, Scalar
from sagactl.source.place import Place
from sagactl.source.problem import Edit, Fix, Problem, nearest
from sagactl.source.spot import place_within

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
WHOLE = re.compile(r"(?i)https?://")
# What may stand in a literal path besides letters and digits (RFC 3986, pchar), and "%" and "/".
PATH_SAFE = "/%-._~!$&'()*+,;=:@"
QUERY_SAFE = PATH_SAFE + "?[]"

_AFTER_AUTHORITY = re.compile(r"[/?#]")
_HOST = re.compile(r"[A-Za-z0-9._~-]+|[0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# In front of data it would make an escape of it: "%" and "2F" are a slash to the service.
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Stands for data while the shape of a path is compared; quoting leaves none of it in a path.
_MARK = "\0"


def parse_request_line(node: Scalar) -> tuple[str | None, Template | None, list[Problem]]:
    """METHOD and address of `request: PUT /orders/${{ input.id }}`, and what is wrong with them."""
    text = str(node.value)
    method, space, rest = text.partition(" ")
    address = rest.strip()
    if not space or not address:
        message = f'a request is a method and a path such as "GET /orders", not "{text}"'
        hint = 'write "none" where there is nothing to undo' if text.lower() == "none" else None
        return None, None, [Problem("request-line", node.place, message, hint)]
    problems: list[Problem] = []
    if method not in METHODS:
        close = nearest(method.upper(), METHODS)
        meant = f'; did you mean "{close}"?' if close else f": there are {', '.join(METHODS)}"
        place = place_within(node, 0, len(method))
        upper = method.upper()
        fix = Fix(f'write "{upper}"', (Edit(place, upper),)) if upper in METHODS else None
        message = f'"{method}" is no method{meant}'
        problems.append(Problem("unknown-method", place, message, fix=fix))
    start = len(method) + 1 + len(rest) - len(rest.lstrip())
    template, wrong = parse_part(node, start, start + len(address))
    problems.extend(_misshapen(template, address))
    return (method if method in METHODS else None), template, [*problems, *wrong]


def _misshapen(template: Template, address: str) -> list[Problem]:
    place = template.node.place
    problems: list[Problem] = []
    if not (address.startswith(("/", "${{")) or WHOLE.match(address)):
        message = f'a path begins with "/", or a whole URL with "https://", not "{address}"'
        problems.append(Problem("request-line", place, message))
    literal = "".join(part for part in _parts(template) if isinstance(part, str))
    if "#" in literal:
        problems.append(Problem("request-line", place, 'a fragment ("#…") is never sent'))
    # What does not end is told by itself, and reaches to the end of the address.
    if any(char.isspace() for char in literal) and "${{" not in literal:
        message = 'an address has no blanks, they are written "%20"'
        is_foreign = "{{" in literal or "${" in literal
        hint = 'an expression is written as in "${{ input.a }}"' if is_foreign else None
        problems.append(Problem("request-line", place, message, hint))
    return problems


def is_whole(url: Template) -> bool:
    """Whether an address is a whole URL and needs no service."""
    return not str(getattr(url.node, "value", "")).startswith("/")


def evaluate_url(
    base: Template | None, url: Template, query: Template | None, scope: Mapping[str, Json]
) -> str:
    """The absolute URL of a request; raises ExpressionFailed where data would change its shape.

    `base` is the URL of the service; a whole URL goes without it.
    """
    if base is None or is_whole(url):
        address = _rendered(url, scope)
        _check_origin(address, url)
    else:
        root = _rendered(base, scope, env_as_it_is=True)
        _check_origin(root, base)
        if "?" in root:
            # The path would become a part of the query, and reach another resource.
            raise ExpressionFailed(f'"{root}" has a query: a service has none', base.node.place)
        address = root.rstrip("/") + _rendered(url, scope)
    added = "" if query is None else _query(query, scope)
    if added:
        joint = "&" if "?" in address else "?"
        address += added if address.endswith(("?", "&")) else joint + added
    return address


def _check_origin(text: str, template: Template) -> None:
    """Refuse what is no http(s) URL with a host, or holds what a request line could break on."""
    place = template.node.place
    if any(char <= " " or char > "~" for char in text):
        raise ExpressionFailed("a URL takes visible ASCII only", place)
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.port != 0
        host = parts.hostname or ""
    except ValueError:
        usable, host = False, ""
    # A fragment, even an empty one, would swallow the path that is appended, and some readers take
    # "\\" for "/": for them the host of http://a\\@b is a.
    if not usable or not _HOST.fullmatch(host) or "#" in text or "\\" in text:
        raise ExpressionFailed(f'"{text}" is no http or https URL', place)


def _parts(template: Template) -> tuple[str | Hole, ...]:
    node = template.node
    if template.is_constant or not isinstance(node, Scalar):
        return (evaluate_text(template, {}),)
    return evaluate_holes(node, template.compiled)


def _rendered(url: Template, scope: Mapping[str, Json], *, env_as_it_is: bool = False) -> str:
    """The address with every hole encoded for where it stands."""
    done = ""
    shape = ""
    holes: list[Hole] = []
    for part in _parts(url):
        if isinstance(part, str):
            text = _literal(part, done)
            shape += text
        else:
            text = _hole_text(part, done, scope, env_as_it_is=env_as_it_is)
            as_it_is = _is_verbatim(part, done, env_as_it_is=env_as_it_is)
            shape += text if as_it_is else _MARK
            holes.extend([] if as_it_is else [part])
        done += text
        if len(done) > MAX_TEXT:
            raise ExpressionFailed("it grows beyond a mebibyte", url.node.place)
    _check_segments(url, done, shape, holes)
    return done


def _authority_end(text: str) -> int:
    """Where scheme, host and port end in the beginning of an address; 0 for a path."""
    if text.startswith("/"):
        return 0
    at = text.find("://")
    found = _AFTER_AUTHORITY.search(text, at + 3) if at >= 0 else None
    return found.start() if found else len(text)


def _in_origin(done: str) -> bool:
    """Whether the next character still belongs to scheme, host or port."""
    return _authority_end(done) == len(done)


def _literal(part: str, done: str) -> str:
    """A text of the definition, encoded where it is not yet; the host is left to be checked."""
    cut = max(_authority_end(done + part) - len(done), 0)
    origin, rest = part[:cut], _LONE_PERCENT.sub("%25", part[cut:])
    if "?" in done:
        return origin + quote(rest, safe=QUERY_SAFE)
    path, mark, query = rest.partition("?")
    return origin + quote(path, safe=PATH_SAFE) + mark + quote(query, safe=QUERY_SAFE)


def _is_verbatim(hole: Hole, done: str, *, env_as_it_is: bool) -> bool:
    return _in_origin(done) or (env_as_it_is and _reads_env_only(hole))


def _reads_env_only(hole: Hole) -> bool:
    return all(path[0] == "env" for path, _, _, _ in tree_references(hole.tree))


def _hole_text(hole: Hole, done: str, scope: Mapping[str, Json], *, env_as_it_is: bool) -> str:
    value = hole_value(hole, scope)
    if _in_origin(done) and not _reads_env_only(hole):
        message = "host may not come from data: scheme, host and port come from env only"
        raise ExpressionFailed(message, hole_place(hole))
    text = None if isinstance(value, dict | list) else as_text(value)
    if text is None:
        raise ExpressionFailed(
            f"a URL takes a text or a number, not {kind(value)}", hole_place(hole)
        )
    if _is_verbatim(hole, done, env_as_it_is=env_as_it_is):
        return text
    if "?" not in done and _CONTROL.search(text):
        raise ExpressionFailed("a control character cannot stand in a path", hole_place(hole))
    try:
        return quote(text, safe="-._~")
    except UnicodeEncodeError:
        message = "half of a surrogate pair cannot stand in a URL"
        raise ExpressionFailed(message, hole_place(hole)) from None


def _check_segments(url: Template, done: str, shape: str, holes: list[Hole]) -> None:
    """Refuse a path that is not segment for segment the one that was written."""
    segments, written = _segments(done), _segments(shape)
    if len(segments) != len(written):  # every "/" in data is encoded, so this is never met
        raise ExpressionFailed("data would change the number of segments", url.node.place)
    seen = 0
    for segment, pattern in zip(segments, written, strict=True):
        seen += pattern.count(_MARK)
        if not segment and pattern:
            message = "an empty value would remove a segment of the path"
        elif segment.lower().replace("%2e", ".") in (".", ".."):
            message = f'"{segment}" as a whole segment climbs the path'
        else:
            continue
        place = hole_place(holes[seen - 1]) if _MARK in pattern else url.node.place
        raise ExpressionFailed(message, place)


def _segments(address: str) -> list[str]:
    return address[_authority_end(address) :].partition("?")[0].split("/")


def _query(query: Template, scope: Mapping[str, Json]) -> str:
    fields = evaluate(query, scope)
    if not isinstance(fields, dict):
        raise ExpressionFailed(f"a query is a map, not {kind(fields)}", query.node.place)
    pairs = []
    for name, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            if item is None or isinstance(item, dict | list):
                message = f'query "{name}" takes texts, numbers and bools, not {kind(item)}'
                raise ExpressionFailed(message, _place_of(query, name))
            pairs.append((name, as_text(item)))
    try:
        return urlencode(pairs, quote_via=quote, safe="-._~")
    except UnicodeEncodeError:
        message = "half of a surrogate pair cannot stand in a URL"
        raise ExpressionFailed(message, query.node.place) from None


def _place_of(query: Template, name: str) -> Place:
    value = query.node.get(name) if isinstance(query.node, Map) else None
    return query.node.place if value is None else value.place
