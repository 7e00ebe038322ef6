"""What an expression is worth, given the names in scope.

A missing name is an error and never null or empty. Work is bounded: every node costs fuel, so does
every pass over a text or a list, and no text grows beyond a mebibyte. Data is only ever data:
nothing evaluated is parsed as an expression.
"""

from collections.abc import Mapping as Names

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
)
from sagactl.definition.function import FUNCTIONS
from sagactl.definition.parser import MAX_INT
from sagactl.definition.value import (
    CHARACTERS_PER_UNIT,
    ITEMS_PER_UNIT,
    MAX_DEPTH,
    Failure,
    TooDeep,
    is_number,
    kind,
    said,
    same,
    weight,
)
from sagactl.source.node import Json
from sagactl.source.problem import nearest

FUEL = 100_000
MAX_TEXT = 1024 * 1024
# A message stays readable, and likeness is not computed for words that nobody typed.
MAX_SHOWN_KEYS = 12
MAX_SHOWN_LENGTH = 64
MAX_COMPARED_KEYS = 200


def evaluate_tree(tree: Tree, names: Names[str, Json]) -> Json:
    """The value of a tree; raises Failure."""
    evaluation = _Evaluation(names)
    value = evaluation.value(tree)
    # What was built may hold one list many times over: small here, endless once it is written out.
    if isinstance(value, list | dict) and not _is_path(tree):
        evaluation.spend_on(value, tree)
    return value


def _is_path(tree: Tree) -> bool:
    while isinstance(tree, Member | Index):
        tree = tree.target
    return isinstance(tree, Name)


