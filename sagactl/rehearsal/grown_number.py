"""Numbers that a schema allows: whole ones where that can be, within bounds, of the right multiple.

Reckoned in fractions, so that a multiple of 0.01 is one.
"""

from fractions import Fraction
from math import ceil, floor

from sagactl.rehearsal.layer import Layers, Ungrowable, is_number
from sagactl.source.node import Json


def grown_number(found: Layers, leaf: Json, shift: int, *, is_whole: bool) -> int | float:
    """A number of these schemas, near what its name lets expect; raises Ungrowable.

    `shift` keeps the numbers of one list apart.
    """
    steps = [Fraction(str(step)) for step in found.numbers("multipleOf") if step > 0]
    step = max(steps, default=Fraction(1))
    said = [value for keyword in ("example", "default") for value in found.numbers(keyword)]
    value = Fraction(str(said[0] if said else leaf if is_number(leaf) else 1)) + shift
    if is_whole or steps:
        value = ceil(value / step) * step
    value = _within(found, value, step, may_halve=not (is_whole or steps))
    if any(value % each for each in steps) or (is_whole and value.denominator != 1):
        raise Ungrowable
    return int(value) if value.denominator == 1 else float(value)


def is_allowed_number(found: Layers, value: int | float) -> bool:
    """Whether bounds and multiples let a number be one of these schemas."""
    number = Fraction(str(value))
    low, is_above = _lowest(found)
    high, is_below = _highest(found)
    if low is not None and (number < low or (is_above and number == low)):
        return False
    if high is not None and (number > high or (is_below and number == high)):
        return False
    return not any(number % Fraction(str(m)) for m in found.numbers("multipleOf") if m > 0)


def _within(found: Layers, value: Fraction, step: Fraction, *, may_halve: bool) -> Fraction:
    """The value, or the nearest one that the bounds let in."""
    low, is_above = _lowest(found)
    high, is_below = _highest(found)
    if low is not None and (value < low or (is_above and value == low)):
        value = ceil(low / step) * step
        value += step if is_above and value == low else 0
    if high is not None and (value > high or (is_below and value == high)):
        value = floor(high / step) * step
        value -= step if is_below and value == high else 0
    if low is None or value > low or (value == low and not is_above):
        return value
    if high is None or not may_halve or high < low or (high == low and (is_above or is_below)):
        raise Ungrowable
    return (low + high) / 2  # there is no whole one between them


def _lowest(found: Layers) -> tuple[Fraction | None, bool]:
    """The lower bound, and whether it is itself left out."""
    bounds = _bounds(found, "minimum", "exclusiveMinimum")
    return max(bounds, default=(None, False))


def _highest(found: Layers) -> tuple[Fraction | None, bool]:
    bounds = [
        (value, not is_out) for value, is_out in _bounds(found, "maximum", "exclusiveMaximum")
    ]
    edge, is_in = min(bounds, default=(None, True))
    return edge, not is_in


def _bounds(found: Layers, keyword: str, exclusive: str) -> list[tuple[Fraction, bool]]:
    bounds: list[tuple[Fraction, bool]] = []
    for piece in found.pieces:
        # In 3.0 the second word is true or false, and says something of the first.
        plain, strict = piece.value.get(keyword), piece.value.get(exclusive)
        if is_number(plain):
            bounds.append((Fraction(str(plain)), strict is True))
        if is_number(strict):
            bounds.append((Fraction(str(strict)), True))
    return bounds
