"""What init and plan do."""

import sys
from pathlib import Path

from sagactl.cli.loading import load_definition
from sagactl.cli.option import Format
from sagactl.cli.printing import print_lines, print_value
from sagactl.cli.refusal import Refused
from sagactl.cli.scaffold import SCAFFOLD


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
