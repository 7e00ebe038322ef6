"""Durations and sizes as people write them."""

import re

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_WHOLE = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d))+\Z")
_ISO = re.compile(
    r"P(?=.)(?:([0-9]+)D)?(?:T(?=.)(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+(?:\.[0-9]+)?)S)?)?\Z"
)
_SIZE = re.compile(r"([1-9][0-9]*)(KiB|MiB)\Z")

# A century: longer than anything waits, and far from where dates overflow.
LONGEST_S = 36525 * 86400.0


def parse_duration(text: str) -> float | None:
    """Seconds of `200ms`, `1h30m` or `PT5M`; None where it is no duration up to a century."""
    seconds = _seconds(text)
    return seconds if seconds is not None and 0 < seconds <= LONGEST_S else None


def _seconds(text: str) -> float | None:
    if _WHOLE.match(text):
        return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
    if found := _ISO.match(text):
        parts = [float(part or 0) for part in found.groups()]
        return sum(p * u for p, u in zip(parts, (86400.0, 3600.0, 60.0, 1.0), strict=True))
    return None


def said_duration(seconds: float) -> str:
    """A duration in the largest unit that says it exactly."""
    for unit in ("d", "h", "m", "s"):
        if seconds >= _UNITS_S[unit] and seconds % _UNITS_S[unit] == 0:
            return f"{int(seconds // _UNITS_S[unit])}{unit}"
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"


def parse_size(value: int | str) -> int | None:
    """Bytes of `65536` or `1MiB`."""
    if isinstance(value, int):
        return value
    found = _SIZE.match(value)
    return int(found.group(1)) * (1024 if found.group(2) == "KiB" else 1024**2) if found else None
