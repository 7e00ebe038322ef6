"""duplicate-status: a status stands twice, or where another word has it already.

`outcomes` is read before `success`, so a status that `outcomes` calls rejected never counts as
applied, whatever `success` says. And what a class such as 4xx covers need not be named again; 2xx
leaves out 202, which is why `[2xx, 202]` is no such case.

    wrong:  outcomes: {rejected: [5xx, 503]}
    right:  outcomes: {rejected: [5xx]}
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.definition.status import is_status, listed, parse_statuses, shared_status
from sagactl.lint.edit import without_item
from sagactl.lint.rule import Rule
from sagactl.lint.spot import requests
from sagactl.lint.status import overlaps
from sagactl.lint.written import Path, said_at
from sagactl.source.node import List, Map, Node, plain
from sagactl.source.problem import Problem, Related, Severity


def check(saga: Saga) -> Iterator[Problem]:
    for step, phase, request in requests(saga):
        if overlaps(request):  # from the model alone, so that the text is seldom read again
            success = said_at(saga, step, phase, "success")
            outcomes = said_at(saga, step, phase, "outcomes")
            yield from _twice(saga, *success) if success is not None else ()
            for path, node in _kinds(outcomes):
                yield from _twice(saga, path, node)
            if success is not None:
                yield from _in_vain(success[1], _kinds(outcomes))


def _kinds(outcomes: tuple[Path, Node] | None) -> list[tuple[Path, Node]]:
    if outcomes is None or not isinstance(outcomes[1], Map):
        return []
    return [((*outcomes[0], entry.name), entry.value) for entry in outcomes[1]]


def _twice(saga: Saga, path: Path, node: Node) -> Iterator[Problem]:
    items = node.items if isinstance(node, List) else ()
    known = [(i, o, parse_statuses([o])) for i, o in enumerate(items) if is_status(plain(o))]
    for index, item, own in known:
        for at, other, statuses in known:
            covered = all(s in statuses for low, high in own.ranges for s in range(low, high + 1))
            # Of two that are the same, the second one is too many.
            if covered and at != index and (at < index or plain(other) != plain(item)):
                message = f'"{plain(item)}" stands in the list already, as "{plain(other)}"'
                fix = without_item(saga, *path, index)
                yield RULE.problem(item.place, message, "leave it out", fix=fix)
                break


def _in_vain(success: Node, kinds: list[tuple[Path, Node]]) -> Iterator[Problem]:
    for item in listed(success):
        for path, node in kinds if is_status(plain(item)) else ():
            status = shared_status(parse_statuses([item]), parse_statuses(listed(node)))
            # A class less a few statuses is what `outcomes` is for.
            if status is not None and plain(item) == status:
                message = f'"{status}" in "success" is never asked: "outcomes" says "{path[-1]}"'
                related = (Related(node.place, "read first"),)
                yield RULE.problem(item.place, message, "leave one of them out", related)


RULE = Rule(
    "duplicate-status",
    "SG905",
    "a status stands twice, or where another word has it already",
    Severity.WARNING,
    check,
    is_fixable=True,
)
