"""What test does: rehearses definitions, plays the tests written beside them, and tells both."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from sagactl.cli.exit import Exit, worst
from sagactl.cli.form import Format, TestFormat
from sagactl.cli.loading import check_text, read_no_more
from sagactl.cli.printing import has_colour, note, print_lines, print_value, terminal_width
from sagactl.cli.refusal import Refused
from sagactl.definition.model import Saga
from sagactl.machine.rehearsed import Rehearsed
from sagactl.machine.tested import TestedFile
from sagactl.source.node import Json
from sagactl.source.problem import Problem

TEST_SUFFIXES = (".test.yaml", ".test.yml")
REPORTS = {
    ".html": TestFormat.HTML,
    ".xml": TestFormat.JUNIT,
    ".md": TestFormat.MARKDOWN,
    ".json": TestFormat.JSON,
}


@dataclass(frozen=True, slots=True)
class Most:
    """How far a rehearsal goes: so many troubles, so many states, or to the first hole."""

    depth: int
    states: int
    at_first: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for; `word` None: every test, else those with it in their names."""

    paths: list[Path] | None
    word: str | None
    most: Most
    explain: str | None
    coverage: bool
    begun: str | None
    reports: list[Path]
    state: Path | None
    form: TestFormat


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that came of it."""

    rehearsed: list[Rehearsed]
    written: list[TestedFile]


def rehearse(wish: Wish) -> Exit:
    """Rehearse and play everything found, and print what came of it."""
    reports = {path: _form_of(path) for path in wish.reports}
    _demand_sense(wish)
    result = _result(wish)
    if wish.explain is not None:
        _explain(result.rehearsed, wish.explain, wish.form)
    else:
        _print(result, wish)
    for path, form in reports.items():
        _write(path, _text(result, form))
    for file in result.written:
        note(*file.unread)
    return worst([_exit_of_rehearsed(result.rehearsed), exit_of_files(result.written)])


def _result(wish: Wish) -> Result:
    from sagactl.cli.rehearsing import rehearse_definitions, rehearse_kept
    from sagactl.rehearsal.proof.explore import Bounds

    bounds = Bounds(wish.most.depth, wish.most.states, wish.most.at_first)
    if wish.begun is not None:
        return Result([rehearse_kept(wish.begun, wish.state, bounds)], [])
    paths = wish.paths or [Path()]
    definitions = [path for path in paths if not path.name.endswith(TEST_SUFFIXES)]
    rehearsed = [] if wish.word else rehearse_definitions(definitions, bounds)
    written = [] if wish.explain else run_written(paths, wish.word)
    if wish.word and not any(file.tests or not file.is_sound for file in written):
        raise Refused(f'no test has "{wish.word}" in its name')
    if not (rehearsed or written or wish.explain):
        note("no definitions and no tests found")
    return Result(rehearsed, written)


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


def _exit_of_rehearsed(rehearsed: list[Rehearsed]) -> Exit:
    from sagactl.views.rehearsal_words import fails

    return Exit.FAILED if any(fails(one) for one in rehearsed) else Exit.OK


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


def _demand_sense(wish: Wish) -> None:
    """Refuse what would be left unheeded, before anybody waits."""
    if wish.begun is not None and (wish.paths or wish.word):
        raise Refused("--from ID is about one saga that was begun: leave out PATH and -k")
    if wish.explain is None:
        return
    if wish.word:
        raise Refused("-k chooses written tests, --explain a cell of the matrix: leave one out")
    if wish.form not in (TestFormat.TABLE, TestFormat.JSON, TestFormat.YAML):
        raise Refused("--explain tells one cell: as text, or with -o json or yaml")
    if wish.paths and all(path.name.endswith(TEST_SUFFIXES) for path in wish.paths):
        raise Refused("--explain tells a cell of a rehearsal: name a definition, not its tests")


def _explain(rehearsed: list[Rehearsed], spelled: str, form: TestFormat) -> None:
    from sagactl.views.rehearsal_json import cell_document
    from sagactl.views.rehearsal_text import cell_lines
    from sagactl.views.rehearsal_words import read_struck

    if not rehearsed:
        raise Refused(f'there is no definition to explain "{spelled}" of')
    struck, wrong = read_struck(rehearsed, spelled)
    if struck is None:
        raise Refused(wrong)
    if form is not TestFormat.TABLE:
        print_value(cell_document(rehearsed, struck), Format(form.value))
        return
    print_lines(
        cell_lines(rehearsed, struck, colour=has_colour(sys.stdout), width=terminal_width())
    )


def _print(result: Result, wish: Wish) -> None:
    match wish.form:
        case TestFormat.TABLE:
            _print_table(result, coverage=wish.coverage)
        case TestFormat.JSON | TestFormat.YAML:
            print_value(_document(result), Format(wish.form.value))
        case _:
            print_lines(_text(result, wish.form).splitlines())


def _print_table(result: Result, *, coverage: bool) -> None:
    from sagactl.views.tested_text import count_words, text_lines

    colour = has_colour(sys.stdout)
    if result.rehearsed:
        from sagactl.views.rehearsal_coverage import coverage_lines
        from sagactl.views.rehearsal_text import rehearsal_lines

        print_lines(rehearsal_lines(result.rehearsed, colour=colour, width=terminal_width()))
        if coverage:
            print_lines(coverage_lines(result.rehearsed, colour=colour))
        if result.written:
            print_lines([""])
    print_lines(text_lines(result.written, colour=colour))
    if result.written:
        note(count_words(result.written))


def _text(result: Result, form: TestFormat) -> str:
    """What came of it in one of the forms that are files."""
    match form:
        case TestFormat.JUNIT:
            from sagactl.views.junit import junit_document
            from sagactl.views.rehearsal_junit import rehearsal_suites
            from sagactl.views.tested_junit import written_suites

            suites = [*rehearsal_suites(result.rehearsed), *written_suites(result.written)]
            return junit_document("sagactl test", suites)
        case TestFormat.HTML:
            from sagactl.views.rehearsal_page import rehearsal_page

            return rehearsal_page(result.rehearsed)
        case TestFormat.MARKDOWN:
            from sagactl.views.rehearsal_markdown import rehearsal_markdown

            return "\n".join(rehearsal_markdown(result.rehearsed)) + "\n"
    return json.dumps(_document(result), indent=2, ensure_ascii=False) + "\n"


def _document(result: Result) -> Json:
    from sagactl.views.rehearsal_json import rehearsal_document
    from sagactl.views.tested_json import json_document

    return {
        "rehearsals": rehearsal_document(result.rehearsed),
        "written": json_document(result.written),
    }


def _form_of(path: Path) -> TestFormat:
    form = REPORTS.get(path.suffix.lower())
    if form is None:
        known = ", ".join(REPORTS)
        raise Refused(f'--report tells by the ending of "{path}" what it is: {known}')
    if not path.absolute().parent.is_dir():
        raise Refused(f"{path}: cannot be written: there is no folder {path.parent}")
    return form


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{path}: cannot be written: {error.strerror}") from None
