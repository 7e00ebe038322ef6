"""What is said about a reply, in few words for people.

Anything a service sent is cut short and its control characters are escaped: it ends up on a
terminal and in a log (CWE-117, CWE-150).
"""

from collections.abc import Callable
from http import HTTPStatus

from sagactl.source.node import Json

Redact = Callable[[str], str]

MAX_WORDS = 200
# Names as of RFC 9110; the standard library keeps older ones in some versions of Python.
PHRASES = {
    **{int(status): status.phrase for status in HTTPStatus},
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


def status_words(status: int) -> str:
    """A status with its name: `402 Payment Required`."""
    phrase = PHRASES.get(status)
    return str(status) if phrase is None else f"{status} {phrase}"


def shown(text: str) -> str:
    """The text on one line, cut short, every character that is not printable escaped."""
    cut = text if len(text) <= MAX_WORDS else text[: MAX_WORDS - 1] + "…"
    return "".join(char if char.isprintable() else _escaped(char) for char in cut)


def size_words(size: int) -> str:
    """A number of bytes: `1 MiB`."""
    for unit, factor in (("MiB", 1024 * 1024), ("KiB", 1024)):
        if size >= factor and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size} bytes"


def own_words(body: Json, redact: Redact) -> str | None:
    """What a refusing service says itself, quoted; None where it has no words for people."""
    said = _message(body)
    if said is None or not said.strip():
        return None
    # Secrets go first: a cut through the middle of one would leave a part that nobody finds.
    return f'"{shown(redact(said.strip()))}"'


def _message(body: Json) -> str | None:
    """Problem details (RFC 9457), or the `error` or `message` that most others have."""
    if isinstance(body, str):
        return body
    if not isinstance(body, dict):
        return None
    title, detail = (_text(body.get(name)) for name in ("title", "detail"))
    if title is not None or detail is not None:
        return ": ".join(part for part in (title, detail) if part is not None)
    error = body.get("error")
    for said in (error, body.get("message"), body.get("error_description")):
        if _text(said) is not None:
            return _text(said)
    return _message(error) if isinstance(error, dict) else None


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
