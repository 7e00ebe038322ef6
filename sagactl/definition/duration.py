"""Durations and sizes as people write them."""

import re
from math import ceil

_UNITS_S = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_NUMBER = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)"
# Each unit once and the largest first: 1h30m, never 30m1h.
_UNITS = re.compile(
    rf"(?=[0-9])(?:{_NUMBER}d)?(?:{_NUMBER}h)?(?:{_NUMBER}m(?!s))?(?:{_NUMBER}s)?(?:{_NUMBER}ms)?\Z"
)
_ISO = re.compile(
    rf"P(?=[0-9T])(?:{_NUMBER}D)?(?:T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?\Z"
)
_SIZE = re.compile(r"([1-9][0-9]{0,9}) ?(B|kB|KB|KiB|MB|MiB|GB|GiB)\Z")
_BYTES = {
    "B": 1, "kB": 1000, "KB": 1000, "KiB": 1024, "MB": 1000**2, "MiB": 1024**2,
    "GB": 1000**3, "GiB": 1024**3,
}  # fmt: skip

# A century: longer than anything waits, and far from where dates overflow.
LONGEST_S = 36525 * 86400.0
LARGEST = 1024**3


def parse_duration(text: str) -> float | None:
    """Seconds of `200ms`, `1h30m` or `PT5M`; None where it is no duration up to a century."""
    seconds = parse_pause(text)
    return seconds or None


def parse_pause(text: str) -> float | None:
    """The same, but a pause may be zero."""
    found = _UNITS.match(text) or _ISO.match(text)
    if found is None:
        return None
    parts = zip(found.groups(), _UNITS_S.values(), strict=False)
    # Rounded to the microsecond: 0.3 s is not 300 times a float millisecond.
    seconds = round(sum(float(number) * unit for number, unit in parts if number), 6)
    return seconds if seconds <= LONGEST_S else None


def said_duration(seconds: float) -> str:
    """A duration in the largest unit that says it exactly."""
    for unit in ("d", "h", "m", "s"):
        if seconds >= _UNITS_S[unit] and seconds % _UNITS_S[unit] == 0:
            return f"{int(seconds // _UNITS_S[unit])}{unit}"
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"


def said_span(seconds: float) -> str:
    """About how long, as `1d4m9s`: rounded up to whole seconds where it is a minute or more."""
    if seconds < 60:
        return said_duration(round(seconds, 3))
    left, words = ceil(round(seconds, 3)), []
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, int(_UNITS_S[unit]))
        words += [f"{count}{unit}"] if count else []
    return "".join(words)


def parse_size(value: int | str) -> int | None:
    """Bytes of `65536`, `64KiB` or `1MB`; None where it is no size up to a gibibyte."""
    if isinstance(value, str):
        found = _SIZE.match(value)
        if found is None:
            return None
        value = int(found.group(1)) * _BYTES[found.group(2)]
    return value if 0 < value <= LARGEST else None
