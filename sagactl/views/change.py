"""What another definition would change for a run, as text and as data."""

from sagactl.machine.compatibility import Change, Compatibility
from sagactl.source.node import Json
from sagactl.views.carets import visible

WORDS = {
    Change.SAME: "unchanged",
    Change.DIFFERS: "differs, and may",
    Change.NEW: "new",
    Change.GONE: "gone, and may be",
}


def change_lines(found: Compatibility) -> list[str]:
    """A line for each step, and why it may not be where it may not."""
    width = max(len(step.name) for step in found.steps)
    wide = max(len(step.state) for step in found.steps)
    lines = [f"  {reason}" for reason in found.reasons]
    for step in found.steps:
        words = WORDS[step.change] if not step.reasons else "; ".join(step.reasons)
        lines.append(f"  {step.name:<{width}}  {step.state:<{wide}}  {words}")
    return list(map(visible, lines))


def change_document(found: Compatibility) -> dict[str, Json]:
    """The same for programs."""
    return {
        "sound": found.is_sound,
        "reasons": list(found.reasons),
        "steps": [
            {
                "name": step.name,
                "status": str(step.state),
                "change": str(step.change),
                "reasons": list(step.reasons),
            }
            for step in found.steps
        ],
    }
