"""A file of tests from its text: read, checked for shape, held against the definition it is about.

Every mistake is told at once, with its place, as those of a definition are. A test is the whole of
what it needs: the environment, the secrets of whoever plays it and the time of day are never read.
"""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.loader import beside
from sagactl.definition.model import Saga
from sagactl.definition.policy import names_under
from sagactl.definition.schema import TEST_NAME, check_input, faults_by, with_defaults
from sagactl.definition.shape import Fault, without
from sagactl.definition.template import evaluate_text
from sagactl.machine.command import Phase
from sagactl.rehearsal.stage import staged
from sagactl.rehearsal.written.answering import read_script
from sagactl.rehearsal.written.expecting import read_expected
from sagactl.rehearsal.written.model import Case, CaseFile, Crash, Script, Target
from sagactl.rehearsal.written.telling import Telling, meant
from sagactl.source.node import Json, List, Map, Node, Scalar, descend, plain
from sagactl.source.place import Place, Source
from sagactl.source.problem import Problem, in_order
from sagactl.source.reader import Manner, read

MANNER = Manner("a test file", "tests:")
SUFFIXES = (".test.yaml", ".test.yml")
START = "2026-01-01T00:00:00Z"
OWN_ID = "test"
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
# What a secret is where nobody says.
MADE_UP = "made-up-by-the-test"

# Finds the saga of a definition by its name, a path, with its problems; or says why there is none.
Load: TypeAlias = Callable[[str], "tuple[Saga | None, list[Problem]] | str"]


@dataclass(frozen=True, slots=True)
class Read:
    """What came of reading: the tests, None where there are problems, and their definition."""

    cases: CaseFile | None
    definition: str
    problems: list[Problem]


def read_cases(source: Source, load: Load) -> Read:
    """The tests of a text."""
    node, problems = read(source, MANNER)
    if node is None:
        return Read(None, _definitions(source, None)[0], problems)
    faults = _faults(node)
    problems += [fault.problem for fault in faults]
    name, saga, more = _definition(source, node, load)
    problems += more
    sound = _sound(node, faults)
    if saga is None or sound is None:
        return Read(None, name, _sorted(problems, source))
    telling = Telling(saga)
    cases = tuple(_cases(sound, telling))
    problems += telling.problems
    if problems:
        return Read(None, name, _sorted(problems, source))
    return Read(CaseFile(staged(saga), cases), name, [])


def _sound(node: Node, faults: list[Fault]) -> Map | None:
    """The tree as far as it has the right shape: the rest of it is looked at all the same."""
    sound = without(node, (fault.path for fault in faults if fault.is_apart)) if faults else node
    broken = {fault.path[:2] for fault in _faults(sound) if fault.path[:1] == ("tests",)}
    sound = without(sound, broken) if broken else sound
    return sound if isinstance(sound, Map) and not _faults(sound) else None


def _faults(node: Node) -> list[Fault]:
    return [fault for fault in faults_by(TEST_NAME, node) if not _is_word(node, fault)]


def _is_word(root: Node, fault: Fault) -> bool:
    """Whether it is an answer's word that is wrong: that is told better where words are known."""
    node = descend(root, fault.path)
    return "answers" in fault.path and isinstance(node, Scalar) and isinstance(node.value, str)


def _sorted(problems: list[Problem], source: Source) -> list[Problem]:
    return in_order(dict.fromkeys(problems), source)


def _definition(source: Source, node: Node, load: Load) -> tuple[str, Saga | None, list[Problem]]:
    """The name of the definition, its saga, and what is wrong with it."""
    written = node.get("definition") if isinstance(node, Map) else None
    names = _definitions(source, written)
    found = load(names[0])
    if isinstance(found, str) and len(names) > 1 and not isinstance(load(names[1]), str):
        names = names[1:]
        found = load(names[0])
    if isinstance(found, str):
        place = Place(source, 1, 1, 1, 2) if written is None else written.place
        message = f'the definition "{names[0]}" cannot be read: {found}'
        hint = 'name it in "definition"' if written is None else None
        return names[0], None, [Problem("unreadable-definition", place, message, hint)]
    saga, problems = found
    errors = [problem for problem in problems if problem.severity == "error"]
    return names[0], None if errors else saga, errors


def _definitions(source: Source, written: Node | None) -> tuple[str, ...]:
    """The names that the definition may have."""
    if isinstance(written, Scalar) and isinstance(written.value, str):
        return (beside(source.name, written.value),)
    for suffix in SUFFIXES:
        if source.name.endswith(suffix):
            stem = posixpath.normpath(source.name.removesuffix(suffix))
            return f"{stem}.yaml", f"{stem}.yml"
    return ("its definition",)


def _cases(root: Map, telling: Telling) -> Iterator[Case]:
    tests = root.get("tests")
    seen: dict[str, Place] = {}
    for node in tests.items if isinstance(tests, List) else ():
        if not isinstance(node, Map):
            continue
        case = _case(root, node, telling)
        if case.name in seen:
            message = f'a test is called "{case.name}" already, in line {seen[case.name].line}'
            telling.tell("duplicate-test", case.place, message)
        seen.setdefault(case.name, case.place)
        yield case


