"""What a survey knows of a run: where its documents stand, and what they add up to."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from sagactl.journal.document import parse_document
from sagactl.journal.log_index import run_of

EVENT = re.compile(rb'\{"run":"((?:[^"\\]|\\.)*)","seq":(\d{1,9}),')


class Spot(NamedTuple):
    """Where a sound document stands. `number` is an event's, or how many a summary counts."""

    as_of: int
    offset: int
    size: int
    is_logged: bool
    number: int


class Stretch:
    """Events of one run that stand one behind the other in state.json, by number and by id."""

    __slots__ = ("end", "first", "last", "last_id", "offset")

    def __init__(self, doc_id: int, number: int, offset: int, end: int) -> None:
        self.first = self.last = number
        self.last_id = doc_id
        self.offset = offset
        self.end = end


class Trail:
    """The documents of one run, by their ids."""

    __slots__ = ("events", "span", "stretches", "summaries")

    def __init__(self) -> None:
        self.stretches: list[Stretch] = []
        self.events: dict[int, Spot] = {}  # all others
        self.summaries: dict[int, tuple[Spot, str]] = {}
        self.span: tuple[int, int] | None = None  # where state.json says that its events stand

    def add(self, doc_id: int, number: int, offset: int, end: int) -> None:
        """Take note of an event in state.json."""
        last = self.stretches[-1] if self.stretches else None
        if last is None or last.last + 1 != number or last.last_id >= doc_id:
            self.stretches.append(Stretch(doc_id, number, offset, end))
        else:
            last.last, last.last_id, last.end = number, doc_id, end

    @property
    def is_plain(self) -> bool:
        """Whether all of its events are one stretch from the first one on."""
        return not self.events and len(self.stretches) == 1 and self.stretches[0].first == 1

    @property
    def age(self) -> int:
        """What is the higher the later a run began."""
        return max(self.summaries or self.events or [self.stretches[0].last_id])


@dataclass(frozen=True)
class Account:
    """What is known of a run: why it is not whole, or that it is, where `flaw` is empty.

    `count` of its events are there, and the first `good` of them without a gap.
    """

    run_id: str
    state: str
    summary: tuple[int, Spot] | None
    count: int
    good: int
    flaw: str
    events: list[tuple[int, Spot]] | None  # None: its only stretch


def event_of(text: bytes) -> tuple[str, int]:
    """The run of an event, and the event's number in it."""
    found = EVENT.match(text)
    if found is not None and b"\\" not in found[1]:
        return found[1].decode(), int(found[2])
    number = parse_document(text).get("seq")
    return run_of(text), number if type(number) is int else 0
