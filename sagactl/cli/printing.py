"""Views chosen and put on a stream: data on stdout, everything else on stderr."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from sagactl.cli.form import Format
from sagactl.source.node import Json
from sagactl.source.problem import Problem

if TYPE_CHECKING:  # lint prints too, and must not wait for the rooms that run a saga
    from sagactl.cli.performance import Ending
    from sagactl.cli.state_file import StateFiles
    from sagactl.engine.clock import Clock
    from sagactl.machine.plan import Plan
    from sagactl.machine.run import Run
    from sagactl.views.lines import Watcher


def print_value(value: Json, output: Format) -> None:
    """A JSON value on stdout, as JSON or YAML."""
    from sagactl.views.document import to_json, to_yaml

    ascii_only = not _speaks_unicode(sys.stdout)
    if output is Format.YAML:
        _print([to_yaml(value, ascii_only=ascii_only)], sys.stdout)
    else:
        _print([to_json(value, ascii_only=ascii_only), "\n"], sys.stdout)


def print_lines(lines: Iterable[str], stream: TextIO | None = None) -> None:
    """Lines on stdout, or on another stream; raises Unprintable."""
    stream = stream or sys.stdout
    _print((f"{_speakable(line, stream)}\n" for line in lines), stream)


def print_exactly(content: bytes) -> None:
    """Bytes on stdout as they are; for a terminal nothing that moves its cursor."""
    if sys.stdout.isatty():
        lines = content.decode("utf-8", "replace").split("\n")
        print_lines(
            _visible(line.replace("\t", "    "))
            for line in (lines[:-1] if not lines[-1] else lines)
        )
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Unprintable(error) from None


def note(*lines: str) -> None:
    """Tell on stderr what is going on. Whoever stopped reading stops no saga by it."""
    with suppress(OSError, ValueError):
        for line in lines:
            plain = line if line.isascii() and line.isprintable() else _visible(line)
            print(_speakable(f"sagactl: {plain}", sys.stderr), file=sys.stderr, flush=True)


class Unprintable(Exception):
    """What was asked for could not be printed; no OSError, which the parser would take for EPIPE.

    `is_left`: the reader has enough and went away.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(f"the output cannot be written: {error.strerror or error}")
        self.is_left = isinstance(error, BrokenPipeError)


def _print(pieces: Iterable[str], stream: TextIO) -> None:
    try:
        for piece in pieces:
            stream.write(piece)
        stream.flush()
    except OSError as error:
        # What is still buffered would be tried again, and complained about, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise Unprintable(error) from None


def _visible(line: str) -> str:
    from sagactl.views.carets import visible

    return visible(line)


def print_problems(problems: Iterable[Problem], stream: TextIO) -> None:
    from sagactl.views.carets import problem_lines

    for problem in problems:
        print_lines(problem_lines(problem, colour=has_colour(stream)), stream)


def has_colour(stream: TextIO) -> bool:
    """Whether the stream is a terminal that wants colour (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def terminal_width() -> int:
    """How wide a line may be before it is cut; nothing is lost where nobody sits there."""
    return os.get_terminal_size().columns if sys.stdout.isatty() else 200


@contextmanager
def watching(plan: "Plan", clock: "Clock") -> "Iterator[Watcher]":
    """A watcher on stderr: a live view on a terminal, else a line per event."""
    from sagactl.views.live import make_watcher

    with make_watcher(plan, sys.stderr, clock.now) as watcher:
        yield watcher


def print_endings(
    endings: "Sequence[tuple[Plan, Ending]]", files: "StateFiles", output: Format
) -> None:
    """Where runs stand: one document for one run, a list for several.

    The runs have ended, and no trouble with the output makes it otherwise.
    """
    try:
        _print_endings(endings, files, output)
    except Unprintable as error:
        note(str(error))


def _print_endings(
    endings: "Sequence[tuple[Plan, Ending]]", files: "StateFiles", output: Format
) -> None:
    if output is Format.TABLE:
        for plan, ending in endings:
            _print_summary(plan, ending, files.option)
            if ending.run.sandbox:
                _print_ledger(files, ending.run)
        return
    from sagactl.views.document import run_document

    documents = [run_document(plan, ending.run) for plan, ending in endings]
    print_value(documents[0] if len(documents) == 1 else documents, output)


def _print_summary(plan: "Plan", ending: "Ending", option: str) -> None:
    from sagactl.views.live import is_live
    from sagactl.views.summary import outcome_lines, run_summary

    # Whoever watched the steps on this very terminal need not read them again.
    watched = ending.moved and is_live(sys.stderr) and sys.stdout.isatty()
    show = outcome_lines if watched else run_summary
    print_lines(show(plan, ending.run, option))


def _print_ledger(files: "StateFiles", run: "Run") -> None:
    from sagactl.rehearsal.ledger import Ledger
    from sagactl.views.diagram import ledger_lines

    ledger = Ledger(files.ledger)
    print_lines(ledger_lines(ledger.left(run.id), ledger.calls(run.id)))


def _speaks_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "") in ("utf8", "utf16")


def _speakable(line: str, stream: TextIO) -> str:
    """The line in what the stream's encoding can say: no outcome may hang on a glyph."""
    if line.isascii():
        return line
    from sagactl.views.glyph import speakable

    return speakable(line, stream.encoding)
