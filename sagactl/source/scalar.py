"""What a plain scalar is: the YAML 1.2 core schema, and the traps of YAML 1.1 refused.

A file that two YAML readers understand differently moves money differently. So what YAML 1.1 reads
as something else (`no`, `012`, `1:30`, `2026-01-01`) is an error until it is quoted.
"""

import re

MAX_DIGITS = 18

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TRAP_WORDS = {
    **dict.fromkeys(("yes", "Yes", "YES", "on", "On", "ON"), "true"),
    **dict.fromkeys(("no", "No", "NO", "off", "Off", "OFF"), "false"),
    "=": "a value tag",
    "<<": "a merge",
}
# With one of these everything begins that looks like a number; all else but words is a text.
_NUMERIC = "-+.0123456789"
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?\Z")

_TRAPS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[-+]?0[0-9_]+\Z"), "an octal number"),
    (re.compile(r"[-+]?0[bB][01_]+\Z"), "a binary number"),
    (re.compile(r"[-+]?0[xX][0-9a-fA-F_]+\Z"), "a hexadecimal number"),
    (re.compile(r"0o[0-7]+\Z"), "an octal number"),
    (re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?\Z"), "a number"),
    (re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z"), "a number of base 60"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?\Z"), "a date"),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z"), "no number of JSON"),
)

Value = bool | int | float | str | None


class ScalarRejected(ValueError):
    """A plain scalar that YAML readers disagree about, or that no JSON number can hold.

    `meaning` is what others take it for, where they do.
    """

    def __init__(self, message: str, meaning: str | None = None) -> None:
        super().__init__(message)
        self.meaning = meaning


def plain_value(text: str) -> Value:
    """The value of a plain (unquoted) scalar; raises ScalarRejected."""
    if text in _WORDS:
        return _WORDS[text]
    if text in _TRAP_WORDS:
        raise _misread(text, _TRAP_WORDS[text])
    if text[0] not in _NUMERIC:
        return text
    if _INT.match(text):
        if len(text.lstrip("+-")) > MAX_DIGITS:
            raise ScalarRejected(f"a number of more than {MAX_DIGITS} digits is not kept exactly")
        return int(text)
    for trap, meaning in _TRAPS:
        if trap.match(text):
            raise _misread(text, meaning)
    if _FLOAT.match(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise ScalarRejected(f'the number "{text[:20]}" is too large')
        return value
    return text


def _misread(text: str, meaning: str) -> ScalarRejected:
    return ScalarRejected(f'other YAML readers take "{text}" for {meaning}', meaning)


_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_OCT = re.compile(r"0o[0-7]+\Z")
_DIGITS = re.compile(r"[-+]?[0-9]+\Z")
MOST_DIGITS = 400


def core_value(text: str) -> Value:
    """The value of a plain scalar in the YAML 1.2 core schema (10.3.2), less what JSON has not."""
    if _DIGITS.match(text) and len(text) <= MOST_DIGITS:
        return int(text)
    if _HEX.match(text) or _OCT.match(text):
        return int(text, 0) if len(text) <= MOST_DIGITS else text
    try:
        return plain_value(text)
    except ScalarRejected:
        return text
