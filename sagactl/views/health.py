"""What the doctor found, as people read it: from the very document that programs are given."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from sagactl.views.carets import visible

Document = Mapping[str, Any]

# Whoever needs more than so many of a kind reads JSON.
SHOWN = 20


def health_lines(document: Document) -> list[str]:
    """What there is to say about each state, and about what was saved."""
    lines: list[str] = []
    for state in document["states"]:
        lines.extend(_state_lines(state))
    if document["salvage"] is not None:
        lines.extend(_salvage_lines(document["salvage"]))
    elif any(state["damages"] for state in document["states"]):
        lines.append("sagactl doctor --salvage NEW.json saves every whole saga into a new file")
    return [visible(line) for line in lines]


def said_size(size: int) -> str:
    """A number of bytes as exactly as anyone wants to read it."""
    if size < 1024:
        return f"{size} B"
    for unit in ("KiB", "MiB", "GiB"):
        size_in_unit = size / 1024
        if size_in_unit < 999.95 or unit == "GiB":
            break
        size = size // 1024
    return f"{size_in_unit:.1f} {unit}"


def _state_lines(state: Document) -> Iterator[str]:
    path = state["path"]
    if not state["exists"] and state["sound"]:
        yield f"{path}: not there yet"
        return
    yield f"{path}: {'sound' if state['sound'] else 'damaged'}"
    if state["refusal"] is not None:
        yield f"  {state['refusal']}"
    yield f"  {', '.join(_facts(state))}"
    sagas = ", ".join(f"{count} {name}" for name, count in state["sagas"].items())
    total = sum(state["sagas"].values())
    of_which = f" ({sagas})" if sagas else ""
    yield f"  {_count(total, 'saga')}{of_which}, {_count(state['events'], 'event')}"
    yield from (f"  held: {_held(held)}" for held in state["held"])
    yield from (f"  note: {note}" for note in _notes(state))
    for damage in state["damages"][:SHOWN]:
        yield from _damage_lines(damage)
    if len(state["damages"]) > SHOWN:
        yield f"  and {len(state['damages']) - SHOWN} more places: -o json tells all"


def _facts(state: Document) -> Iterator[str]:
    if state["format"] is not None:
        yield f"format {state['format']}"
    yield said_size(state["size"])
    yield f"log {said_size(state['log_size'])}"
    compaction = state["compaction"]
    if compaction["under_way"]:
        yield "compacted right now"
    elif compaction["due"]:
        yield "compacted by the next commit, or now by sagactl doctor --compact"
    else:
        yield f"compacted when the log passes {said_size(compaction['log_limit'])}"
    if state["file_system"]["type"] is not None:
        yield state["file_system"]["type"]


def _notes(state: Document) -> Iterator[str]:
    torn = state["torn_tail"]
    if torn is not None:
        yield (
            f"the last {_count(torn['size'], 'byte')} of the log, from offset {torn['offset']} on, "
            "are no whole commit: a crash leaves that, or a writer has just begun; harmless"
        )
    for name in state["leftovers"]:
        yield f"{name} is left of a process that was killed; the next compaction replaces it"
    for wide in state["permissions"]:
        mode, wanted = wide["mode"], wide["wanted"]
        fix = f"chmod {wanted.lstrip('0')} {shlex.quote(wide['path'])}"
        yield f"{wide['path']} is open to others ({mode}): {fix}"
    if state["file_system"]["network"]:
        yield "it is on a network file system, whose locks and syncs cannot be relied on"


def _damage_lines(damage: Document) -> Iterator[str]:
    offset = "" if damage["offset"] is None else f", offset {damage['offset']}"
    yield f"  damage: {damage['file']}{offset} ({damage['record']}): {damage['reason']}"
    for saga in damage["sagas"][:SHOWN]:
        good = saga["last_good_event"]
        whole = f"its last good record is event {good}" if good else "no event of it is good"
        yield f"          concerns {saga['id']}: {whole}"
    if len(damage["sagas"]) > SHOWN:
        yield f"          and {len(damage['sagas']) - SHOWN} more sagas"
    if damage["last_good"] is not None:
        yield f"          the last good record in front of it: {damage['last_good']}"


def _salvage_lines(salvage: Document) -> Iterator[str]:
    yield f"{salvage['path']}: {_count(len(salvage['saved']), 'saga')} saved, whole"
    for kind, label in (("doubtful", "saved as it had ended"), ("lost", "not saved")):
        for saga in salvage[kind][:SHOWN]:
            yield f"  {label}: {saga['id']}: {saga['reason']}"
        if len(salvage[kind]) > SHOWN:
            yield f"  {label}: {len(salvage[kind]) - SHOWN} more; -o json tells all"
    if salvage["other_tables"]:
        yield "  not saved: tables that are not sagactl's"


def _held(held: Document) -> str:
    by = "another process" if held["pid"] is None else f"process {held['pid']}"
    on = "" if held["host"] is None else f" on {held['host']}"
    since = "" if held["since"] is None else f" since {held['since']}"
    return f"{held['id']} by {by}{on}{since}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
