"""What of an address is literal and what is data, as it is written."""

from sagactl.definition.expression import tree_references
from sagactl.definition.kept import kept
from sagactl.definition.model import Saga
from sagactl.definition.template import Fixed, Hole, Mixed, Template
from sagactl.definition.value import as_text
from sagactl.lint.spot import Part, spots

HOLE = "\0"


def template_parts(template: Template) -> tuple[str | Hole, ...]:
    """The parts of an address or header in order: literal texts and expressions."""
    match template.compiled:
        case Hole() as hole:
            return (hole,)
        case Mixed(parts=parts):
            return parts
        case Fixed(value=value):
            return (as_text(value) or "",)
    return ()


@kept
def urls(saga: Saga) -> tuple[Template, ...]:
    """Every address of a saga: of its services and their token services, and of its requests."""
    parts = (Part.SERVICE_URL, Part.TOKEN_URL, Part.REQUEST)
    return tuple(spot.template for spot in spots(saga) if spot.part in parts)


def literal(url: Template) -> str:
    """The text of an address with a zero character in place of each expression."""
    return "".join(HOLE if isinstance(part, Hole) else part for part in template_parts(url))


def is_env(hole: Hole) -> bool:
    """Whether an expression reads the environment and nothing else."""
    return all(path[0] == "env" for path, _, _, _ in tree_references(hole.tree))
