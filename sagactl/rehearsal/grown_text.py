"""Texts that a schema allows: by format, by pattern, by length; the same for the same seed.

A pattern that cannot be read here says nothing. Deliberately absent: formats that are not in the
table; such a text looks as its name lets expect.
"""

import hashlib
import string
from collections.abc import Callable, Iterator
from uuid import UUID

from sagactl.definition.pattern import PatternTooCostly, matches
from sagactl.definition.pattern_text import (
    Choice,
    Letter,
    PatternRejected,
    Piece,
    Repeat,
    Sequence,
    parse_pattern,
)
from sagactl.rehearsal.layer import Layers, Ungrowable
from sagactl.rehearsal.leaf import Leaf, names_a_thing
from sagactl.rehearsal.shape import Path

# What a pattern's letter is taken from, the plainest first.
ALPHABET = string.ascii_lowercase + string.digits + string.ascii_uppercase + "_-. /:@+#%!,;()[]{}=~"
# How many letters are asked of a repetition that may go on and on.
STRETCHES = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)
SHORT_STRETCHES = (0, 2, 8)
TURNS = 60
LONGEST = 100_000


def grown_text(found: Layers, leaf: Leaf, path: Path) -> str:
    """A text of these schemas; raises Ungrowable."""
    least = int(max(found.numbers("minLength"), default=0))
    most = int(min(found.numbers("maxLength"), default=LONGEST))
    patterns = [value for _, value in found.said("pattern") if isinstance(value, str)]
    patterns = [pattern for pattern in patterns if _is_readable(pattern)]
    if least > min(most, LONGEST):
        raise Ungrowable
    tried: set[str] = set()
    for text in _candidates(found, leaf, path, patterns, least, most):
        if text in tried:
            continue
        tried.add(text)
        if len(text) <= LONGEST and is_allowed_text(found, text):
            return text
    raise Ungrowable


def is_allowed_text(found: Layers, text: str) -> bool:
    """Whether length and patterns let a text be one of these schemas."""
    least, most = max(found.numbers("minLength"), default=0), found.numbers("maxLength")
    patterns = [value for _, value in found.said("pattern") if isinstance(value, str)]
    return least <= len(text) <= min(most, default=len(text)) and all(
        _matches(pattern, text) for pattern in patterns if _is_readable(pattern)
    )


def _candidates(
    found: Layers, leaf: Leaf, path: Path, patterns: list[str], least: int, most: int
) -> Iterator[str]:
    # An example that names a thing would name every thing alike.
    if not names_a_thing(path):
        yield from _examples(found)
    digest = hashlib.sha256(f"{leaf.seed} {path}".encode()).hexdigest()
    formats = [value for _, value in found.said("format") if isinstance(value, str)]
    formatted = [_FORMATS[name](digest) for name in formats if name in _FORMATS]
    yield from formatted
    if formatted and not patterns:
        return
    value = leaf(path)
    text = value if isinstance(value, str) else f"{path[-1] if path else 'text'}-{digest[:8]}"
    number = sum(part for part in path if isinstance(part, int))
    text = f"{text}-{number}" if number else text
    # What tells one from another stands at the end of it.
    yield (text + digest * (1 + least // len(digest)))[: max(least, len(text))][-most or LONGEST :]
    if len(patterns) == 1:
        for stretch in STRETCHES:
            yield "".join(_spelt(parse_pattern(patterns[0]), digest, stretch))
        return
    # What one pattern takes another may not: it takes more than one try, and short ones.
    for turn in range(TURNS):
        turned = hashlib.sha256(f"{digest} {turn}".encode()).hexdigest()
        for pattern in patterns:
            for stretch in SHORT_STRETCHES:
                yield "".join(_spelt(parse_pattern(pattern), turned, stretch))


def _examples(found: Layers) -> Iterator[str]:
    for keyword in ("example", "examples", "default"):
        for _, said in found.said(keyword):
            for value in said if isinstance(said, list) else [said]:
                if isinstance(value, str):
                    yield value


def _is_readable(pattern: str) -> bool:
    try:
        parse_pattern(pattern)
    except PatternRejected:
        return False
    return True


def _matches(pattern: str, text: str) -> bool:
    try:
        return matches(pattern, text)
    except PatternTooCostly:
        return False


def _spelt(piece: Piece, digest: str, stretch: int) -> Iterator[str]:
    """Letters that a pattern takes; looking ahead is not minded, whoever asks matches the whole."""
    yield from _letters_of(piece, _Letters(digest), stretch)


class _Letters:
    """Chooses among letters, by a digest: the same choices for the same seed."""

    def __init__(self, digest: str) -> None:
        self._digest = digest
        self._at = 0

    def one_of(self, allowed: str) -> str:
        self._at += 1
        number = int(self._digest[self._at % len(self._digest)], 16) + self._at
        return allowed[number % len(allowed)]


def _letters_of(piece: Piece, letters: _Letters, stretch: int) -> Iterator[str]:
    match piece:
        case Letter():
            allowed = "".join(char for char in ALPHABET if piece.takes(char))
            if not allowed and piece.ranges and not piece.negated:
                allowed = piece.ranges[0][0]
            # The plainest kind there is: an id is not spelt with brackets.
            plain = "".join(char for char in allowed if char.isalnum()) or allowed
            if plain:
                yield letters.one_of(plain)
        case Sequence():
            for part in piece.parts:
                yield from _letters_of(part, letters, stretch)
        case Choice():
            yield from _letters_of(piece.options[0], letters, stretch)
        case Repeat():
            high = piece.low + stretch if piece.high is None else piece.high
            for _ in range(min(high, piece.low + stretch)):
                yield from _letters_of(piece.piece, letters, stretch)


def _uuid(digest: str) -> str:
    return str(UUID(digest[:32], version=4))


_FORMATS: dict[str, Callable[[str], str]] = {
    "date-time": lambda digest: "2026-01-01T00:00:00Z",
    "date": lambda digest: "2026-01-01",
    "time": lambda digest: "00:00:00Z",
    "duration": lambda digest: "P1D",
    "email": lambda digest: f"{digest[:8]}@example.com",
    "idn-email": lambda digest: f"{digest[:8]}@example.com",
    "hostname": lambda digest: "sandbox.example.com",
    "idn-hostname": lambda digest: "sandbox.example.com",
    "ipv4": lambda digest: "192.0.2.1",
    "ipv6": lambda digest: "2001:db8::1",
    "uri": lambda digest: f"http://sandbox/-/{digest[:8]}",
    "url": lambda digest: f"http://sandbox/-/{digest[:8]}",
    "iri": lambda digest: f"http://sandbox/-/{digest[:8]}",
    "uri-reference": lambda digest: f"/{digest[:8]}",
    "iri-reference": lambda digest: f"/{digest[:8]}",
    "uuid": _uuid,
    "byte": lambda digest: "c2FuZGJveA==",
    "regex": lambda digest: "^.*$",
    "json-pointer": lambda digest: f"/{digest[:8]}",
    "relative-json-pointer": lambda digest: "0",
}
