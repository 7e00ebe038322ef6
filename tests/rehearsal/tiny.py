"""Tiny definitions made by chance, and what a rehearsal thinks of one when it is walked just so.

Half of them are full of holes: what two ways of walking have to agree about are not only sound
sagas. The same number makes the same definition.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from random import Random

import yaml

from sagactl.definition.loader import load
from sagactl.definition.model import Saga
from sagactl.machine.command import Call
from sagactl.machine.request import path_as_written
from sagactl.rehearsal.proof.course import Course
from sagactl.rehearsal.proof.deed import Crashed, Deed, Ended, Overtaken, Pace, Woken
from sagactl.rehearsal.proof.explore import Bounds, Graph
from sagactl.rehearsal.proof.matrix import Matrix
from sagactl.rehearsal.proof.rehearse import BEGINS_AT, _started
from sagactl.rehearsal.proof.stand import Stand, fingerprint
from sagactl.rehearsal.proof.story import Story
from sagactl.rehearsal.proof.variant import Variant, variants
from sagactl.rehearsal.proof.world import World
from sagactl.source.node import Json
from sagactl.source.place import Source

RETRY = {"initial_interval": "1s", "max_interval": "10s"}


def saga_of(text: str) -> Saga:
    saga, problems = load(Source("tiny.yaml", text))
    assert saga is not None, (problems, text)
    return saga


def tiny(number: int, *, steps: int = 4, parallel: bool | None = None) -> str:
    """The text of the definition of this number, with so many steps at the most."""
    chance = Random(number)
    names = "abcd"[: chance.randint(2, steps)]
    shape = chance.random() < 0.5 if parallel is None else parallel
    pivot = chance.choice([None, None, *names])
    document: dict[str, Json] = {
        "saga": "tiny",
        "services": {
            "s": {"url": "http://s", "idempotency": chance.choice(["key", "key", "none"])},
            "t": {"url": "http://t", **chance.choice([{}, {"max_concurrency": 1}])},
        },
        "defaults": {"retry": {"max_attempts": chance.choice([1, 2, 3]), **RETRY}, "timeout": "5s"},
        "steps": [_step(chance, names[:i], name, shape, pivot) for i, name in enumerate(names)],
    }
    if chance.random() < 0.25:
        document["timeout"] = "20m"
    return yaml.safe_dump(document, sort_keys=False)


def _step(chance: Random, before: str, name: str, shape: bool, pivot: str | None) -> Json:
    action, result = _action(chance, before, name)
    step: dict[str, Json] = {"name": name, "service": chance.choice("sst"), "action": action}
    if shape:
        needs = chance.sample(before, chance.randint(0, min(2, len(before))))
        # Every step stands before or behind the pivot.
        needs += [pivot] if pivot is not None and pivot in before else []
        step["needs"] = sorted({*before} if name == pivot else {*needs})
    if chance.random() < 0.35:
        step["lookup"] = {
            "request": f"GET /{name}s?key=${{{{ step.action_key }}}}",
            "found": "${{ size(response.body) > 0 }}",
            **({"result": {"id": "${{ response.body[0].id }}"}} if result else {}),
        }
    if name == pivot:
        step["pivot"] = True
    elif chance.random() < 0.9:
        step["compensation"] = _undo(chance, name, action, result)
    if chance.random() < 0.15:
        step["on_unknown"] = chance.choice(["finish", "hold", "compensate"])
    step["budget"] = "1m"
    if chance.random() < 0.1:
        step["settle"] = "0s"
    if chance.random() < 0.1 and name != pivot:
        step["for_each"] = ["x", "y"]
        step["max_parallel"] = chance.choice([1, 2])
    if chance.random() < 0.1:
        kept = {word: step[word] for word in ("name", "needs", "for_each") if word in step}
        step = {**kept, "action": {"sleep": "1m"}}
    return step


def _action(chance: Random, before: str, name: str) -> tuple[dict[str, Json], bool]:
    action: dict[str, Json] = {"request": f"POST /{name}s"}
    if chance.random() < 0.4:
        action["request"] = f"PUT /{name}s/${{{{ saga.id }}}}"
    if chance.random() < 0.15:
        action["request"] = f"GET /{name}s"
    result = "GET" not in str(action["request"]) and chance.random() < 0.5
    if result:
        action["result"] = {"id": "${{ response.body.id }}"}
    if before and chance.random() < 0.2:
        action["json"] = {"of": f"${{{{ steps.{chance.choice(before)}.result }}}}"}
    if chance.random() < 0.15:
        action["idempotency"] = {"header": "Key", "ttl": chance.choice(["10s", "2m"])}
    if chance.random() < 0.1:
        action["outcomes"] = chance.choice([{"rejected": [504]}, {"unknown": [404, 409]}])
    return action, result


def _undo(chance: Random, name: str, action: dict[str, Json], result: bool) -> Json:
    if chance.random() < 0.1:
        return "none"
    puts = str(action["request"]).startswith("PUT")
    undo: dict[str, Json] = {"request": f"POST /{name}s/undo"}
    if puts and chance.random() < 0.8:
        undo["request"] = f"DELETE /{name}s/${{{{ saga.id }}}}"
    elif result and chance.random() < 0.7:
        undo["request"] = f"POST /{name}s/${{{{ result.id }}}}/undo"
    if chance.random() < 0.7:
        undo["success"] = ["2xx", 404]
    if chance.random() < 0.3:
        undo["retry"] = {"max_attempts": chance.choice([1, 2, 4]), **RETRY}
    return undo


def variants_of(text: str, depth: int) -> Iterator[Variant]:
    return variants(saga_of(text), depth)


def course_of(text: str, depth: int) -> tuple[Course, Pace]:
    """The course of a definition's plainest variant, and how its run begins."""
    return begun(next(variants_of(text, depth)), depth)


