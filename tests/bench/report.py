"""How a benchmark tells what it found: a table of goals in Markdown, and the machine it ran on."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Goal:
    """A ratio to reach. `ratios` has one for each round, and none where nothing was measured."""

    name: str
    words: str
    wanted: float
    ratios: Sequence[float]
    at_most: bool = False

    @property
    def row(self) -> str:
        sign = "≤" if self.at_most else "≥"
        start = f"| {self.name} | {self.words} | {sign} {number(self.wanted)} |"
        if not self.ratios:
            return f"{start} not measured | – |"
        ratio = statistics.median(self.ratios)
        is_reached = ratio <= self.wanted if self.at_most else ratio >= self.wanted
        return f"{start} {spread(self.ratios)} | {'yes' if is_reached else 'no'} |"


def goal_table(goals: Sequence[Goal]) -> str:
    """The goals as a Markdown table; a ratio is a median, with its least and greatest."""
    head = "| goal | ratio | wanted | measured | reached |\n|---|---|---|---|---|"
    return "\n".join([head, *(goal.row for goal in goals)])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Any Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(values: Sequence[float]) -> str:
    """The median, and between what the values lie."""
    median = number(statistics.median(values))
    if len(values) == 1:
        return median
    return f"{median} ({number(min(values))}–{number(max(values))})"


def number(value: float) -> str:
    """Three digits that count, and no exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def machine_words(folder: Path) -> str:
    """What the figures depend on: processors, memory, Python, and the disk below `folder`."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} "
        f"{platform.release().partition('-')[0]}, {file_system(folder)}, "
        f"Python {platform.python_version()}"
    )


def file_system(folder: Path) -> str:
    """The kind of file system that a folder is on, as Linux calls it."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown file system"
    above = [m for m in mounts if folder.resolve().is_relative_to(m[1])]
    return max(above, key=lambda mount: len(mount[1]))[2]
