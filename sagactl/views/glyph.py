"""What stands for states: marks, what stands for those where an encoding has none, and colours."""

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
# What each state looks like: rich's words for it on a terminal, fill and line in a picture.
STYLES = {
    S.PENDING: "dim",
    S.EXECUTING: "cyan",
    S.COMPLETED: "green",
    S.FAILED: "red",
    S.UNKNOWN: "yellow",
    S.COMPENSATING: "magenta",
    S.COMPENSATED: "blue",
    S.STUCK: "bold yellow",
    S.SKIPPED: "dim",
}
COLOURS = {
    S.PENDING: ("#f6f8fa", "#8c959f"),
    S.EXECUTING: ("#b6f0f7", "#0a7d91"),
    S.COMPLETED: ("#c9f2d0", "#1a7f37"),
    S.FAILED: ("#ffd7d5", "#cf222e"),
    S.UNKNOWN: ("#fff3b8", "#9a6700"),
    S.COMPENSATING: ("#eddbff", "#8250df"),
    S.COMPENSATED: ("#cfe5ff", "#0969da"),
    S.STUCK: ("#ffc680", "#bc4c00"),
    S.SKIPPED: ("#eaeef2", "#afb8c1"),
}
SGR = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34",
    "magenta": "35", "cyan": "36",
}  # fmt: skip
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
    # The leaders of a matrix's columns.
    "│": "|",
    "┌": ",",
}


def painted(text: str, state: S | None, *, colour: bool) -> str:
    """The text in a state's colour, as a terminal takes it."""
    return text if state is None else styled(text, STYLES[state], colour=colour)


def styled(text: str, words: str, *, colour: bool) -> str:
    """The text in a style that is named by words of SGR."""
    if not (colour and words and text):
        return text
    return f"\x1b[{';'.join(SGR[word] for word in words.split())}m{text}\x1b[0m"


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
