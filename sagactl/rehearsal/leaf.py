"""Values for the parts of a reply of which only the name is known.

Readable, of the type that the name lets expect, and the same again for the same seed. A guess by
its nature: where it is wrong, a step's `example` says what is right.
"""

import hashlib
import re
from dataclasses import dataclass

from sagactl.rehearsal.shape import Path
from sagactl.source.node import Json

_COUNTED = {
    "amount", "balance", "cents", "cost", "count", "fee", "number", "price", "qty", "quantity",
    "score", "size", "sum", "total", "version",
}  # fmt: skip
_AFFIRMED = {
    "accepted", "approved", "authorized", "available", "confirmed", "done", "enabled", "ok",
    "success", "successful", "valid",
}  # fmt: skip
_NAMING = {"id", "uuid", "key", "ref", "reference", "token"}
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


def names_a_thing(path: Path) -> bool:
    """Whether what stands there is what a thing is known by: an `id`, a `key`, a `reference`."""
    return _words(path)[-1] in _NAMING


def _words(path: Path) -> list[str]:
    name = next((part for part in reversed(path) if isinstance(part, str)), "id")
    return [word.lower() for word in _WORD.findall(name)] or ["id"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """Makes the values for one call of a step; `seed` is what makes the call the same call."""

    step: str
    seed: str

    def __call__(self, path: Path) -> Json:
        mark = hashlib.sha256(self.seed.encode()).hexdigest()[:8]
        name = next((part for part in reversed(path) if isinstance(part, str)), "id")
        words = _words(path)
        last = words[-1]
        if last in _NAMING:
            return f"{self.step}-{mark}"
        if last in _COUNTED:
            return 1
        if last in ("status", "state"):
            return "ok"
        if last in _AFFIRMED or words[0] in ("is", "has", "can"):
            return True
        if last in ("at", "date", "time", "timestamp"):
            return "2026-01-01T00:00:00Z"
        if last in ("href", "link", "location", "uri", "url"):
            return f"http://sandbox/-/{self.step}/{mark}"
        return f"{name}-{mark}"
