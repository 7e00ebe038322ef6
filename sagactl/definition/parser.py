"""Text to tree: the parser of the expression language.

Every mistake is told with the offsets it stands at. Nothing here evaluates.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from sagactl.definition.expression import (
    Apply,
    Binary,
    Choice,
    Index,
    Literal,
    Macro,
    Mapping,
    Member,
    Name,
    Sequence,
    Tree,
    Unary,
    children,
)
from sagactl.definition.synonym import CALLS, OPERATORS
from sagactl.source.node import Json
from sagactl.source.problem import nearest

MAX_LENGTH = 4096
MAX_DEPTH = 64
# A chain such as a.b.c or a + b + c is as deep a tree as it is long, and every walk over a tree
# recurses: without this bound a long chain would end in Python's RecursionError.
MAX_HEIGHT = 128
MAX_INT = 2**63 - 1

# How many arguments each takes.
FUNCTIONS = {
    "size": 1,
    "string": 1,
    "int": 1,
    "double": 1,
    "json": 1,
    "fromJson": 1,
    "base64": 1,
    "urlencode": 1,
    "hash": 1,
    "cond": 3,
    "has": 1,
}
METHODS = {"contains": 1, "startsWith": 1, "endsWith": 1, "size": 0}
MACROS = ("filter", "map", "exists", "all")
# Not functions on purpose: a resume must see what the run saw.
ADVICE = {
    "now": "saga.started_at",
    "uuid": "saga.id or step.idempotency_key",
    "random": "step.idempotency_key",
}


class ExpressionRejected(Exception):
    """An expression that cannot be parsed; `start` and `end` are offsets in its text."""

    def __init__(self, code: str, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.start = start
        self.end = end


def parse_expression(text: str) -> Tree:
    """The tree of an expression; raises ExpressionRejected."""
    if len(text) > MAX_LENGTH:
        raise ExpressionRejected(
            "expression-syntax", f"an expression has at most {MAX_LENGTH} characters", 0, len(text)
        )
    parser = _Parser(text)
    tree = parser.parse()
    # No tree is higher than it has words.
    if parser.size > MAX_HEIGHT:
        _check_height(tree)
    return tree


def _check_height(tree: Tree) -> None:
    level: tuple[Tree, ...] = (tree,)
    for _ in range(MAX_HEIGHT):
        level = tuple(below for above in level for below in children(above))
        if not level:
            return
    raise _reject(f"a chain of more than {MAX_HEIGHT} parts", tree.start, tree.end)


class _Token(NamedTuple):
    kind: str  # number, text, name, operator, end
    value: Json
    start: int
    end: int


_SPACE = re.compile(r"\s*")
_TOKEN = re.compile(
    r"(?P<number>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|[0-9]+)"
    r"|(?P<text>'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\")"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator>&&|\|\||==|!=|<=|>=|\.\?|[-+*/%<>!?:.,()\[\]{}])"
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"', "/": "/"}
_WORDS: dict[str, Json] = {"true": True, "false": False, "null": None}

# Left binding powers, as in CEL's grammar; `?:` binds least and to the right.
_POWERS = {
    "||": 2, "&&": 3, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "in": 4, "+": 5, "-": 5,
    "*": 6, "/": 6, "%": 6,
}  # fmt: skip


def _reject(message: str, start: int, end: int) -> ExpressionRejected:
    return ExpressionRejected("expression-syntax", message, start, max(end, start + 1))


def _tokens(text: str) -> Iterator[_Token]:
    at = _past_space(text, 0)
    while at < len(text):
        token = _token(text, at)
        yield token
        at = _past_space(text, token.end)
    yield _Token("end", None, at, at)


def _past_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _token(text: str, at: int) -> _Token:
    found = _TOKEN.match(text, at)
    if found is None:
        raise _meaningless(text, at)
    kind, said, end = str(found.lastgroup), found.group(), found.end()
    match kind:
        case "name" if said == "in":
            return _Token("operator", said, at, end)
        case "number":
            number = int(said) if said.isdigit() else float(said)
            # The last one is a whole number only behind a minus; the parser sees to it.
            if number == float("inf") or (isinstance(number, int) and number > MAX_INT + 1):
                raise _too_large(said, at, end)
            return _Token(kind, number, at, end)
        case "text":
            return _Token(kind, _unescape(said[1:-1], at + 1), at, end)
    return _Token(kind, said, at, end)


def _meaningless(text: str, at: int) -> ExpressionRejected:
    if text[at] in "'\"":
        return _reject("a text begins here and does not end", at, len(text))
    hint = {"&": "&&", "|": "||", "=": "=="}.get(text[at])
    said = f'; did you mean "{hint}"?' if hint else ""
    return _reject(f'"{text[at]}" has no meaning in an expression{said}', at, at + 1)


def _too_large(digits: str, start: int, end: int) -> ExpressionRejected:
    return _reject(f"the number {digits[:20]} is too large", start, end)


def _unescape(text: str, at: int) -> str:
    def one(found: re.Match[str]) -> str:
        start, end = at + found.start(), at + found.end()
        if found.group(1):
            char = chr(int(found.group(1), 16))
            if "\ud800" <= char <= "\udfff":
                raise _reject("half of a surrogate pair is no character", start, end)
            return char
        if found.group(2) not in _ESCAPES:
            raise _reject(f'"\\{found.group(2)}" is no escape', start, end)
        return _ESCAPES[found.group(2)]

    return _ESCAPE.sub(one, text)


def _miscounted(
    word: str, wanted: int, given: list[Tree], start: int, end: int
) -> ExpressionRejected:
    plural = "" if wanted == 1 else "s"
    return _reject(
        f'"{word}" takes {wanted or "no"} argument{plural}, not {len(given)}', start, end
    )


class _Parser:
    """Top-down operator precedence (Pratt, 1973)."""

    def __init__(self, text: str) -> None:
        tokens = list(_tokens(text))
        self.size = len(tokens)
        self._next = tokens[0]
        self._rest = iter(tokens[1:])
        self._depth = 0

    def parse(self) -> Tree:
        if self._next.kind == "end":
            raise _reject("the expression is empty", 0, 1)
        tree = self._expression(0)
        if self._next.kind != "end":
            token = self._next
            meant = OPERATORS.get(str(token.value))
            said = f'; did you mean "{meant}"?' if meant else ""
            raise _reject(f'"{token.value}" is not expected here{said}', token.start, token.end)
        return tree

    def _take(self) -> _Token:
        token = self._next
        self._next = next(self._rest, token)
        return token

    def _is(self, operator: str) -> bool:
        token = self._next
        return token.value == operator and token.kind == "operator"

    def _is_lowest(self, token: _Token) -> bool:
        return isinstance(token.value, int) and token.value == MAX_INT + 1

    def _expect(self, operator: str) -> _Token:
        if not self._is(operator):
            token = self._next
            seen = "the end" if token.kind == "end" else f'"{token.value}"'
            raise _reject(f'"{operator}" is expected here, not {seen}', token.start, token.end)
        return self._take()

    def _expression(self, power: int) -> Tree:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            token = self._next
            raise _reject(f"nested deeper than {MAX_DEPTH}", token.start, token.end)
        left = self._postfix(self._prefix())
        while self._next.kind == "operator":
            operator = str(self._next.value)
            binds = _POWERS.get(operator, 0)
            if binds > power:
                self._take()
                right = self._expression(binds)
                left = Binary(left.start, right.end, operator, left, right)
            elif operator == "?" and power == 0:
                self._take()
                yes = self._expression(0)
                self._expect(":")
                no = self._expression(0)
                left = Choice(left.start, no.end, left, yes, no)
            else:
                break
        self._depth -= 1
        return left

    def _prefix(self) -> Tree:
        token = self._take()
        match token.kind, token.value:
            case "number", int() as whole if whole > MAX_INT:
                raise _too_large(str(whole), token.start, token.end)
            case (("number" | "text"), _):
                return Literal(token.start, token.end, token.value)
            case "operator", "-" if self._is_lowest(self._next):
                return Literal(token.start, self._take().end, -MAX_INT - 1)
            case "name", name if name in _WORDS:
                return Literal(token.start, token.end, _WORDS[name])
            case "name", name:
                if self._is("("):
                    return self._function(token)
                return Name(token.start, token.end, str(name))
            case "operator", ("!" | "-") as operator:
                operand = self._expression(7)
                return Unary(token.start, operand.end, operator, operand)
            case "operator", "(":
                inside = self._expression(0)
                self._expect(")")
                return inside
            case "operator", "[":
                items, end = self._list("]")
                return Sequence(token.start, end, tuple(items))
            case "operator", "{":
                return self._mapping(token)
        seen = "the end" if token.kind == "end" else f'"{token.value}"'
        raise _reject(f"a value is expected here, not {seen}", token.start, token.end)

    def _postfix(self, tree: Tree) -> Tree:
        while True:
            if self._is(".") or self._is(".?"):
                optional = self._take().value == ".?"
                name = self._take()
                if name.kind != "name" and (name.kind, name.value) != ("operator", "in"):
                    raise _reject("a name is expected after the dot", name.start, name.end)
                if self._is("(") and not optional:
                    tree = self._method(tree, name)
                else:
                    tree = Member(tree.start, name.end, tree, str(name.value), optional)
            elif self._is("["):
                self._take()
                index = self._expression(0)
                tree = Index(tree.start, self._expect("]").end, tree, index)
            else:
                return tree

    def _function(self, name: _Token) -> Tree:
        arguments, end = self._arguments()
        word = str(name.value)
        if word not in FUNCTIONS:
            raise self._unknown(name, tuple(FUNCTIONS))
        if len(arguments) != FUNCTIONS[word]:
            raise _miscounted(word, FUNCTIONS[word], arguments, name.start, end)
        if word == "has" and not isinstance(arguments[0], Member | Index):
            raise _reject('"has" takes a path such as has(input.note)', name.start, end)
        return Apply(name.start, end, word, None, tuple(arguments))

    def _method(self, target: Tree, name: _Token) -> Tree:
        word = str(name.value)
        arguments, end = self._arguments()
        if word in MACROS:
            if len(arguments) != 2 or not isinstance(arguments[0], Name):
                usage = f'"{word}" takes a name and what is asked of it: .{word}(x, x.total > 0)'
                raise _reject(usage, name.start, end)
            return Macro(target.start, end, word, target, arguments[0].name, arguments[1])
        if word not in METHODS:
            raise self._unknown(name, (*METHODS, *MACROS))
        if len(arguments) != METHODS[word]:
            raise _miscounted(word, METHODS[word], arguments, name.start, end)
        return Apply(target.start, end, word, target, tuple(arguments))

    def _unknown(self, name: _Token, known: tuple[str, ...]) -> ExpressionRejected:
        word = str(name.value)
        if word in ADVICE:
            message = (
                f'"{word}" is not a function, a resume would see another value: use {ADVICE[word]}'
            )
            return ExpressionRejected("not-a-function", message, name.start, name.end)
        if word in METHODS or word in MACROS:
            message = f'"{word}" is written behind what it asks, as in input.name.{word}(…)'
            return ExpressionRejected("unknown-function", message, name.start, name.end)
        close = CALLS.get(word) or nearest(word, known)
        meant = f'; did you mean "{close}"?' if close else f": there are {', '.join(known)}"
        message = f'there is no function "{word}"{meant}'
        return ExpressionRejected("unknown-function", message, name.start, name.end)

    def _arguments(self) -> tuple[list[Tree], int]:
        self._expect("(")
        return self._list(")")

    def _list(self, closing: str) -> tuple[list[Tree], int]:
        items: list[Tree] = []
        while not self._is(closing):
            if items:
                self._expect(",")
                # As in CEL: a list may end in a comma, the arguments of a call may not.
                if self._is(closing) and closing == "]":
                    break
            items.append(self._expression(0))
        return items, self._take().end

    def _mapping(self, opening: _Token) -> Tree:
        entries: list[tuple[Tree, Tree]] = []
        while not self._is("}"):
            if entries:
                self._expect(",")
                if self._is("}"):
                    break
            key = self._expression(1)
            self._expect(":")
            entries.append((key, self._expression(0)))
        return Mapping(opening.start, self._take().end, tuple(entries))