def begun(variant: Variant, depth: int) -> tuple[Course, Pace]:
    course = Course(variant.saga, depth)
    return course, course.walker.begin(None, (_started(variant),), World(), BEGINS_AT)


@dataclass(frozen=True)
class Opinion:
    """What is thought of a definition: its findings, and in what states of the world it ends.

    A finding is (judgement, code, step) with the least number of troubles that lead there.
    """

    findings: frozenset[tuple[str, str, str, int]]
    ends: frozenset[object]
    is_whole: bool


def opinion(text: str, depth: int, most: int = 30_000) -> Opinion:
    course, begin = course_of(text, depth)
    graph = course.explore([begin], Bounds(depth, most))
    return Opinion(frozenset(findings_of(course, graph)), frozenset(ends_of(graph)), graph.is_whole)


def findings_of(course: Course, graph: Graph) -> Iterator[tuple[str, str, str, int]]:
    for finding, _ in Matrix(graph, Story(course.plan, graph), course.depth).findings():
        yield finding.judgement, finding.code, path_as_written(finding.step), len(finding.struck)


def ends_of(graph: Graph) -> Iterator[object]:
    for node in graph.nodes:
        if node.is_end:
            yield end_of(node.stand), tuple(sorted(v.code for v in node.verdicts))


def end_of(stand: Stand) -> object:
    states = tuple(sorted((name, str(step.state)) for name, step in stand.run.steps.items()))
    return states, tuple(sorted(stand.world.standing))


def signature(course: Course, pace: Pace) -> Hashable:
    """All that tells a pace from another, but for times and numbers of attempts."""
    breach = None if pace.breach is None else (pace.breach.code, pace.breach.step)
    told = tuple((type(event).__name__, getattr(event, "step", "")) for event in pace.events)
    after = None if breach is not None else fingerprint(course.plan, pace.stand)
    return _deed(pace.deed), pace.struck, told, after, breach


def _deed(deed: Deed) -> Hashable:
    match deed:
        case Ended():
            call = deed.call
            return call.step, call.phase, deed.how, deed.arrives, deed.plague, deed.late
        case Woken():
            return deed.lasting
        case Overtaken():
            return _calls(deed.calls)
        case Crashed():
            return _calls(deed.calls), _calls(deed.arrived), _calls(deed.late)


def _calls(calls: tuple[Call, ...]) -> frozenset[Hashable]:
    return frozenset((call.step, call.phase) for call in calls)
