"""A reply that others wrote, with what is wished of it put in, and as little changed as that takes.

Gently, only what is not there is added; firmly, what stands in the way is replaced too.
"""

import copy
from collections.abc import Callable, Iterable

from sagactl.rehearsal.shape import Exactly, Never, Path, Sized, Unlike, Wanted, Wish, unlike
from sagactl.source.node import Json


def amended(
    value: Json, wishes: Iterable[Wish], make: Callable[[Path], Json], *, firmly: bool
) -> Json:
    """The value with the wishes granted; of several for one place the first counts.

    `make` gives what is to stand at a path where nothing does.
    """
    granting = _Granting(make, firmly)
    value = copy.deepcopy(value)
    for wish in {wish.path: wish for wish in reversed(list(wishes))}.values():
        value = granting.grant(value, (), wish.path, wish.wanted, is_new=False)
    return value


class _Granting:
    def __init__(self, make: Callable[[Path], Json], firmly: bool) -> None:
        self._make = make
        self._firmly = firmly

    def grant(self, value: Json, here: Path, rest: Path, wanted: Wanted, *, is_new: bool) -> Json:
        if not rest:
            return self._settled(value, here, wanted, may_replace=is_new or self._firmly)
        part, below = rest[0], rest[1:]
        deeper = (*here, part)
        if isinstance(part, int):
            items = value if isinstance(value, list) else []
            while len(items) <= part:
                items.append(self._make((*here, len(items))))
                is_new = True
            items[part] = self.grant(items[part], deeper, below, wanted, is_new=is_new)
            return items
        fields = value if isinstance(value, dict) else {}
        if isinstance(wanted, Never) and not below:
            if self._firmly:
                fields.pop(part, None)
            return fields
        if part not in fields:
            fields[part], is_new = self._make(deeper), True
        fields[part] = self.grant(fields[part], deeper, below, wanted, is_new=is_new)
        return fields

    def _settled(self, value: Json, here: Path, wanted: Wanted, *, may_replace: bool) -> Json:
        match wanted:
            case Exactly() if may_replace:
                return copy.deepcopy(wanted.value)
            case Unlike() if may_replace:
                return unlike(value, [wanted.value])
            case Sized() if may_replace:
                items = value if isinstance(value, list) else []
                more = [self._make((*here, n)) for n in range(len(items), wanted.count)]
                return [*items, *more][: wanted.count]
        return value


def is_there(value: Json, path: Path) -> bool:
    """Whether something stands at a path."""
    for part in path:
        named = isinstance(value, dict) and part in value
        placed = isinstance(value, list) and isinstance(part, int) and part < len(value)
        if not (named or placed):
            return False
        value = value[part]
    return True
