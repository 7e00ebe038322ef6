"""The exact commands that an operator can type about a run, to be pasted as they stand.

What only a person knows stands in capitals: a reason, or a value of a result.
"""

import json
import shlex
from collections.abc import Sequence

from sagactl.machine.moves import Resolution
from sagactl.machine.objection import Path, needed_paths, resolve_objections
from sagactl.machine.plan import Plan
from sagactl.machine.run import Run
from sagactl.source.node import Json

# These take a reason, which the history keeps.
EXPLAINED = ("abandon", "compensate", "resolve")


def command_line(verb: str, run: Run, option: str = "", *more: str) -> str:
    """A command on the run; `option` is what finds its state, with a blank before it."""
    words = ["sagactl", verb, run.id, *map(shlex.quote, more)]
    if verb in EXPLAINED:
        words += ["--reason", "TEXT"]
    return " ".join(words) + option


def resolve_commands(plan: Plan, run: Run, name: str, option: str = "") -> list[str]:
    """Every `resolve` of this step that would be taken now."""
    return list(resolutions(plan, run, name, option).values())


def resolutions(plan: Plan, run: Run, name: str, option: str = "") -> dict[Resolution, str]:
    """What a person may say of the step now, with the command that says it."""
    found = {}
    for resolution in Resolution:
        told = has_result = False
        result: Json = None
        if resolution is Resolution.COMPLETED:
            paths = needed_paths(plan, run, name)
            result, has_result = skeleton(paths), bool(paths)
            told = has_result
        if not resolve_objections(plan, run, name, resolution, result, has_result=has_result):
            more = ["--result", json.dumps(result)] if told else []
            found[resolution] = command_line(
                "resolve", run, option, name, "--as", str(resolution), *more
            )
    return found


def skeleton(paths: Sequence[Path]) -> Json:
    """The smallest JSON value that has something at each path."""
    heads = dict.fromkeys(path[0] for path in paths if path)
    if not heads:
        return "VALUE"
    parts = {head: skeleton([p[1:] for p in paths if p and p[0] == head]) for head in heads}
    if all(isinstance(head, int) for head in heads):
        return [parts.get(n) for n in range(max(map(int, heads)) + 1)]
    return {str(head): part for head, part in parts.items()}
