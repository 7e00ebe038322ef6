"""One call held against one line of a list of calls."""

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from sagactl.machine.tested import Mismatch
from sagactl.rehearsal.written.comparing import (
    NOTHING,
    brief,
    differences,
    path_fits,
    text_fits,
)
from sagactl.rehearsal.written.model import ExpectedCall
from sagactl.rehearsal.written.world import Sent
from sagactl.source.json_text import JsonRejected, parse_json
from sagactl.source.node import Json, Node, plain
from sagactl.source.place import Place


def is_meant(line: ExpectedCall, sent: Sent) -> bool:
    """Whether the call is the one that the line speaks of, whatever it carries."""
    call = sent.call
    if line.target is not None and not line.target.meets(call.step, call.phase):
        return False
    if line.method is not None and line.method != call.sending.method:
        return False
    return line.path is None or path_fits(line.path, sent.path)


def details(line: ExpectedCall, sent: Sent) -> list[Mismatch]:
    """In what the call is not as the line says."""
    return list(_details(line, sent))


def mismatch(
    place: Place, what: str, expected: str, came: str, *, is_said: bool = False
) -> Mismatch:
    """Something that came otherwise; `is_said`: in the words of a name, which have no quotes."""
    shown = f'"{expected}"' if is_said else expected
    return Mismatch(place, what, expected, came, f"{what}: expected {shown}, came {came}")


def _details(line: ExpectedCall, sent: Sent) -> Iterator[Mismatch]:
    body = sent.call.sending.body
    if line.json is not None:
        yield from _within(line, sent, "json", line.json, _json(body))
    if line.form is not None:
        yield from _within(line, sent, "form", line.form, _fields(body or ""))
    if line.query is not None:
        fields = _fields(urlsplit(sent.call.sending.url).query)
        yield from _within(line, sent, "query", line.query, fields)
    if line.body is not None and line.body.value != (body or ""):
        what = f"{sent.name}, body"
        yield mismatch(line.body.place, what, brief(line.body.value), brief(body))
    for entry in line.headers or ():
        wanted, came = str(plain(entry.value)), sent.headers.get(entry.name.lower())
        if came is None or not text_fits(wanted, came):
            shown = NOTHING if came is None else brief(came)
            what = f"{sent.name}, header {entry.name}"
            yield mismatch(entry.value.place, what, brief(wanted), shown)
    if line.outcome is not None:
        outcome = "nobody heard" if sent.outcome is None else sent.outcome.kind.replace("_", " ")
        if line.outcome.value != outcome:
            what = f"{sent.name}, outcome"
            yield mismatch(line.outcome.place, what, brief(line.outcome.value), brief(outcome))


def _within(
    line: ExpectedCall, sent: Sent, kind: str, wanted: Node, came: Json
) -> Iterator[Mismatch]:
    texts = kind != "json"
    for found in differences(wanted, came, is_exact=line.is_exact, are_texts=texts):
        path = f"{kind}.{found.path}".replace(".[", "[") if found.path else kind
        yield mismatch(found.place, f"{sent.name}, {path}", found.expected, found.came)


def _json(body: str | None) -> Json:
    """The body as JSON; what is none is a text, which no JSON in a test is like by chance."""
    try:
        return None if body is None else parse_json(body)
    except JsonRejected:
        return body


def _fields(text: str) -> Json:
    """Form fields as texts; of a name that stands several times, a list."""
    fields: dict[str, Json] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name] = [*fields[name], value]
        else:
            fields[name] = [fields[name], value]
    return fields
