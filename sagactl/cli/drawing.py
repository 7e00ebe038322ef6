"""What graph does: a definition or a run as a picture. It sends nothing and changes nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sagactl.cli.form import GraphFormat
from sagactl.cli.loading import SUFFIXES, load_definition
from sagactl.cli.printing import has_colour, print_lines
from sagactl.cli.refusal import Refused
from sagactl.machine.plan import make_plan
from sagactl.views.picture import Picture, picture

# A picture that takes longer than this is one that nobody could read.
LAYOUT_TIMEOUT_S = 60.0


def graph(subject: str, state: Path | None, form: GraphFormat) -> None:
    """Print the picture of a definition's file, or of a run."""
    drawn = _picture(subject, state)
    if form is GraphFormat.TREE:
        from sagactl.views.tree import tree_lines

        print_lines(tree_lines(drawn, colour=has_colour(sys.stdout)))
        return
    from sagactl.views.diagram import dot_lines, mermaid_lines

    if form is GraphFormat.MERMAID:
        print_lines(mermaid_lines(drawn))
    elif form is GraphFormat.DOT:
        print_lines(dot_lines(drawn))
    else:
        print_lines(_svg(dot_lines(drawn)))


def _picture(subject: str, state: Path | None) -> Picture:
    # No ID has a slash, and one that ends as a definition does is better looked for as a file.
    if os.sep in subject or subject.endswith(SUFFIXES) or Path(subject).is_file():
        return picture(make_plan(load_definition(Path(subject))))
    from sagactl.cli.state_file import find_run, state_files

    kept = find_run(state_files(state), subject)
    return picture(kept.plan, kept.run)


def _svg(lines: Sequence[str]) -> list[str]:
    """What Graphviz makes of a graph; Refused where there is none."""
    dot = shutil.which("dot")
    if dot is None:
        raise Refused(
            'an svg is drawn by Graphviz, and there is no "dot" on the PATH: install it, '
            "or take --format mermaid"
        )
    try:
        done = subprocess.run(
            [dot, "-Tsvg"],
            input="\n".join(lines).encode(),
            capture_output=True,
            timeout=LAYOUT_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(f'"{dot}" draws no picture: {error}') from None
    if done.returncode:
        raise Refused(f'"{dot}" draws no picture: {done.stderr.decode(errors="replace").strip()}')
    return done.stdout.decode().splitlines()
