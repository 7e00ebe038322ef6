"""What lint does: find the files, look at each, and tell in the form that was asked for."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from sagactl.cli.exit import Exit
from sagactl.cli.form import LintFormat
from sagactl.cli.loading import check_text, find_definitions, read_no_more
from sagactl.cli.printing import note, print_lines, print_problems
from sagactl.cli.refusal import Refused
from sagactl.source.node import Json
from sagactl.source.problem import Problem, Severity
from sagactl.views.lint_report import Report

STDIN = Path("-")
# Below this a second process saves less than a tenth of a second: tests/bench/lint.py tells.
FEW = 100
MOST_WORKERS = 8
# Where the services that run us say the repository lies.
ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for; `mends` with `only_shows` prints what would be changed."""

    paths: list[Path]
    form: LintFormat | None = None
    is_strict: bool = False
    mends: bool = False
    only_shows: bool = False
    stdin_name: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A file by its name, what was found in it, and why it could not be read if so."""

    name: str
    problems: list[Problem]
    refusal: tuple[str, ...] = ()


def lint(wish: Wish) -> Exit:
    """Print every problem of every definition found."""
    files = find_definitions(wish.paths)
    if not files:
        note("no definitions found")
    name = wish.stdin_name or "<stdin>"
    if wish.mends:
        from sagactl.cli.mending import mend

        checked, changed = mend(files, name, only_shows=wish.only_shows)
    else:
        checked, changed = all_checked(files, name, workers_for(files)), 0
    report = _report(checked, is_strict=wish.is_strict)
    if not wish.only_shows:
        # What is mended from stdin goes to stdout, and everything about it elsewhere.
        mends_stdin = wish.mends and STDIN in files
        tell(report, wish.form, sys.stderr if mends_stdin else sys.stdout)
    note(*report.unread)
    failed = changed if wish.only_shows else any(map(report.fails, report.problems))
    return Exit.USAGE if report.unread else Exit.FAILED if failed else Exit.OK


def content_of(file: Path) -> bytes:
    """What a file holds, or standard input; raises Refused."""
    try:
        if file == STDIN:
            return read_no_more(sys.stdin.buffer)
        with file.open("rb") as opened:
            return read_no_more(opened)
    except OSError as error:
        raise Refused(f"{file}: cannot be read: {error.strerror}") from None


def check(file: Path, stdin_name: str) -> Checked:
    """What is found in one file."""
    name = stdin_name if file == STDIN else str(file)
    try:
        return Checked(name, check_text(content_of(file), name)[1])
    except Refused as refusal:
        return Checked(name, [], refusal.lines)


def workers_for(files: Sequence[Path]) -> int:
    """How many processes are worth while: one for each core, where the files are many."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return 1 if len(files) < FEW or STDIN in files else min(cores, MOST_WORKERS)


def all_checked(files: Sequence[Path], stdin_name: str, workers: int) -> list[Checked]:
    """What is found in each file, in their order, whoever looked at it."""
    if workers < 2:
        return [check(file, stdin_name) for file in files]
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # Imported before the fork, and so once.
    import sagactl.definition.schema  # noqa: F401

    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, mp_context=fork) as pool:
        names = [stdin_name] * len(files)
        # A few portions for each: files differ, and none shall wait long for the last one.
        return list(pool.map(check, files, names, chunksize=-(-len(files) // (workers * 4))))


def _report(checked: list[Checked], *, is_strict: bool) -> Report:
    here = os.getcwd()
    roots = [os.path.abspath(os.environ[name]) for name in ROOTS if os.environ.get(name)]
    root = next((r for r in roots if os.path.commonpath([r, here]) == r), here)
    return Report(
        files=tuple(one.name for one in checked if not one.refusal),
        problems=tuple(problem for one in checked for problem in one.problems),
        unread=tuple(dict.fromkeys(line for one in checked for line in one.refusal)),
        root=root,
        is_strict=is_strict,
    )


def tell(report: Report, form: LintFormat | None, stream: TextIO) -> None:
    """Print a report in the form that was asked for; on GitHub Actions as annotations besides."""
    match form:
        case LintFormat.JSON:
            from sagactl.views.lint_json import json_document

            _print_json(json_document(report), stream)
        case LintFormat.SARIF:
            from sagactl.views.lint_sarif import sarif_document

            _print_json(sarif_document(report), stream)
        case LintFormat.GITLAB:
            from sagactl.views.lint_gitlab import gitlab_document

            _print_json(gitlab_document(report), stream)
        case LintFormat.JUNIT:
            from sagactl.views.lint_junit import junit_text

            print_lines(junit_text(report).splitlines(), stream)
        case LintFormat.GITHUB:
            _print_annotations(report, stream)
        case LintFormat.TEXT | None:
            with _no_commands(stream, is_needed=bool(report.problems)):
                print_problems(report.problems, stream)
            if form is None and _is_on_actions():
                _print_annotations(report, stream)
            if report.files or not report.unread:
                _tell_count(len(report.files), report.problems)


def tell_rules(name: str | None, form: LintFormat | None) -> None:
    """Print the list of codes, or the manual of one."""
    from sagactl.lint.catalogue import find_code, nearest_code
    from sagactl.views.lint_rules import manual_lines, rules_document, rules_lines

    if form not in (None, LintFormat.TEXT, LintFormat.JSON):
        raise Refused(f"the codes are told as text or json, not as {form}")
    if name is not None:
        code = find_code(name)
        if code is None:
            near = nearest_code(name)
            meant = f'; did you mean "{near}"?' if near else "; see sagactl lint --rules"
            raise Refused(f'there is no code "{name}"{meant}')
        if form is LintFormat.JSON:
            _print_json(next(d for d in rules_document() if d["code"] == code.code), sys.stdout)
        else:
            print_lines(manual_lines(code))
    elif form is LintFormat.JSON:
        _print_json(rules_document(), sys.stdout)
    else:
        print_lines(rules_lines())


def _print_json(value: Json, stream: TextIO) -> None:
    print_lines([json.dumps(value, indent=2)], stream)


def _print_annotations(report: Report, stream: TextIO) -> None:
    from sagactl.views.lint_github import github_lines

    print_lines(github_lines(report), stream)


def _is_on_actions() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


@contextmanager
def _no_commands(stream: TextIO, *, is_needed: bool) -> Iterator[None]:
    """Lines of a definition are shown, and the runner would obey those that begin with "::"."""
    if not is_needed or not _is_on_actions():
        yield
        return
    import secrets

    token = secrets.token_hex(16)
    print_lines([f"::stop-commands::{token}"], stream)
    yield
    print_lines([f"::{token}::"], stream)


def _tell_count(files: int, problems: Sequence[Problem]) -> None:
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    fixable = sum(problem.fix is not None for problem in problems)
    found = f"{_counted(errors, 'error')}, {_counted(len(problems) - errors, 'warning')}"
    mends = f"; {fixable} can be mended by --fix" if fixable else ""
    checked = _counted(files, "definition")
    note(f"{checked} checked: {found if problems else 'nothing found'}{mends}")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
