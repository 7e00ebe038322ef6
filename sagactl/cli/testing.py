"""What test does: play the tests that people wrote, and tell what came otherwise."""

from dataclasses import dataclass
from pathlib import Path

from sagactl.cli.exit import Exit
from sagactl.cli.loading import check_text, read_no_more
from sagactl.cli.option import TestFormat
from sagactl.cli.printing import has_colour, note, print_lines, print_value
from sagactl.cli.refusal import Refused
from sagactl.definition.model import Saga
from sagactl.machine.tested import TestedFile
from sagactl.source.problem import Problem


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for; `word` None: every test, else those with it in their names."""

    paths: list[Path]
    word: str | None
    form: TestFormat


def rehearse(wish: Wish) -> Exit:
    """Play every test found, and print what came of it."""
    files = run_written(wish.paths, wish.word)
    if not files:
        note("no tests found")
    elif not any(file.tests or not file.is_sound for file in files):
        raise Refused(f'no test has "{wish.word}" in its name')
    _print(files, wish.form)
    for file in files:
        note(*file.unread)
    return exit_of_files(files)


def run_written(paths: list[Path], word: str | None) -> list[TestedFile]:
    """What came of the written tests among these files, in these folders, beside these definitions.

    Refused where the project's configuration cannot be understood.
    """
    from sagactl.rehearsal.written import running

    wanted = None if word is None else word.casefold()
    return running.run_written(
        paths, _load, lambda name: wanted is None or wanted in name.casefold()
    )


def exit_of_files(files: list[TestedFile]) -> Exit:
    """The exit code: a file that makes no sense counts more than a test that failed."""
    if not all(file.is_sound for file in files):
        return Exit.USAGE
    failed = any(not test.passed for file in files for test in file.tests)
    return Exit.FAILED if failed else Exit.OK


def _load(name: str) -> tuple[Saga | None, list[Problem]] | str:
    path = Path(name)
    try:
        if path.exists() and not path.is_file():
            return "it is no file, but a folder, a pipe or a device"
        with path.open("rb") as file:
            content = read_no_more(file)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or "it has no name that a file can have"
    return check_text(content, name)


def _print(files: list[TestedFile], form: TestFormat) -> None:
    match form:
        case TestFormat.JSON:
            from sagactl.cli.option import Format
            from sagactl.views.tested_json import json_document

            print_value(json_document(files), Format.JSON)
        case TestFormat.JUNIT:
            from sagactl.views.tested_junit import junit_text

            print_lines(junit_text(files).splitlines())
        case TestFormat.TABLE:
            import sys

            from sagactl.views.tested_text import count_words, text_lines

            print_lines(text_lines(files, colour=has_colour(sys.stdout)))
            if files:
                note(count_words(files))
