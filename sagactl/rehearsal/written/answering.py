"""The answers of a test, as they are written: the sandbox's own words for faults, or whole replies.

Deliberately absent: what becomes of an answer; that is the world's business.
"""

import re
from dataclasses import replace

from sagactl.definition.duration import parse_pause
from sagactl.rehearsal.fault import WORDS, FaultRejected, parse_fault
from sagactl.rehearsal.wire import Reply
from sagactl.rehearsal.written.model import Answer, Script, Target
from sagactl.rehearsal.written.telling import Telling, meant
from sagactl.source.node import Json, List, Map, Node, Scalar, plain
from sagactl.source.place import Place

OK = "ok"
REFUSED = "refused"
SPOKEN = tuple(dict.fromkeys((OK, *WORDS, REFUSED)))
_WORD = re.compile(r"(?P<kind>.*?)(?:x(?P<times>\d{1,5}))?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def read_script(target: Target, node: Node, place: Place, telling: Telling) -> Script:
    """The answers to the calls of a target; one alone is for all of them."""
    if isinstance(node, List):
        answers = [_answers(item, target, telling) for item in node.items]
        first = tuple(a for answer, times in answers for a in (answer,) * (times or 1))
        return Script(target, place, first, None)
    answer, times = _answers(node, target, telling)
    if times is not None:
        return Script(target, place, (answer,) * times, None)
    return Script(target, place, (), answer)


def _answers(node: Node, target: Target, telling: Telling) -> tuple[Answer, int | None]:
    """An answer, and for how many attempts it is meant."""
    if isinstance(node, Map):
        return _reply(node, telling), None
    assert isinstance(node, Scalar)  # the shape was checked
    found = _WORD.fullmatch(str(node.value))
    kind = "" if found is None else found["kind"]
    times = None if found is None or found["times"] is None else int(found["times"])
    well = Answer(node.place)
    if kind == OK:
        return well, times
    if kind == REFUSED:
        return replace(well, is_refused=True), times
    try:
        fault = parse_fault(f"{target.step}.{target.phase}={node.value}")
    except FaultRejected:
        _tell_unknown(node, kind, telling)
        return well, times
    # Nobody's words: that an answer was ordered says the test already.
    said = Reply(fault.status, is_empty=True) if fault.status and fault.prevents_effect else None
    return replace(well, fault=replace(fault, times=None), reply=said), times


def _tell_unknown(node: Scalar, kind: str, telling: Telling) -> None:
    message = f'"{node.value}" is no answer{meant(kind.partition(":")[0], SPOKEN)}'
    hint = (
        f"there are {', '.join(SPOKEN)}, slow:5s up to an hour, any status from 200 to 599, and x2 "
        "behind it for two attempts"
    )
    telling.tell("unknown-word", node.place, message, hint)


def _reply(node: Map, telling: Telling) -> Answer:
    """A whole reply."""
    status = _plain(node, "status", 200)
    json, body = node.get("json"), node.get("body")
    if json is not None and body is not None:
        message = 'a reply has "json" or "body", not both'
        telling.tell("wrong-value", body.place, message)
    pause = node.get("delay")
    delay_s = parse_pause(str(plain(pause))) if pause is not None else 0.0
    reply = Reply(
        status,
        None if json is None else plain(json),
        _headers(node.get("headers"), telling),
        is_empty=json is None and body is None,
        raw=None if body is None else str(plain(body)).encode(),
        content_type="application/json" if body is None else "text/plain",
    )
    is_done = _plain(node, "done", 200 <= status <= 299)
    return Answer(node.place, reply=reply, is_done=is_done, delay_s=delay_s or 0.0)


def _headers(node: Node | None, telling: Telling) -> dict[str, str]:
    headers = {}
    for entry in node if isinstance(node, Map) else ():
        value = str(plain(entry.value))
        if not _TOKEN.fullmatch(entry.name):
            telling.tell("bad-name", entry.key.place, f'"{entry.name}" cannot name a header')
        elif not (value.isascii() and value.isprintable()):
            message = "a header's value is printable ASCII on one line"
            telling.tell("wrong-value", entry.value.place, message)
        headers[entry.name] = value
    return headers


def _plain(node: Map, name: str, otherwise: Json) -> Json:
    found = node.get(name)
    return otherwise if found is None else plain(found)
