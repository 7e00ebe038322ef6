"""What an edit does to a plan, and above all to its rollback: two plan documents, compared."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from sagactl.source.node import Json
from sagactl.views.carets import visible
from sagactl.views.plan_text import FORMAT
from sagactl.views.rollback_text import ENDS, said_groups

Fields: TypeAlias = Mapping[str, Json]
KINDS = {"rejected": "is rejected", "unknown": "stays unknown"}


def plan_objection(value: Json) -> str | None:
    """Why a JSON value is no plan document that can be compared with ours; None where it is one."""
    if not isinstance(value, dict) or "format" not in value:
        return "is not what plan -o json prints"
    if value["format"] != FORMAT:
        return f"is a plan of format {value['format']}, and this version writes format {FORMAT}"
    try:
        sound = all(_is_ending(failure[kind]) for failure in value["failures"] for kind in KINDS)
        sound = sound and all(isinstance(one["at"], str) for one in value["failures"])
        sound = sound and all(isinstance(step["name"], str) for step in value["steps"])
        sound = sound and _are_groups(value["forwards"])
    except (KeyError, TypeError):
        sound = False
    return None if sound else "is a plan that somebody changed by hand"


def _is_ending(value: Json) -> bool:
    return (
        _are_groups(value["undone"]) and value["ends"] in ENDS and isinstance(value["left"], dict)
    )


def _are_groups(value: Json) -> bool:
    names = [name for group in value for name in group]
    return isinstance(value, list) and all(isinstance(name, str) for name in names)


def change_lines(kept: Json, now: Json) -> list[str]:
    """A line for everything in which `now` is not as it was kept; the rollback comes first."""
    if kept == now:
        return []
    lines = [
        *_rollback_changes(_by("at", kept["failures"]), _by("at", now["failures"])),
        *_step_changes(_by("name", kept["steps"]), _by("name", now["steps"])),
    ]
    if kept["forwards"] != now["forwards"]:
        lines.append(_was("forwards", _said(kept["forwards"]), _said(now["forwards"])))
    elif list(_by("name", kept["steps"])) != list(_by("name", now["steps"])):
        lines.append("the steps stand in another order")
    told = ("failures", "steps", "forwards")
    lines.extend(_field_changes("", _without(kept, *told), _without(now, *told)))
    return [visible(line) for line in lines or ["the two differ in what their lists of steps hold"]]


def _rollback_changes(kept: Mapping[str, Json], now: Mapping[str, Json]) -> Iterator[str]:
    for at, failure in now.items():
        for kind, words in KINDS.items():
            when = f"when {at} {words}:"
            ending = failure[kind]
            if at in kept:
                yield from _ending_changes(when, kept[at][kind], ending)
                continue
            undoes = _said(ending["undone"]) or "nothing"
            yield f"{when} (new) undone is {undoes}; {ENDS[ending['ends']]}"
    for at in kept:
        if at not in now:
            yield f"{at} is no longer a step that can fail"


def _ending_changes(when: str, kept: Json, now: Json) -> Iterator[str]:
    before, after = _names(kept["undone"]), _names(now["undone"])
    for name in before:
        if name not in after:
            stays = ", and stays in the world" if name in now["left"] else ""
            yield f"{when} {name} was undone, is not any more{stays}"
    for name in after:
        if name not in before:
            yield f"{when} {name} is undone now, was not"
    both = set(before) & set(after)
    old, new = _among(kept["undone"], both), _among(now["undone"], both)
    if old != new:
        yield f"{when} the order of undoing was {_said(old)}, is {_said(new)}"
    if kept["ends"] != now["ends"]:
        yield f"{when} {_was('the end', ENDS[kept['ends']], ENDS[now['ends']])}"
    elif kept["ends"] == "failed":
        yield from _left_changes(when, kept, now)
    rest = ("undone", "ends", "left")
    yield from _field_changes(f"{when} ", _without(kept, *rest), _without(now, *rest))


def _left_changes(when: str, kept: Json, now: Json) -> Iterator[str]:
    """What stays behind, where it was not told by what is undone."""
    undone = {*_names(kept["undone"]), *_names(now["undone"])}
    for name in sorted({*kept["left"], *now["left"]} - undone):
        if name not in kept["left"]:
            yield f"{when} {name} stays in the world now"
        elif name not in now["left"]:
            yield f"{when} {name} does not stay in the world any more"


def _step_changes(kept: Mapping[str, Json], now: Mapping[str, Json]) -> Iterator[str]:
    for name, step in now.items():
        if name not in kept:
            undo = _plain(step["compensation"])
            yield f'step "{name}" is new: {step["action"]}; undone by {undo}'
        else:
            yield from _field_changes(f'step "{name}": ', kept[name], step)
    for name in kept:
        if name not in now:
            yield f'step "{name}" is gone'


def _field_changes(head: str, kept: Fields, now: Fields) -> Iterator[str]:
    for key in sorted({*kept, *now}):
        if kept.get(key) != now.get(key):
            yield head + _was(key, _plain(kept.get(key)), _plain(now.get(key)))


def _was(what: str, before: str, after: str) -> str:
    return f"{what} was {before}, is {after}"


def _plain(value: Json) -> str:
    match value:
        case None | []:
            return "nothing"
        case bool():
            return str(value).lower()
        case list():
            return ", ".join(map(_plain, value))
    return str(value)


def _without(fields: Fields, *keys: str) -> Fields:
    return {key: value for key, value in fields.items() if key not in keys}


def _by(key: str, items: list[Json]) -> dict[str, Json]:
    return {item[key]: item for item in items}


def _names(groups: Json) -> list[str]:
    return [name for group in groups for name in group]


def _among(groups: Json, names: set[str]) -> Json:
    kept = [[name for name in group if name in names] for group in groups]
    return [group for group in kept if group]


def _said(groups: Json) -> str:
    return said_groups(groups)
