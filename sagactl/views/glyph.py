"""The marks that stand for states, and what stands for them where an encoding has no such marks."""

from sagactl.machine.moves import StepState as S

MARKS = {
    S.PENDING: "·",
    S.EXECUTING: "→",
    S.COMPLETED: "✓",
    S.FAILED: "✗",
    S.UNKNOWN: "?",
    S.COMPENSATING: "↶",
    S.COMPENSATED: "↺",
    S.STUCK: "!",
    S.SKIPPED: "–",
}
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

# "?" is itself a mark: a tick that became one would call a completed step unknown.
PLAINER = {
    "·": ".",
    "→": ">",
    "✓": "+",
    "✗": "x",
    "↶": "<",
    "↺": "~",
    "–": "-",
    "…": "...",
}


def speakable(text: str, encoding: str | None) -> str:
    """The text in what the encoding can say: marks by plainer ones, the rest spelt out."""
    encoding = encoding or "ascii"
    if _says(text, encoding):
        return text
    plainer = "".join(char if _says(char, encoding) else PLAINER.get(char, char) for char in text)
    return plainer.encode(encoding, "backslashreplace").decode(encoding)


def _says(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
