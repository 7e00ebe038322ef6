"""The text of a regular expression, as ECMA-262 means it, taken apart into pieces.

What a pattern says here is what an editor's JSON Schema reads in it: `$` is the very end, `\\d` is
0 to 9. What is not understood is refused, never guessed.
"""

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import NoReturn, TypeAlias

MAX_LENGTH = 1000
MAX_DEPTH = 20
MAX_REPEATS = 1000


class PatternRejected(ValueError):
    """The pattern cannot be read, or asks for what is not offered."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One character out of some."""

    ranges: tuple[tuple[str, str], ...]
    kinds: str = ""  # of "dws", upper case for all but these
    negated: bool = False

    def takes(self, char: str) -> bool:
        taken = any(low <= char <= high for low, high in self.ranges) or any(
            _is_kind(char, kind) for kind in self.kinds
        )
        return taken != self.negated


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: "tuple[Piece, ...]"


@dataclass(frozen=True, slots=True)
class Choice:
    options: "tuple[Piece, ...]"


@dataclass(frozen=True, slots=True)
class Repeat:
    piece: "Piece"
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class Edge:
    """A place between characters: `^`, `$`, `b` or `B`."""

    kind: str


@dataclass(frozen=True, slots=True)
class Look:
    piece: "Piece"
    negated: bool


Piece: TypeAlias = Letter | Sequence | Choice | Repeat | Edge | Look

_LINE_ENDS = "\n\r\u2028\u2029"
_ANY = Letter(tuple((char, char) for char in _LINE_ENDS), negated=True)
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_SYNTAX = "^$\\.*+?()[]{}|/-"
_QUANTIFIERS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def is_word(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char == "_")


def _is_kind(char: str, kind: str) -> bool:
    match kind.lower():
        case "d":
            found = "0" <= char <= "9"
        case "w":
            found = is_word(char)
        case _:
            found = char in "\t\v\f\ufeff" + _LINE_ENDS or unicodedata.category(char) == "Zs"
    return found != kind.isupper()


@cache
def parse_pattern(pattern: str) -> Piece:
    """The pieces of a pattern; raises PatternRejected."""
    if len(pattern) > MAX_LENGTH:
        raise PatternRejected(f"it is longer than {MAX_LENGTH} characters")
    reading = _Reading(pattern)
    piece = reading.choice(0)
    if not reading.is_at_end:
        reading.refuse('")" closes nothing')
    return piece


