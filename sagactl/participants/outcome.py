"""THE other table: what was seen of an attempt, and which of the five outcomes that is.

Pure: no socket, no clock. The rules are read in one order: `outcomes`, then `fail_when`, then
`success` with its conditions, then the table by status. Wherever something cannot be told, the
answer is the one that is safe to act upon: `unknown` rather than `rejected`, and `result lost`
rather than `unknown` only where a success status proves that it did happen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.model import OutcomeKind, Request, StatusSet
from sagactl.definition.template import Template, evaluate, evaluate_condition
from sagactl.machine.command import Call, Outcome, Phase
from sagactl.participants.retry_after import retry_after
from sagactl.participants.wording import Redact, own_words, shown, status_words
from sagactl.source.json_text import JsonRejected, parse_json
from sagactl.source.node import Json

APPLIED = OutcomeKind.APPLIED
RESULT_LOST = OutcomeKind.RESULT_LOST
REJECTED = OutcomeKind.REJECTED
NOT_SENT = OutcomeKind.NOT_SENT
UNKNOWN = OutcomeKind.UNKNOWN


class FaultKind(Enum):
    """The ways an attempt can end without a status: the outcome, and whether another may help."""

    UNSENDABLE = ("a value cannot be sent", NOT_SENT, False)
    NAME_LOOKUP = ("name lookup failed", NOT_SENT, True)
    CONNECT_REFUSED = ("connection refused", NOT_SENT, True)
    CONNECT_TIMEOUT = ("connect timed out", NOT_SENT, True)
    CONNECT_FAILED = ("cannot connect", NOT_SENT, True)
    # Trying again does not make a certificate good, and hides that somebody may be listening.
    TLS_CERTIFICATE = ("bad certificate", NOT_SENT, False)
    TLS_HANDSHAKE = ("TLS handshake failed", NOT_SENT, True)
    PROXY = ("the proxy refused", NOT_SENT, True)
    NO_TOKEN = ("no access token", NOT_SENT, True)
    # Wrong credentials stay wrong until somebody mends them.
    TOKEN_REFUSED = ("the token service refused", NOT_SENT, False)
    UNEXPECTED_BEFORE = ("unexpected error before sending", NOT_SENT, True)
    WRITE = ("connection lost while sending", UNKNOWN, True)
    READ_TIMEOUT = ("read timed out", UNKNOWN, True)
    CONNECTION_LOST = ("connection lost", UNKNOWN, True)
    BAD_PROTOCOL = ("the reply is not HTTP", UNKNOWN, True)
    UNEXPECTED_AFTER = ("unexpected error after sending", UNKNOWN, True)

    def __init__(self, words: str, outcome: OutcomeKind, retriable: bool) -> None:
        self.words = words
        self.outcome = outcome
        self.retriable = retriable


@dataclass(frozen=True, slots=True)
class Fault:
    """No status was seen. `detail` says so in better words than the kind's, where there are any."""

    kind: FaultKind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A status was seen. `complete` is False where the body was cut, and `trouble` says why."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    complete: bool = True
    trouble: str | None = None


Seen = Reply | Fault

# Read after `outcomes`, `fail_when` and `success`; what is not listed is unknown.
BY_STATUS: tuple[tuple[OutcomeKind, StatusSet], ...] = (
    # 303 points to the result of what was done, so it often was (RFC 9110, 15.4.4).
    (UNKNOWN, StatusSet(((303, 303),))),
    (REJECTED, StatusSet(((300, 399),))),
    # 408: the service gave up on us, perhaps after it had begun.
    (UNKNOWN, StatusSet(((408, 408),))),
    (NOT_SENT, StatusSet(((425, 425), (429, 429)))),
    # The 4xx of RFC 9110 (418 is unused there), and 402, 423, 424, 428, 431, 451.
    (
        REJECTED,
        StatusSet(((400, 417), (421, 424), (426, 426), (428, 428), (431, 431), (451, 451))),
    ),
    (REJECTED, StatusSet(((501, 501), (505, 505)))),
)
RETRY_AFTER_COUNTS = (425, 429, 503)
ABSENT = (404, 410)
# Where `outcomes` names a status twice, the more careful reading counts.
MOVED_FIRST = (UNKNOWN, RESULT_LOST, REJECTED, NOT_SENT, APPLIED)
# A mebibyte of `{}` is thirty once it is read: there are bounds to how many there may be in one.
MIN_PART_BYTES = 10
ALWAYS_READ_PARTS = 1000


def by_status(status: int) -> OutcomeKind:
    """What a status that is no success means where nothing else is said."""
    return next((kind for kind, statuses in BY_STATUS if status in statuses), UNKNOWN)


