"""What is wrong with a run's input, in our words. The input's own values are never among them.

A value may be a password; what is told is where it stands, what is allowed, and what kind of value
was found instead.
"""

import math
from collections.abc import Sequence

from sagactl.definition.shape import BOUNDS, TYPES, Mistake
from sagactl.definition.value import kind
from sagactl.source.node import Json
from sagactl.source.problem import nearest

COUNTS = {
    "minItems": ("at least", "items"),
    "maxItems": ("at most", "items"),
    "minLength": ("at least", "characters"),
    "maxLength": ("at most", "characters"),
    "minProperties": ("at least", "names"),
    "maxProperties": ("at most", "names"),
    "minContains": ("at least", "items of a kind"),
    "maxContains": ("at most", "items of a kind"),
}


def input_message(mistake: Mistake) -> str:
    """The half sentence that goes behind the name of what is wrong."""
    keyword, wanted, value = mistake.keyword, mistake.wanted, mistake.value
    if keyword in BOUNDS:
        return f"must be {BOUNDS[keyword]} {wanted}"
    if keyword in COUNTS and isinstance(value, str | list | dict):
        bound, things = COUNTS[keyword]
        return f"must have {bound} {wanted} {things}, not {len(value)}"
    match keyword:
        case "type":
            types = [wanted] if isinstance(wanted, str) else list(wanted)
            return (
                f"must be {_either([TYPES.get(name, name) for name in types])}, not {kind(value)}"
            )
        case "required":
            return f"has no {_both([name for name in wanted if name not in value])}"
        case "additionalProperties" | "unevaluatedProperties":
            return _unknown_names(mistake)
        case "enum":
            words = [word for word in wanted if isinstance(word, str)]
            close = nearest(value, words) if isinstance(value, str) else None
            meant = f'; did you mean "{close}"?' if close else ""
            return f"must be {_either([_written(word) for word in wanted])}{meant}"
        case "const":
            return f"must be {_written(wanted)}"
        case "pattern":
            return f"must match {wanted}"
        case "uniqueItems":
            return "holds the same item twice"
        case "contains":
            return "holds no item of the kind that must be in it"
        case "dependentRequired":
            needs = [n for name in wanted if name in value for n in wanted[name] if n not in value]
            return f"has no {_both(needs)}, which goes with another name in it"
        case "anyOf" | "oneOf":
            return "fits none of the forms that are allowed, or more than the one that is"
        case "not" if wanted != {}:
            return "has a form that is not allowed"
        case "not" | "None":  # the schema is false
            return "is not allowed at all"
    return f'does not fit "{keyword}" of its schema'


def unknown_type(name: Json) -> str | None:
    """What is wrong with a schema's `type`, where that is a text and no type."""
    if not isinstance(name, str) or name in TYPES:
        return None
    close = nearest(name, list(TYPES))
    meant = f'; did you mean "{close}"?' if close else ""
    return f'must be {_either(list(TYPES))}, not "{name}"{meant}'


def unsendable(value: Json) -> tuple[tuple[str | int, ...], str] | None:
    """The first value that JSON cannot hold, which a bound would let through unseen."""
    stack: list[tuple[tuple[str | int, ...], Json]] = [((), value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, float) and not math.isfinite(item):
            return path, "is no number that JSON knows"
        if isinstance(item, dict):
            for name, below in item.items():
                if not isinstance(name, str):
                    return path, f"has a name that is not a text but {kind(name)}"
                stack.append(((*path, name), below))
        elif isinstance(item, list):
            stack.extend(((*path, index), below) for index, below in enumerate(item))
    return None


def _unknown_names(mistake: Mistake) -> str:
    known = list(mistake.schema.get("properties", {}))
    others = [name for name in mistake.value if name not in known]
    close = nearest(others[0], known) if len(others) == 1 else None
    meant = f'; did you mean "{close}"?' if close else ""
    return f"has {_both(others)}, which its schema does not know{meant}"


def _written(word: Json) -> str:
    return f'"{word}"' if isinstance(word, str) else str(word).lower()


def _either(words: Sequence[str]) -> str:
    return _joined(words, "or")


def _both(names: Sequence[str]) -> str:
    return _joined([f'"{name}"' for name in names], "and")


def _joined(words: Sequence[str], by: str) -> str:
    return f" {by} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
