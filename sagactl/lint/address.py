"""What of an address is literal and what is data, as it is written."""

from sagactl.definition.expression import tree_references
from sagactl.definition.template import Fixed, Hole, Mixed, Template
from sagactl.definition.value import as_text


def url_parts(url: Template) -> tuple[str | Hole, ...]:
    """The parts of an address in order: literal texts and expressions."""
    match url.compiled:
        case Hole() as hole:
            return (hole,)
        case Mixed(parts=parts):
            return parts
        case Fixed(value=value):
            return (as_text(value) or "",)
    return ()


def is_env(hole: Hole) -> bool:
    """Whether an expression reads the environment and nothing else."""
    return all(path[0] == "env" for path, _, _, _ in tree_references(hole.tree))