def classify(call: Call, seen: Seen, now: float, redact: Redact = str) -> Outcome:
    """The outcome of an attempt; `redact` is applied to what the service itself said."""
    if isinstance(seen, Fault):
        detail = shown(redact(seen.detail or seen.kind.words))
        return Outcome(seen.kind.outcome, detail, retriable=seen.kind.retriable)
    reading = _Reading(call, seen, redact)
    outcome = _lookup(reading) if call.phase is Phase.LOOKUP else _reply(reading)
    wait, note = None, None
    if seen.status in RETRY_AFTER_COUNTS:
        headers = reading.headers
        wait, note = retry_after(headers.get("retry-after"), headers.get("date"), now)
    detail = outcome.detail if note is None else f"{outcome.detail}; {note}"
    absent = seen.status in ABSENT
    return replace(outcome, detail=detail, absent=absent, retry_after_s=wait)


class _Reading:
    """A reply, read once: its headers, its body as JSON, and the names expressions see."""

    def __init__(self, call: Call, reply: Reply, redact: Redact) -> None:
        self.call = call
        self.request: Request = call.request
        self.status = reply.status
        self.raw = reply.body
        self.redact = redact
        self.headers = _joined(reply.headers)
        self.body, self.trouble = _parsed(reply, call.request.max_reply_bytes)
        self.is_empty = self.trouble is None and not reply.body.strip()
        response: dict[str, Json] = {"status": reply.status, "headers": self.headers}
        if self.trouble is None:
            # Absent rather than null where it cannot be read: null is what an empty one gives.
            response["body"] = self.body
        self.scope = {**call.scope, "response": response}

    def lacks(self, template: Template | None) -> bool:
        """Whether the template reads a body that cannot be read."""
        return self.trouble is not None and template is not None and reads_body(template)

    def outcome(self, kind: OutcomeKind, words: str | None = None, **more: Json) -> Outcome:
        said = status_words(self.status)
        detail = said if words is None else f"{said}: {words}"
        return Outcome(kind, detail, self.status, **more)


def reads_body(template: Template) -> bool:
    """Whether a template reads `response.body`, or `response` as a whole."""
    paths = (reference.path for reference in template.references)
    return any(path[0] == "response" and path[1:2] in ((), ("body",)) for path in paths)


def _reply(reading: _Reading) -> Outcome:
    """The outcome of an action or a compensation."""
    return _refusal(reading) or _yield(reading)


def _lookup(reading: _Reading) -> Outcome:
    """The outcome of a lookup: whether the service answered, and what."""
    assert reading.call.lookup is not None  # a lookup's call carries it
    found = reading.call.lookup.found
    refusal = _refusal(reading)
    if refusal is None and found is None and reading.status == 404:
        # A service whose undo counts 404 as success does not say that its lookups find something.
        return reading.outcome(APPLIED, _said(reading), found=False)
    if refusal is not None:
        # Anything but a definite "not there" is no answer at all.
        said_no = refusal.kind is REJECTED and reading.status == 404
        return replace(refusal, found=False if said_no else None)
    if found is None and not 200 <= reading.status <= 299:
        return reading.outcome(UNKNOWN, "neither found nor not found")
    if found is not None:
        answer = _asked(reading, found)
        if answer is not None:
            return answer
    return replace(_yield(reading), found=True)


def _asked(reading: _Reading, found: Template) -> Outcome | None:
    """The outcome where `found` is false or cannot be told; None where it is true."""
    if reading.lacks(found):
        return reading.outcome(UNKNOWN, f'"found" cannot be told: {reading.trouble}')
    try:
        if evaluate_condition(found, reading.scope):
            return None
    except ExpressionFailed as failure:
        return reading.outcome(UNKNOWN, f'"found" cannot be told: {_why(reading, failure)}')
    return reading.outcome(APPLIED, '"found" is false', found=False)


def _refusal(reading: _Reading) -> Outcome | None:
    """The outcome, if it is no success; None for a success status with its conditions true."""
    moved = _moved(reading.request.outcomes, reading.status)
    if moved is not None:
        return None if moved is APPLIED else reading.outcome(moved, _said(reading))
    if _fails(reading):
        said = _said(reading)
        return reading.outcome(REJECTED, '"fail_when" is true' + (f": {said}" if said else ""))
    if reading.status not in reading.request.success.statuses:
        return _by_status(reading)
    for condition in reading.request.success.conditions:
        outcome = _doubt(reading, condition)
        if outcome is not None:
            return outcome
    return None