def _case(root: Map, node: Map, telling: Telling) -> Case:
    name, expect = node.get("name"), node.get("expect")
    assert name is not None  # the shape was checked
    assert isinstance(expect, Map)
    telling.no_expressions([s for e in node if e.name != "name" for s in _scalars(e.value)])
    env = _named("env", root, node, telling)
    value = _input(node, name.place, telling)
    return Case(
        name=str(plain(name)),
        place=name.place,
        run_id=_run_id(node, name.place, value, env, telling),
        now=_now(node, telling),
        input=value,
        env=_complete_env(env, name.place, telling),
        secrets=_secrets(root, node, telling),
        scripts=tuple(_scripts(node, telling)),
        crashes=tuple(_crashes(node, telling)),
        expected=read_expected(expect, telling),
    )


def _scalars(node: Node) -> Iterator[Scalar]:
    match node:
        case Scalar():
            yield node
        case List():
            for item in node.items:
                yield from _scalars(item)
        case Map():
            for entry in node:
                yield from _scalars(entry.value)


def _input(node: Map, place: Place, telling: Telling) -> Json:
    schema, written = telling.saga.input_schema, node.get("input")
    if written is None:
        examples = schema.get("examples") if isinstance(schema, dict) else None
        value = examples[0] if isinstance(examples, list) and examples else {}
    else:
        value = plain(written)
    value = with_defaults(schema, value)
    for wrong in check_input(schema, value) if schema is not None else ():
        path = ".".join(["input", *map(str, wrong.path)])
        if written is None:
            hint = "give the test an input, or the definition's input examples"
            telling.tell("input-misfit", place, f'"{path}" {wrong.message}', hint)
        else:
            found = descend(written, wrong.path)
            telling.tell("input-misfit", found.place, f'"{path}" {wrong.message}')
    return value


def _run_id(node: Map, place: Place, value: Json, env: Mapping[str, str], telling: Telling) -> str:
    written = node.get("id")
    if written is not None:
        return str(plain(written))
    saga = telling.saga
    if saga.id is None:
        return OWN_ID
    try:
        found = evaluate_text(saga.id, {"input": value, "env": dict(env)})
    except ExpressionFailed:
        return OWN_ID  # its input does not fit, and that is told
    if not RUN_ID.fullmatch(found):
        words = 'must be 1 to 128 letters, digits, ".", "_", ":" or "-"'
        telling.tell("wrong-value", place, f'the ID that its input makes, "{found}", {words}')
    return found


def _now(node: Map, telling: Telling) -> float:
    written = node.get("now")
    text = START if written is None else str(plain(written))
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        assert written is not None
        telling.tell("wrong-value", written.place, f'"{text}" is no time that there is')
        return 0.0


def _named(kind: str, root: Map, node: Map, telling: Telling) -> dict[str, str]:
    """What the file says for all of its tests, and the test for itself."""
    known = tuple(names_under(telling.saga, kind))
    found = {}
    for written in (root.get(kind), node.get(kind)):
        for entry in written if isinstance(written, Map) else ():
            if entry.name not in known:
                message = f'no expression reads "{kind}.{entry.name}"{meant(entry.name, known)}'
                telling.tell("unknown-name", entry.key.place, message)
            found[entry.name] = str(plain(entry.value))
    return found


def _complete_env(env: dict[str, str], place: Place, telling: Telling) -> dict[str, str]:
    # URLs of services are the sandbox's own.
    wanted = names_under(staged(telling.saga), "env")
    for name in wanted:
        if name not in env:
            message = f'the definition reads "env.{name}", and the test does not say what it is'
            telling.tell("missing-env", place, message, f"write env: {{{name}: …}}")
    return {name: env.get(name, "") for name in wanted}


def _secrets(root: Map, node: Map, telling: Telling) -> dict[str, str]:
    given = _named("secrets", root, node, telling)
    return {name: given.get(name, MADE_UP) for name in names_under(telling.saga, "secrets")}


def _scripts(node: Map, telling: Telling) -> Iterator[Script]:
    answers = node.get("answers")
    seen: set[Target] = set()
    for entry in answers if isinstance(answers, Map) else ():
        target = telling.target(entry.name, entry.key.place)
        if target is None:
            # What it says is wrong or right, whoever says it.
            read_script(Target("step", Phase.ACTION), entry.value, entry.key.place, telling)
            continue
        if target in seen:
            telling.tell("named-twice", entry.key.place, f'"{target}" has answers already')
        seen.add(target)
        yield read_script(target, entry.value, entry.key.place, telling)


def _crashes(node: Map, telling: Telling) -> Iterator[Crash]:
    written = node.get("crash")
    if written is None:
        return
    for item in written.items if isinstance(written, List) else (written,):
        when, _, text = str(plain(item)).partition(" ")
        target = telling.target(text, item.place)
        if target is not None:
            yield Crash(item.place, target, when == "before")
