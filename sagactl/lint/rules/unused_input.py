"""unused-input: a property of the input that no expression reads.

Whoever starts the saga has to give it and nothing comes of it: a leftover, or a name misspelt
elsewhere. Silent where the input is passed on as a whole.
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.rule import Rule
from sagactl.lint.spot import reads
from sagactl.lint.written import key_places
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    schema = saga.input_schema
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return
    paths = [reference.path for _, reference in reads(saga) if reference.path[0] == "input"]
    if ("input",) in paths:
        return
    used = {path[1] for path in paths}
    unused = [name for name in properties if name not in used]
    places = key_places(saga, "input", "properties") if unused else {}
    for name in unused:
        message = f'no expression reads "input.{name}"'
        yield RULE.problem(places.get(name, saga.place), message, "use it or leave it out")


RULE = Rule(
    "unused-input",
    "SG901",
    "a property of the input that no expression reads",
    Severity.WARNING,
    check,
)
