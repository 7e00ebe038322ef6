"""What init, lint, plan and schema do."""

import json
import sys
from pathlib import Path

from sagactl.cli.exit import Exit
from sagactl.cli.loading import check_definition, find_definitions, load_definition
from sagactl.cli.option import Format, LintFormat
from sagactl.cli.printing import note, print_lines, print_problems, print_value
from sagactl.cli.refusal import Refused
from sagactl.cli.scaffold import SCAFFOLD
from sagactl.source.problem import Problem, Severity


def lint(paths: list[Path], form: LintFormat, *, strict: bool) -> Exit:
    """Print every problem of every definition found."""
    files = find_definitions(paths)
    if not files:
        note("no definitions found")
    problems: list[Problem] = []
    unread: list[str] = []
    for file in files:
        try:
            problems.extend(check_definition(file)[1])
        except Refused as refusal:
            unread.extend(refusal.lines)
    if form is LintFormat.JSON:
        print(json.dumps([_problem_document(problem) for problem in problems], indent=2))
    else:
        print_problems(problems, sys.stdout)
        _print_count(len(files), problems)
    note(*unread)
    errors = any(strict or problem.severity is Severity.ERROR for problem in problems)
    return Exit.USAGE if unread else Exit.FAILED if errors else Exit.OK


def plan(file: Path, inputs: list[str], input_file: str | None, output: Format) -> None:
    """Print what would be sent, in which order, and what undoes it."""
    from sagactl.machine.plan import make_plan
    from sagactl.views.plan_text import plan_document, plan_lines

    saga = load_definition(file)
    planned = make_plan(saga)
    run = None
    if inputs or input_file:
        from sagactl.cli.input import gather_input
        from sagactl.cli.preview import preview

        run = preview(saga, gather_input(saga, inputs, input_file))
    if output is Format.TABLE:
        print_lines(plan_lines(planned, run))
    else:
        print_value(plan_document(planned, run), output)


def init(folder: Path) -> None:
    from sagactl.definition.schema import schema_text

    contents = {**SCAFFOLD, "schema/saga.schema.json": schema_text()}
    taken = [name for name in contents if (folder / name).exists()]
    if taken:
        names = ", ".join(str(folder / name) for name in taken)
        raise Refused(f"{names}: there already; init overwrites nothing")
    for name, text in contents.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Refused(f"{path}: cannot be written: {error.strerror}") from None
        print(path)
    order = folder / "order.yaml"
    print_lines(
        [
            "",
            "next:",
            f"  sagactl lint {order}",
            f"  sagactl run {order} --sandbox",
            f"  sagactl run {order} --sandbox --fail create_shipment=422",
        ],
        sys.stderr,
    )


def _print_count(files: int, problems: list[Problem]) -> None:
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    warnings = len(problems) - errors
    found = f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}"
    note(f"{_counted(files, 'definition')} checked: {found if problems else 'nothing found'}")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _problem_document(problem: Problem) -> dict[str, object]:
    place = problem.place
    return {
        "path": place.source.name,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "severity": str(problem.severity),
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint,
    }
