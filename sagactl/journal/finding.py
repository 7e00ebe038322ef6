"""What a survey of a state finds: sound documents, and places that are not as they were written."""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sagactl.journal.log_index import RUN

# The name of a run stands at the beginning of its line: farther on it may be a customer's.
NEAR = 80


@dataclass(frozen=True, slots=True)
class Damage:
    """A place in a file; `record` names the first record in it, `runs` whom it concerns.

    `offset` is None where a file has no layout to count bytes in, or is not there. `last_good` is
    the last sound record in front of it.
    """

    path: Path
    offset: int | None
    size: int
    record: str
    reason: str
    runs: tuple[str, ...] = ()
    last_good: str = ""


class Found(NamedTuple):
    """A sound document, or the note that one is gone, and where that stands in its file.

    It is the last word of that file up to the position `as_of`.
    """

    table: bytes  # as JSON writes it, without the quotes
    doc_id: int
    text: bytes
    as_of: int
    offset: int
    size: int


def names_in(line: bytes, before_document: "re.Pattern[bytes]") -> set[str]:
    """The runs that a line names which is not sound; several, where line ends are lost."""
    found = [RUN.match(line, begin.end()) for begin in before_document.finditer(line)]
    first = RUN.search(line)
    if first is not None and first.start() < NEAR:
        found.append(first)
    names = set()
    for name in filter(None, found):
        with suppress(ValueError):
            names.add(str(json.loads(b'"%s"' % name[1])))
    return names
