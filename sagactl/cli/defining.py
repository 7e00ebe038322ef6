"""What init and plan do."""

import sys
from pathlib import Path
from shlex import quote

from sagactl.cli.exit import Exit
from sagactl.cli.form import Format
from sagactl.cli.loading import load_definition
from sagactl.cli.printing import note, print_lines, print_value
from sagactl.cli.refusal import Refused
from sagactl.cli.scaffold import SCAFFOLD
from sagactl.source.node import Json


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


def check_plan(file: Path, golden: Path, output: Format) -> Exit:
    """Print in what the plan is not as it was kept in the file `golden`."""
    from sagactl.machine.plan import make_plan
    from sagactl.views.plan_change import change_lines
    from sagactl.views.plan_text import plan_document

    now = plan_document(make_plan(load_definition(file)), None)
    write = f"sagactl plan {quote(str(file))} -o json > {quote(str(golden))}"
    lines = change_lines(_kept_plan(golden, write), now)
    if output is Format.TABLE:
        print_lines(lines)
    else:
        print_value(list(lines), output)
    if not lines:
        note(f"{file}: the plan is as {golden} has it")
        return Exit.OK
    note(f"{file}: the plan is not as {golden} has it; where it is meant: {write}")
    return Exit.FAILED


def _kept_plan(golden: Path, write: str) -> Json:
    from sagactl.source.json_text import JsonRejected, parse_json
    from sagactl.views.plan_change import plan_objection

    try:
        kept = parse_json(golden.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refused(f"{golden}: is not there; to write it: {write}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{golden}: cannot be read: {error}") from None
    except JsonRejected as error:
        raise Refused(f"{golden}: is not JSON: {error}") from None
    objection = plan_objection(kept)
    if objection is not None:
        raise Refused(f"{golden}: {objection}; to write it anew: {write}")
    return kept


def init(folder: Path) -> None:
    from sagactl.definition.schema import NAME, TEST_NAME, schema_text

    schemas = {f"schema/{name}": schema_text(name) for name in (NAME, TEST_NAME)}
    contents = {**SCAFFOLD, **schemas}
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
            f"  sagactl test {order}",
            f"  sagactl run {order} --sandbox",
            f"  sagactl run {order} --sandbox --fail create_shipment=422",
        ],
        sys.stderr,
    )
