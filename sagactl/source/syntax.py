"""What is wrong with a text that is no YAML, in words that say what to do.

The parser tells what it expected next, which is true and helps nobody. Here its words become what
people did: a quote left open, a line that stands under nothing, a value that should be quoted. What
is not among these is told in the parser's own words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sagactl.source.place import Place, Source, lines_of
from sagactl.source.problem import Problem, Related
from sagactl.source.quoting import quoted_line

_CONFLICT = re.compile(r"(?m)^(?:<{7}|>{7}) ")
_NOT_BEGUN = re.compile(r"found character '(.)' that cannot start any token")
_UNCLOSED = {
    "while parsing a flow sequence": ('list in "[" and "]"', "]"),
    "while parsing a flow mapping": ('map in "{" and "}"', "}"),
}
# What the parser says, what is wrong, and a way out.
_WORDS = (
    (
        "mapping values are not allowed here",
        "a second key stands in one line, or this line belongs to none above",
        'quote a value with ": " in it; keys of one map stand one below the other',
    ),
    (
        "expected <block end>, but found '<scalar>'",
        "there is more behind the end of a value",
        "put quotes around all of it",
    ),
    (
        "expected <block end>",
        "this line belongs to no line above: nothing else begins at its column",
        "keys of one map, and items of one list, stand one below the other",
    ),
    (
        "could not find expected ':'",
        'a line above is neither a key with a ":" nor an item with a "-"',
        None,
    ),
    (
        "found unknown escape character",
        'a "\\" in double quotes begins an escape, and this is none',
        "write it twice, or use single quotes",
    ),
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a parser says: what is wrong and where, and what it was about and where that began.

    Places are line and column as they are counted in a text, from 1.
    """

    problem: str
    at: tuple[int, int] | None
    about: str = ""
    began: tuple[int, int] | None = None


def syntax_problem(source: Source, told: Told) -> Problem:
    """A syntax error; where an unquoted expression is behind it, that is what is said."""
    if told.at is None:
        return Problem("yaml-syntax", _at(source, (1, 1)), told.problem)
    lines = lines_of(source.text)
    line, began = told.at[0], (told.began or told.at)[0]
    for number in dict.fromkeys((line, line - 1, began)):
        text = lines[number - 1] if 1 <= number <= len(lines) else ""
        found = next((at for at in _expressions(text) if not _is_quoted(text, at)), None)
        if found is not None:
            end = max(len(text.rstrip()), found + 3)
            place = Place(source, number, found + 1, number, end + 1)
            message = "quote the expression: YAML reads something else in it"
            return Problem("quote-expression", place, message, quoted_line(text))
    if "\t" in (lines[line - 1] if line <= len(lines) else ""):
        message = "a tab cannot indent YAML: use spaces"
        return Problem("yaml-syntax", _at(source, told.at), message)
    return _in_words(source, told, told.at)


def _in_words(source: Source, told: Told, at: tuple[int, int]) -> Problem:
    place, said = _at(source, at), told.problem
    if conflict := _CONFLICT.search(source.text):
        line = source.text.count("\n", 0, conflict.start()) + 1
        message = "a merge left its marks here"
        return Problem("yaml-syntax", Place(source, line, 1, line, 8), message)
    if told.began is not None and said == "found unexpected end of stream":
        return Problem("yaml-syntax", _at(source, told.began), "this quote is not closed")
    if told.about in _UNCLOSED and told.began is not None and "but got" in said:
        thing, closing = _UNCLOSED[told.about]
        related = (Related(_at(source, told.began), f"the {thing}"),)
        message = f'a "," or "{closing}" is missing before this'
        return Problem("yaml-syntax", place, message, related=related)
    if bad := _NOT_BEGUN.match(said):
        message = f'no value begins with "{bad[1]}"'
        return Problem("yaml-syntax", place, message, "write the value in quotes")
    for words, message, hint in _WORDS:
        if said.startswith(words):
            return Problem("yaml-syntax", place, message, hint)
    return Problem("yaml-syntax", place, said)


def _at(source: Source, at: tuple[int, int]) -> Place:
    return Place(source, *at, at[0], at[1] + 1)


def _expressions(line: str) -> Iterator[int]:
    at = line.find("${{")
    while at >= 0:
        yield at
        at = line.find("${{", at + 3)


def _is_quoted(line: str, at: int) -> bool:
    before = line[:at]
    return before.count('"') % 2 == 1 or before.count("'") % 2 == 1