def _moved(outcomes: Mapping[OutcomeKind, StatusSet], status: int) -> OutcomeKind | None:
    if not outcomes:
        return None
    return next((k for k in MOVED_FIRST if k in outcomes and status in outcomes[k]), None)


def _fails(reading: _Reading) -> bool:
    fail_when = reading.request.fail_when
    if fail_when is None or reading.lacks(fail_when):
        return False
    try:
        return evaluate_condition(fail_when, reading.scope)
    except ExpressionFailed:
        # It names a definite no: `response.body.error.code` is not there in a good reply, and a
        # body that cannot be read says nothing. Only what is seen may turn into "rejected".
        return False


def _by_status(reading: _Reading) -> Outcome:
    status = reading.status
    if status == 409 and reading.call.doubted:
        return reading.outcome(UNKNOWN, _said(reading) or "an earlier attempt is still running")
    return reading.outcome(by_status(status), _said(reading))


def _doubt(reading: _Reading, condition: Template) -> Outcome | None:
    """The outcome where a condition of `success` is not true."""
    if reading.lacks(condition):
        return reading.outcome(RESULT_LOST, f"the reply was not read: {reading.trouble}")
    try:
        if evaluate_condition(condition, reading.scope):
            return None
    except ExpressionFailed as failure:
        words = f'a condition of "success" cannot be told: {_why(reading, failure)}'
        return reading.outcome(UNKNOWN, words)
    place = condition.node.place
    return reading.outcome(UNKNOWN, f'the condition of "success" at {place} is false')


def _yield(reading: _Reading) -> Outcome:
    """Applied with what is needed of the reply, or result lost."""
    request, call = reading.request, reading.call
    if reading.trouble is not None and _is_needed(reading):
        return reading.outcome(RESULT_LOST, f"the reply was not read: {reading.trouble}")
    result = reading.body if call.phase is not Phase.COMPENSATION else None
    if request.result is not None:
        try:
            result = evaluate(request.result, reading.scope)
        except ExpressionFailed as failure:
            lost = f'"result" cannot be told: {_why(reading, failure)}'
            return reading.outcome(RESULT_LOST, lost)
    if not reading.is_empty:
        missing = next((path for path in call.needed_paths if not _exists(result, path)), None)
        if missing is not None:
            lacks = f"the result lacks {_dotted(missing)}, which is read later"
            return reading.outcome(RESULT_LOST, lacks)
    trouble = reading.trouble
    words = None if trouble is None else f"the reply was not read: {trouble}"
    return reading.outcome(APPLIED, words, result=result)


def _is_needed(reading: _Reading) -> bool:
    """Whether something reads the body of a reply whose body cannot be read."""
    request = reading.request
    if reading.lacks(request.fail_when):
        return True  # it may have said no
    if request.result is not None:
        return reads_body(request.result)
    return reading.call.needs_body


def _parsed(reply: Reply, max_bytes: int) -> tuple[Json, str | None]:
    """The body as JSON (null where it is empty), or what is wrong with it."""
    if not reply.complete or reply.trouble is not None:
        return None, reply.trouble or "it was cut"
    if not reply.body.strip():
        return None, None
    parts = reply.body.count(b"{") + reply.body.count(b"[")
    if parts > max(ALWAYS_READ_PARTS, max_bytes // MIN_PART_BYTES):
        return None, f"it has {parts} lists and objects"
    try:
        return parse_json(reply.body.decode("utf-8")), None
    except UnicodeDecodeError:
        return None, "it is not UTF-8"
    except JsonRejected as rejection:
        return None, f"it is not JSON: {rejection}"


def _joined(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Headers by lower-case name, repeated ones joined (RFC 9110, 5.3)."""
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


def _exists(value: Json, path: tuple[str | int, ...]) -> bool:
    for part in path:
        named = isinstance(value, dict) and part in value
        placed = isinstance(value, list) and isinstance(part, int) and -1 < part < len(value)
        if not (named or placed):
            return False
        value = value[part]
    return True


def _dotted(path: tuple[str | int, ...]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return f'"{"".join(parts).lstrip(".")}"'


def _said(reading: _Reading) -> str | None:
    """What there is to say about a reply that is no success."""
    if 300 <= reading.status <= 399 and "location" in reading.headers:
        return f'redirects to "{shown(reading.redact(reading.headers["location"]))}", not followed'
    plain = reading.headers.get("content-type", "").startswith("text/plain")
    body = reading.raw.decode("utf-8", "replace") if plain else reading.body
    return own_words(body, reading.redact)


def _why(reading: _Reading, failure: ExpressionFailed) -> str:
    return shown(reading.redact(failure.message))