class _Reading:
    """The pattern and how far it is read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at >= len(self._text)

    def refuse(self, why: str) -> NoReturn:
        raise PatternRejected(f"{why} (character {self._at + 1})")

    def choice(self, depth: int) -> Piece:
        if depth > MAX_DEPTH:
            self.refuse(f"it is nested deeper than {MAX_DEPTH}")
        options = [self._sequence(depth)]
        while self._take("|"):
            options.append(self._sequence(depth))
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self, depth: int) -> Piece:
        parts: list[Piece] = []
        while not self.is_at_end and self._peek() not in "|)":
            parts.append(self._quantified(self._atom(depth)))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _quantified(self, piece: Piece) -> Piece:
        bounds = self._quantifier()
        if bounds is None:
            return piece
        low, high = bounds
        if isinstance(piece, Edge | Look):
            self.refuse("there is nothing to repeat")
        if max(low, high or 0) > MAX_REPEATS or (high is not None and high < low):
            self.refuse(f"a repetition goes from few to many, {MAX_REPEATS} at most")
        self._take("?")  # lazy or greedy, what matches is the same
        if self._quantifier() is not None:
            self.refuse("there is nothing to repeat")
        return Repeat(piece, low, high)

    def _quantifier(self) -> tuple[int, int | None] | None:
        char = self._peek()
        if char in _QUANTIFIERS:
            self._at += 1
            return _QUANTIFIERS[char]
        if char != "{":
            return None
        inside, closed, _ = self._text[self._at + 1 :].partition("}")
        low, comma, high = inside.partition(",")
        if not closed or not _is_number(low) or not (high == "" or _is_number(high)):
            self.refuse('a "{" that repeats nothing is written "\\{"')
        self._at += len(inside) + 2
        return int(low), (int(high) if high else None) if comma else int(low)

    def _atom(self, depth: int) -> Piece:
        char = self._next()
        match char:
            case "(":
                return self._group(depth)
            case "[":
                return self._letters()
            case ".":
                return _ANY
            case "^" | "$":
                return Edge(char)
            case "\\":
                return self._escape()
            case "*" | "+" | "?" | "{":
                self.refuse("there is nothing to repeat")
            case "}" | "]":
                self.refuse(f'"{char}" closes nothing')
        return Letter(((char, char),))

    def _group(self, depth: int) -> Piece:
        look = None
        if self._take("?"):
            kind = self._next()
            if kind in "=!":
                look = kind
            elif kind == "<" and self._peek() not in ("=", "!"):
                name, closed, _ = self._text[self._at :].partition(">")
                if not closed or not name.isidentifier():
                    self.refuse("a group's name is <name>")
                self._at += len(name) + 1
            elif kind != ":":
                self.refuse("looking behind is not offered" if kind == "<" else "unknown group")
        piece = self.choice(depth + 1)
        if not self._take(")"):
            self.refuse('a "(" is not closed')
        # A group around an edge may be repeated, the bare edge may not.
        return Sequence((piece,)) if look is None else Look(piece, look == "!")

    def _escape(self) -> Piece:
        char = self._next()
        if char in "bB":
            return Edge(char)
        if char.lower() in "dws":
            return Letter((), char)
        literal = self._literal(char)
        return Letter(((literal, literal),))

    def _literal(self, char: str) -> str:
        if char in _ESCAPES:
            return _ESCAPES[char]
        if char in _SYNTAX:
            return char
        if char in "xu":
            digits = self._hex(2 if char == "x" else 4)
            return chr(int(digits, 16))
        is_reference = char.isdigit() or char == "k"
        what = "a back reference" if is_reference else f'"\\{char}"'
        return self.refuse(f"{what} is not offered")

    def _hex(self, length: int) -> str:
        if length == 4 and self._take("{"):
            digits, closed, _ = self._text[self._at :].partition("}")
            self._at += len(digits) + 1
            valid = bool(closed) and len(digits) <= 6
        else:
            digits = self._text[self._at : self._at + length]
            self._at += length
            valid = len(digits) == length
        if not valid or not digits or any(d not in "0123456789abcdefABCDEF" for d in digits):
            self.refuse("a character's number is written \\xHH or \\uHHHH")
        if int(digits, 16) > 0x10FFFF:
            self.refuse("there is no such character")
        return digits

    def _letters(self) -> Piece:
        negated = self._take("^")
        ranges: list[tuple[str, str]] = []
        kinds = ""
        while not self._take("]"):
            low, kind = self._class_part()
            kinds += kind
            if kind or self._peek() != "-" or self._text[self._at + 1 : self._at + 2] in ("]", ""):
                ranges.extend([] if kind else [(low, low)])
                continue
            self._at += 1
            high, kind = self._class_part()
            if kind or high < low:
                self.refuse("a range goes from a lower character to a higher one")
            ranges.append((low, high))
        return Letter(tuple(ranges), kinds, negated)

    def _class_part(self) -> tuple[str, str]:
        """A character of a class, or a kind of them."""
        char = self._next()
        if char != "\\":
            return char, ""
        char = self._next()
        if char.lower() in "dws":
            return "", char
        return ("\b" if char == "b" else self._literal(char)), ""

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        if self.is_at_end:
            self.refuse("it ends too early")
        self._at += 1
        return self._text[self._at - 1]

    def _take(self, char: str) -> bool:
        if self._peek() != char:
            return False
        self._at += 1
        return True


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 6
