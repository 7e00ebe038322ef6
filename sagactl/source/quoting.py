"""A line of YAML as it should be: the values with expressions in it are quoted.

For the hint about an expression that YAML reads as something else. A line is all that is looked at,
so a value that goes on in the next one is not told from one that is whole.
"""

import re

# No hint repeats a line that nobody would read; a pattern may look at it for long, too.
LONGEST_SHOWN = 400

_HEAD = re.compile(r"(\s*(?:- +)*(?:[\w.-]+|\"[^\"]*\"):\s+|\s*- +)(.*?)\s*$")
_QUOTED = r"\"(?:\\.|[^\"\\])*\"|'(?:''|[^'])*'"
_PLAIN = r"(?:\$\{\{.*?\}\}|[^\[\]{},:\"'\s]|:(?=\S)|\s(?![\s#]))+"
# Within brackets a value ends at a comma, a bracket, or where a key does.
_IN_BRACKETS = re.compile(f"{_QUOTED}|{_PLAIN}")
_BEYOND_VALUES = re.compile(rf"{_QUOTED}|\$\{{\{{.*?\}}\}}")


def quoted_line(line: str) -> str:
    """The hint that shows a line with each value quoted that has an expression in it."""
    if len(line) > LONGEST_SHOWN:
        return "write it in quotes"
    found = _HEAD.match(line)
    head, value = found.groups() if found is not None else ("", line.strip())
    if found is None or _is_in_brackets(value):
        value = _IN_BRACKETS.sub(lambda piece: _as_a_value(piece.group()), value)
    else:
        value = _quoted(value)
    return f"write: {(head + value).strip()}"


def _is_in_brackets(value: str) -> bool:
    """Whether brackets open with the value, or close behind it that opened in a line above."""
    bare = _BEYOND_VALUES.sub("", value)
    return value.startswith(("[", "{")) or bare.endswith(("]", "}", ","))


def _as_a_value(piece: str) -> str:
    if "${{" not in piece or piece.startswith(('"', "'")):
        return piece
    text = piece.strip()
    return piece.replace(text, _quoted(text))


def _quoted(text: str) -> str:
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"