class _Evaluation:
    """One evaluation: its names and what is left of its fuel."""

    def __init__(self, names: Names[str, Json]) -> None:
        self._names = names
        self._fuel = FUEL

    def spend(self, units: int, tree: Tree) -> None:
        """Pay for work; raises Failure where the fuel does not suffice."""
        self._fuel -= units
        if self._fuel < 0:
            raise Failure(f"it takes more than {FUEL} steps", tree)

    def spend_on(self, value: Json, tree: Tree) -> None:
        """Pay for going through a whole value."""
        if isinstance(value, str):
            self.spend(len(value) // CHARACTERS_PER_UNIT, tree)
            return
        try:
            self.spend(weight(value, self._fuel), tree)
        except TooDeep:
            raise Failure(f"it is nested deeper than {MAX_DEPTH}", tree) from None

    def value(self, tree: Tree) -> Json:
        self.spend(1, tree)
        match tree:
            case Literal():
                return tree.value
            case Name():
                return self._name(tree)
            case Member():
                return self._member(tree)
            case Index():
                return self._index(tree)
            case Unary():
                return self._unary(tree)
            case Binary():
                return self._binary(tree)
            case Choice():
                return self.value(tree.yes if self._bool(tree.condition) else tree.no)
            case Sequence():
                return [self.value(item) for item in tree.items]
            case Mapping():
                return self._mapping(tree)
            case Apply():
                return self._apply(tree)
            case Macro():
                return self._macro(tree)

    def _name(self, tree: Name) -> Json:
        if tree.name not in self._names:
            meant = _meant(tree.name, list(self._names))
            raise Failure(f'"{_shown(tree.name)}" is not known here{meant}', tree)
        return self._names[tree.name]

    def _member(self, tree: Member) -> Json:
        target = self.value(tree.target)
        if tree.optional and (
            target is None or (isinstance(target, dict) and tree.name not in target)
        ):
            return None
        return self._key(tree, tree.target, target, tree.name)

    def _key(self, tree: Tree, above: Tree, target: Json, name: str) -> Json:
        if not isinstance(target, dict):
            what = f'"{said(above)}" is {kind(target)}'
            raise Failure(f'{what} and has no "{_shown(name)}"', tree)
        if name not in target:
            has = f"it has {_listed(list(target))}"
            meant = _meant(name, list(target))
            raise Failure(f'"{said(above)}" has no "{_shown(name)}" ({has}){meant}', tree)
        return target[name]

    def _index(self, tree: Index) -> Json:
        target, index = self.value(tree.target), self.value(tree.index)
        if isinstance(target, list):
            if type(index) is not int:
                raise Failure(f"a list is indexed by a whole number, not {kind(index)}", tree)
            if not 0 <= index < len(target):
                raise Failure(f'"{said(tree.target)}" has {len(target)} items, no [{index}]', tree)
            return target[index]
        if isinstance(index, str):
            return self._key(tree, tree.target, target, index)
        raise Failure(f"{kind(target)} has no [{kind(index)}]", tree)

    def _unary(self, tree: Unary) -> Json:
        if tree.operator == "!":
            return not self._bool(tree.operand)
        operand = self.value(tree.operand)
        if not is_number(operand):
            raise Failure(f'"-" takes a number, not {kind(operand)}', tree)
        return self._bounded(-operand, tree)

    def _bool(self, tree: Tree) -> bool:
        value = self.value(tree)
        if not isinstance(value, bool):
            raise Failure(f"true or false is wanted here, not {kind(value)}", tree)
        return value

    def _binary(self, tree: Binary) -> Json:
        match tree.operator:
            case "&&":
                return self._bool(tree.left) and self._bool(tree.right)
            case "||":
                return self._bool(tree.left) or self._bool(tree.right)
        left, right = self.value(tree.left), self.value(tree.right)
        match tree.operator:
            case "==" | "!=":
                return self._same(tree, left, right) == (tree.operator == "==")
            case "in":
                return self._contains(tree, left, right)
            case "<" | "<=" | ">" | ">=":
                return self._compare(tree, left, right)
        return self._arithmetic(tree, left, right)

    def _same(self, tree: Binary, left: Json, right: Json) -> bool:
        if (
            isinstance(left, str | list | dict)
            and isinstance(right, str | list | dict)
            and len(left) == len(right)
        ):
            self.spend_on(left, tree)
        return same(left, right)

    def _contains(self, tree: Binary, item: Json, container: Json) -> bool:
        if isinstance(container, dict):
            return isinstance(item, str) and item in container
        if isinstance(container, list):
            self.spend(len(container) // ITEMS_PER_UNIT, tree)
            if isinstance(item, list | dict):
                self.spend_on(container, tree)
            return any(same(item, other) for other in container)
        raise Failure(f'"in" asks a list or a map, not {kind(container)}', tree)

    def _compare(self, tree: Binary, left: Json, right: Json) -> bool:
        alike = (is_number(left) and is_number(right)) or (
            isinstance(left, str) and isinstance(right, str)
        )
        if not alike:
            told = f"{kind(left)} and {kind(right)}"
            raise Failure(f'"{tree.operator}" compares two numbers or two texts, not {told}', tree)
        if isinstance(left, str):
            self.spend_on(left, tree)
        match tree.operator:
            case "<":
                return bool(left < right)
            case "<=":
                return bool(left <= right)
            case ">":
                return bool(left > right)
        return bool(left >= right)

    def _joined(self, tree: Binary, left: Json, right: Json) -> Json:
        length = len(left) + len(right)
        if length > MAX_TEXT:
            raise Failure("it grows beyond a mebibyte", tree)
        per_unit = CHARACTERS_PER_UNIT if isinstance(left, str) else ITEMS_PER_UNIT
        self.spend(length // per_unit, tree)
        return left + right

    def _arithmetic(self, tree: Binary, left: Json, right: Json) -> Json:
        if tree.operator == "+" and (
            (isinstance(left, str) and isinstance(right, str))
            or (isinstance(left, list) and isinstance(right, list))
        ):
            return self._joined(tree, left, right)
        if not (is_number(left) and is_number(right)):
            told = f"{kind(left)} and {kind(right)}"
            raise Failure(f'"{tree.operator}" cannot take {told}', tree)
        try:
            return self._calculated(tree, left, right)
        except OverflowError:
            raise Failure("a whole number too large to be a fraction", tree) from None

    def _calculated(self, tree: Binary, left: Json, right: Json) -> Json:
        match tree.operator:
            case "+":
                return self._bounded(left + right, tree)
            case "-":
                return self._bounded(left - right, tree)
            case "*":
                return self._bounded(left * right, tree)
        if right == 0:
            raise Failure("a division by zero", tree)
        whole = isinstance(left, int) and isinstance(right, int)
        if tree.operator == "/":
            return self._bounded(_truncated(left, right) if whole else left / right, tree)
        if not whole:
            raise Failure('"%" takes whole numbers', tree)
        quotient = self._bounded(_truncated(left, right), tree)
        return left - quotient * right

    def _bounded(self, value: Json, tree: Tree) -> Json:
        if isinstance(value, str | list) and len(value) > MAX_TEXT:
            raise Failure("it grows beyond a mebibyte", tree)
        if isinstance(value, int) and not -MAX_INT - 1 <= value <= MAX_INT:
            raise Failure("a whole number beyond 64 bits", tree)
        if isinstance(value, float) and (value != value or abs(value) == float("inf")):
            raise Failure("not a finite number", tree)
        return value

    def _mapping(self, tree: Mapping) -> Json:
        made: dict[str, Json] = {}
        for key_tree, value_tree in tree.entries:
            key = self.value(key_tree)
            if not isinstance(key, str):
                raise Failure(f"a key is a text, not {kind(key)}", key_tree)
            if key in made:
                raise Failure(f'the key "{key}" stands twice', key_tree)
            made[key] = self.value(value_tree)
        return made

    def _macro(self, tree: Macro) -> Json:
        target = self.value(tree.target)
        if not isinstance(target, list | dict):
            raise Failure(f'"{tree.name}" goes over a list or a map, not {kind(target)}', tree)
        outer = self._names
        inner = dict(outer)
        self._names = inner
        found: list[Json] = []
        try:
            for item in target:
                inner[tree.variable] = item
                if tree.name == "map":
                    found.append(self.value(tree.body))
                    continue
                yes = self._bool(tree.body)
                if tree.name == "exists" and yes:
                    return True
                if tree.name == "all" and not yes:
                    return False
                if tree.name == "filter" and yes:
                    found.append(item)
        finally:
            self._names = outer
        return tree.name == "all" if tree.name in ("all", "exists") else found

    def _apply(self, tree: Apply) -> Json:
        if tree.name == "has":
            return self._has(tree.arguments[0])
        if tree.name == "cond":
            condition, yes, no = tree.arguments
            return self.value(yes if self._bool(condition) else no)
        operands = ([tree.target] if tree.target is not None else []) + list(tree.arguments)
        values = [self.value(operand) for operand in operands]
        self._pay(tree, values[0])
        if tree.name in ("contains", "startsWith", "endsWith"):
            return self._text_method(tree, values)
        return self._bounded(FUNCTIONS[tree.name](tree, values[0]), tree)

    def _pay(self, tree: Apply, value: Json) -> None:
        if tree.name == "fromJson" and isinstance(value, str):
            # A text of 2 bytes an item is read into a list of a hundred bytes an item.
            self.spend(len(value) // 16, tree)
        elif tree.name != "size" and (isinstance(value, str) or tree.name == "json"):
            self.spend_on(value, tree)

    def _has(self, path: Tree) -> bool:
        """Whether the last part of the path is there; all before it must be."""
        assert isinstance(path, Member | Index)  # the parser saw to it
        target = self.value(path.target)
        if isinstance(path, Member):
            return isinstance(target, dict) and path.name in target
        index = self.value(path.index)
        if isinstance(target, list):
            return type(index) is int and 0 <= index < len(target)
        return isinstance(target, dict) and isinstance(index, str) and index in target

    def _text_method(self, tree: Apply, values: list[Json]) -> bool:
        text, part = values
        if not (isinstance(text, str) and isinstance(part, str)):
            raise Failure(f'"{tree.name}" takes texts, not {kind(text)} and {kind(part)}', tree)
        match tree.name:
            case "contains":
                return part in text
            case "startsWith":
                return text.startswith(part)
        return text.endswith(part)


def _shown(name: str) -> str:
    """A name for a message: whole, so that a secret in it is found and masked, or not at all."""
    return name if len(name) <= MAX_SHOWN_LENGTH else f"… {len(name)} characters …"


def _listed(names: list[str]) -> str:
    shown = [_shown(name) for name in names[:MAX_SHOWN_KEYS]]
    return ", ".join(shown + ["…"] * (len(names) > MAX_SHOWN_KEYS)) or "none"


def _meant(name: str, known: list[str]) -> str:
    close = None
    if len(name) <= MAX_SHOWN_LENGTH and len(known) <= MAX_COMPARED_KEYS:
        close = nearest(name, known)
    return f'; did you mean "{close}"?' if close else ""


def _truncated(left: int, right: int) -> int:
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient
