"""What doctor does: it looks at the state files, tells everything, and changes nothing unasked."""

import os
from pathlib import Path

from sagactl.cli.exit import Exit
from sagactl.cli.form import Format
from sagactl.cli.printing import note, print_lines, print_value
from sagactl.cli.refusal import Refused
from sagactl.cli.state_file import StateFiles
from sagactl.journal.compaction import compact
from sagactl.journal.export import is_export
from sagactl.journal.finding import Damage
from sagactl.journal.inspection import Inspection, inspect
from sagactl.journal.refusal import RunHeld, StoreRefused
from sagactl.journal.salvage import Salvage, salvage
from sagactl.journal.volume import log_path
from sagactl.machine.request import rfc3339
from sagactl.source.node import Json


def doctor(files: StateFiles, new: Path | None, output: Format, *, compacts: bool) -> Exit:
    """Print what there is to say about both states; exit 7 where any is not sound."""
    if is_export(files.real):
        raise Refused(f"{files.real}: it is an export; the doctor looks at states")
    if new is not None:
        _demand_free(files.real, new)
    if compacts:
        for path in filter(os.path.lexists, (files.real, files.sandbox)):
            _compact(path)
    found = [inspect(files.real)]
    other = inspect(files.sandbox)
    if other.exists or other.refusal:
        found.append(other)
    saved = None if new is None else _salvage(files.real, new)
    is_sound = all(one.is_sound for one in found)
    document: dict[str, Json] = {
        "sound": is_sound,
        "states": [_state(one, sandbox=one is other) for one in found],
        "salvage": None if saved is None else _salvaged(saved),
    }
    if output is Format.TABLE:
        from sagactl.views.health import health_lines

        print_lines(health_lines(document))
    else:
        print_value(document, output)
    return Exit.OK if is_sound and (new is None or saved is not None) else Exit.STATE


def _demand_free(path: Path, new: Path) -> None:
    if not (os.path.lexists(path) or os.path.lexists(log_path(path))):
        raise Refused(f"{path}: there is no state to save from")
    for each in (new, log_path(new)):
        if os.path.lexists(each):
            raise Refused(f"{each}: it is there already; --salvage writes a new file only")


def _compact(path: Path) -> None:
    try:
        if not compact(path):
            note(f"{path}: there is nothing to compact, or somebody is at it")
    except StoreRefused as refusal:
        note(f"not compacted: {refusal}")


def _salvage(path: Path, new: Path) -> Salvage | None:
    try:
        return salvage(path, new)
    except StoreRefused as refusal:
        note(f"nothing was saved: {refusal}")
        return None


def _state(found: Inspection, *, sandbox: bool) -> Json:
    torn = found.torn
    return {
        "path": str(found.path),
        "sandbox": sandbox,
        "exists": found.exists,
        "sound": found.is_sound,
        "refusal": found.refusal or None,
        "format": found.format,
        "size": found.size,
        "log_size": found.log_size,
        "written_at": None if found.written_at is None else rfc3339(found.written_at),
        "compaction": {
            "due": found.is_due,
            "log_limit": found.log_limit,
            "under_way": found.is_compacting,
        },
        "sagas": dict(sorted(found.sagas.items())),
        "events": found.events,
        "torn_tail": None if torn is None else {"offset": torn[0], "size": torn[1]},
        "leftovers": [str(path) for path in found.leftovers],
        "permissions": [
            {"path": str(path), "mode": f"{mode:04o}", "wanted": f"{mode & 0o700:04o}"}
            for path, mode in found.wide
        ],
        "file_system": {"type": found.file_system, "network": found.is_network},
        "held": [_held(held) for held in found.held],
        "damages": [_damage(damage, found.good) for damage in found.damages],
    }


def _held(held: RunHeld) -> Json:
    since = None if held.since is None else rfc3339(held.since)
    return {"id": held.run_id, "pid": held.pid, "host": held.host, "since": since}


def _damage(damage: Damage, good: dict[str, int]) -> Json:
    return {
        "file": str(damage.path),
        "offset": damage.offset,
        "size": damage.size,
        "record": damage.record,
        "reason": damage.reason,
        "sagas": [{"id": run_id, "last_good_event": good.get(run_id)} for run_id in damage.runs],
        "last_good": damage.last_good or None,
    }


def _salvaged(saved: Salvage) -> Json:
    return {
        "path": str(saved.path),
        "saved": saved.saved,
        "doubtful": _reasons(saved.doubts),
        "lost": _reasons(saved.lost),
        "other_tables": saved.has_others,
    }


def _reasons(reasons: dict[str, str]) -> Json:
    return [{"id": run_id, "reason": reason} for run_id, reason in reasons.items()]
