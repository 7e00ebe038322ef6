"""unknown-operation: a request that its service's document does not have.

Path and method are held against the document's path templates, below the paths of its `servers`: a
service whose URL ends in `/v1` and a server that does are the same thing. Where the path is known
and the method is not, the message says which there are. A path with an expression where the
document has a fixed word may be any of several, and nothing is said.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sagactl.definition.model import Saga
from sagactl.lint.described import described_calls
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Related, Severity, nearest

if TYPE_CHECKING:
    from sagactl.lint.documented import Call

MAX_COMPARED = 300


def check(saga: Saga) -> Iterator[Problem]:
    for call in described_calls(saga):
        if call.operation is not None or not call.found.is_sure:
            continue
        if call.found.path is not None:
            yield _wrong_method(call, call.found.path)
        elif not call.begins_anywhere:
            yield _wrong_path(call)


def _wrong_method(call: "Call", path: str) -> Problem:
    message = f'{call.document.name} has no {call.request.method} at "{path}"'
    methods = ", ".join(call.found.methods)
    item = call.document.paths[path]
    return RULE.problem(
        call.place,
        message,
        f"there {'are' if len(call.found.methods) > 1 else 'is'} {methods}" if methods else None,
        (Related(item.place, "the path is described here"),),
    )


def _wrong_path(call: "Call") -> Problem:
    shown = call.shown_path
    paths = list(call.document.paths)
    message = f'{call.document.name} has no path such as "{shown}"'
    close = nearest(shown, paths[:MAX_COMPARED])
    if close is not None:
        related = (Related(call.document.paths[close].place, f'"{close}" is described here'),)
        return RULE.problem(call.place, f'{message}; did you mean "{close}"?', None, related)
    hint = f"there are {', '.join(paths[:8])}" + (", …" if len(paths) > 8 else "")
    return RULE.problem(call.place, message, hint if paths else "it has no paths at all")


RULE = Rule(
    "unknown-operation",
    "SG502",
    "a request that its service's document does not have",
    Severity.ERROR,
    check,
)
