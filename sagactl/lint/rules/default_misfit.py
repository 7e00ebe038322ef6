"""default-misfit: a `default` of the input does not fit its own schema.

Whoever leaves the property out gets the default, and is told that the input is wrong: the run never
begins.

    wrong:  days: {type: integer, default: three}
    right:  days: {type: integer, default: 3}
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.rule import Rule
from sagactl.lint.written import node_at
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    schema = saga.input_schema
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return
    given = {
        n: p["default"] for n, p in properties.items() if isinstance(p, dict) and "default" in p
    }
    if not given:
        return
    # Not every verb that knows the rules checks inputs.
    from sagactl.definition.schema import check_defaults

    told = set()
    for wrong in check_defaults(schema, given):
        if wrong.path[0] not in given or wrong.path[0] in told:
            continue
        told.add(wrong.path[0])
        name = str(wrong.path[0])
        node = node_at(saga, "input", "properties", name, "default")
        message = f'the default of "{name}" does not fit its own schema: it {wrong.message}'
        yield RULE.problem(saga.place if node is None else node.place, message)


RULE = Rule(
    "default-misfit",
    "SG106",
    "a `default` of the input does not fit its own schema",
    Severity.WARNING,
    check,
)
