"""Definitions from disk: found, read, checked."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from sagactl.cli.configuration import configuration_for
from sagactl.cli.refusal import Refused
from sagactl.definition.loader import load
from sagactl.definition.model import Saga
from sagactl.lint.judgement import judged
from sagactl.lint.linter import lint
from sagactl.source.place import Source
from sagactl.source.problem import Problem, Severity, in_order
from sagactl.source.reader import FOREIGN, OWN, Manner, decode

SUFFIXES = (".yaml", ".yml")


class Invalid(Exception):
    """A definition with errors; exit 2 for every verb but lint."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(*problems)
        self.problems = problems


def check_definition(path: Path) -> tuple[Saga | None, list[Problem]]:
    """The saga of a file with every problem in it; Refused where the file cannot be read."""
    try:
        with path.open("rb") as file:
            content = read_no_more(file)
    except OSError as error:
        raise Refused(f"{path}: cannot be read: {error.strerror}") from None
    return check_text(content, str(path))


def read_no_more(file: BinaryIO, manner: Manner = OWN) -> bytes:
    """What a file holds, as far as it takes to see that it is too large."""
    return file.read(manner.max_bytes + 1)


def check_text(content: bytes, name: str) -> tuple[Saga | None, list[Problem]]:
    """The saga of a file's content, and every problem in it that counts, in the text's order.

    Raises Refused where the project's configuration cannot be understood.
    """
    source, problems = decode(content, name)
    if source is None:
        return None, problems
    saga, problems = load(source, _fetch)
    if saga is not None:
        return saga, lint(saga, _heeded, problems)
    settings = configuration_for(name).settings
    counted = judged(source, problems, settings, is_whole=False)
    return None, in_order(counted, source)


def _heeded(source: Source, problems: list[Problem]) -> list[Problem]:
    return judged(source, problems, configuration_for(source.name).settings)


def _fetch(name: str) -> Source | str:
    """The text of a sub-saga or a document, or why there is none.

    A definition may come from anybody: it must not make us wait for a pipe, or read a device.
    """
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):
            return "it is no file, but a folder, a pipe or a device"
        with open(name, "rb") as file:
            content = read_no_more(file, FOREIGN)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or "it has no name that a file can have"
    # A sub-saga of that size is refused when it is read.
    source, problems = decode(content, name, FOREIGN)
    return problems[0].message if source is None else source


def load_definition(path: Path) -> Saga:
    """The saga of a file without errors; Invalid with all of them where there are any."""
    saga, problems = check_definition(path)
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if errors or saga is None:
        raise Invalid(errors)
    return saga


def find_definitions(paths: list[Path]) -> list[Path]:
    """The files named, and in folders every YAML file with a top-level `saga:`, each once.

    What the configuration excludes is left out of folders; a file that is named is meant.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found.extend(sorted(file for file in _yaml_files(path) if _looks_like_saga(file)))
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _yaml_files(folder: Path) -> "list[Path]":
    files: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inside = [Path(root, name) for name in names if name.endswith(SUFFIXES)]
        # What is broken is told of when it is read; a pipe or a device would be read for ever.
        inside = [path for path in inside if path.is_file() or not path.exists()]
        files.extend(p for p in inside if not configuration_for(str(p)).excludes(str(p)))
    return files


def _looks_like_saga(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            text = read_no_more(opened)
    except OSError:
        return True  # it is told about when it is read
    return any(line.startswith((b"saga:", b'"saga":', b"'saga':")) for line in text.splitlines())
