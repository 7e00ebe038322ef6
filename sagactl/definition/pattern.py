"""Regular expressions of JSON Schema (ECMA-262), matched in time that the text's length bounds.

Python's own engine goes back and forth, and `^(a+)+$` keeps it busy for ever on thirty letters.
Here a piece of a pattern takes the set of positions it may begin at to the set it may end at, so
nothing is ever tried twice. Deliberately absent: back references and looking behind.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeAlias

from sagactl.definition.pattern_text import (
    Choice,
    Edge,
    Letter,
    Look,
    Piece,
    Repeat,
    Sequence,
    is_word,
    parse_pattern,
)

# About a second of work; a text of 10,000 characters against a usual pattern takes a tenth of it.
FUEL = 1_000_000

Positions: TypeAlias = AbstractSet[int]


class PatternTooCostly(Exception):
    """The text is too long to be held against this pattern."""


def matches(pattern: str, text: str) -> bool:
    """Whether it is found anywhere in the text; raises PatternRejected, PatternTooCostly."""
    return matched(pattern, text, FUEL)[0]


def matched(pattern: str, text: str, fuel: int) -> tuple[bool, int]:
    """The same, and what is left of the fuel; to read the pattern takes some too."""
    matching = _Matching(text, fuel - len(pattern))
    anywhere = frozenset(range(len(text) + 1))
    return bool(matching.ends(parse_pattern(pattern), anywhere)), matching.fuel


@dataclass
class _Matching:
    text: str
    fuel: int

    def ends(self, piece: Piece, starts: Positions) -> Positions:
        """Where the piece can end, given where it may begin."""
        self.fuel -= 1 + len(starts)
        if self.fuel < 0:
            raise PatternTooCostly
        match piece:
            case Letter():
                text, size = self.text, len(self.text)
                return {at + 1 for at in starts if at < size and piece.takes(text[at])}
            case Sequence():
                for part in piece.parts:
                    if not starts:
                        break
                    starts = self.ends(part, starts)
                return starts
            case Choice():
                return frozenset().union(*(self.ends(option, starts) for option in piece.options))
            case Repeat():
                return self._repeated(piece, starts)
            case Edge():
                return {at for at in starts if self._is_edge(piece.kind, at)}
            case Look():
                return {
                    at
                    for at in starts
                    if bool(self.ends(piece.piece, frozenset((at,)))) != piece.negated
                }

    def _repeated(self, repeat: Repeat, starts: Positions) -> Positions:
        reached = starts
        for _ in range(repeat.low):
            reached = self.ends(repeat.piece, reached)
            if not reached:
                return reached
        found = set(reached)
        count = repeat.low
        # A position once reached needs no second visit, so this ends even for (a*)*.
        while reached and (repeat.high is None or count < repeat.high):
            reached = self.ends(repeat.piece, reached) - found
            found |= reached
            count += 1
        return found

    def _is_edge(self, kind: str, at: int) -> bool:
        if kind == "^":
            return at == 0
        if kind == "$":
            return at == len(self.text)
        before = at > 0 and is_word(self.text[at - 1])
        after = at < len(self.text) and is_word(self.text[at])
        return (before != after) == (kind == "b")
