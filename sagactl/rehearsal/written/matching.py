"""The calls that came, held against the list of those that are expected.

The list is held against every order in which the calls could have come (see `order`), so a test
does not hang on which of two branches was the quicker one. Whose call it is, and the request's
method and path, say which line of the list a call belongs to; where they all belong somewhere, each
is held against what its line says of bodies and headers. So a wrong body is told as one, and not as
a call that never came.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from sagactl.machine.tested import Mismatch
from sagactl.rehearsal.written.detail import details, is_meant, mismatch
from sagactl.rehearsal.written.model import AnyCalls, ExpectedCall
from sagactl.rehearsal.written.world import Sent
from sagactl.source.place import Place

# So many calls are held against a list in every order; more of them only in the one they came in.
MOST_ORDERED = 300
# Ways through the list that are tried before none is thought to fit.
MOST_TRIED = 50_000

Entry: TypeAlias = ExpectedCall | AnyCalls
Fits: TypeAlias = Callable[[ExpectedCall, Sent], bool]
# The calls that can come next, with those that came then; of a number of bits each is one call.
Next: TypeAlias = Callable[[int], Iterator[tuple[int, int]]]
# The line and the number of a call, and those before.
Pairs: TypeAlias = "tuple[int, int, Pairs] | None"


def call_mismatches(
    lines: Sequence[Entry], place: Place, sent: Sequence[Sent], before: Sequence[frozenset[int]]
) -> list[Mismatch]:
    """What is wrong with the calls; `before` has the numbers of those that each must follow."""
    entries = [line for line in lines for _ in range(getattr(line, "times", 1))]
    coming = _in_any_order(before) if before else _as_they_came(len(sent))
    whole, _ = _search(entries, sent, coming, lambda e, s: is_meant(e, s) and not details(e, s))
    if whole is not None:
        return []
    pairs, stop = _search(entries, sent, coming, is_meant)
    if pairs is None:
        return [_stopped(entries, place, sent, coming, *stop)]
    return [
        found
        for line, number in _listed(pairs)
        if isinstance(entry := entries[line], ExpectedCall)
        for found in details(entry, sent[number])
    ]


def _as_they_came(count: int) -> Next:
    def coming(came: int) -> Iterator[tuple[int, int]]:
        if came < count:
            yield came, came + 1

    return coming


def _in_any_order(before: Sequence[frozenset[int]]) -> Next:
    needed = [sum(1 << number for number in numbers) for numbers in before]

    def coming(came: int) -> Iterator[tuple[int, int]]:
        for number, needs in enumerate(needed):
            if not came >> number & 1 and needs & ~came == 0:
                yield number, came | 1 << number

    return coming


def _search(
    entries: Sequence[Entry], sent: Sequence[Sent], coming: Next, fits: Fits
) -> tuple["_Found | None", tuple[int, int]]:
    """A way to lay the calls on the lines; or None and the furthest point that was reached."""
    tried: set[tuple[int, int]] = set()
    furthest = (0, 0)
    open_ways: list[tuple[int, int, Pairs]] = [(0, 0, None)]
    while open_ways and len(tried) < MOST_TRIED:
        line, came, pairs = open_ways.pop()
        if (line, came) in tried:
            continue
        tried.add((line, came))
        furthest = max(furthest, (line, came), key=lambda point: point[0])
        follows = list(coming(came))
        if line == len(entries):
            if not follows:
                return _Found(pairs), furthest
            continue
        entry = entries[line]
        if isinstance(entry, AnyCalls):
            ways = [(line, then, pairs) for _, then in follows]
            ways.insert(0, (line + 1, came, pairs))
        else:
            ways = [
                (line + 1, then, (line, number, pairs))
                for number, then in follows
                if fits(entry, sent[number])
            ]
        open_ways.extend(reversed(ways))
    return None, furthest


class _Found:
    """A way that was found; none of its lines need be a call."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs


def _listed(found: _Found) -> list[tuple[int, int]]:
    listed, pairs = [], found.pairs
    while pairs is not None:
        line, number, pairs = pairs
        listed.append((line, number))
    return listed[::-1]


def _stopped(
    entries: Sequence[Entry],
    place: Place,
    sent: Sequence[Sent],
    coming: Next,
    line: int,
    came: int,
) -> Mismatch:
    """Why the list goes no further than to this line, where these calls came before it."""
    follows = [sent[number] for number, _ in coming(came)]
    said = " or ".join(dict.fromkeys(f'"{call.name}"' for call in follows))
    if line == len(entries):
        first = follows[0]
        words = f"{first.call.sending.method} {first.path}"
        message = f"one call more came than is expected: {said}, {words}"
        return Mismatch(place, "calls", "no more calls", said, message)
    entry = entries[line]
    assert isinstance(entry, ExpectedCall)  # whatever comes, `...` lets it through
    what = f"call {line + 1}"
    after_any = line > 0 and isinstance(entries[line - 1], AnyCalls)
    if not follows or after_any:
        message = f'{what}: "{entry.text}" never came'
        return Mismatch(entry.place, what, entry.text, "no call", message)
    return mismatch(entry.place, what, entry.text, said, is_said=True)
