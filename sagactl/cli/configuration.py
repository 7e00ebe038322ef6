"""What a project says about lint: `sagactl.toml`, or `[tool.sagactl.lint]` of a `pyproject.toml`.

The nearest one upwards from a definition counts, alone. What cannot be understood is refused: a
severity that is silently not there would be found out too late.
"""

import os
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sagactl.cli.refusal import Refused
from sagactl.lint.judgement import Settings
from sagactl.source.problem import Severity, nearest

SEVERITIES: dict[str, Severity | None] = {
    "error": Severity.ERROR,
    "warning": Severity.WARNING,
    "off": None,
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings and globs; `folder` is what the globs are relative to."""

    settings: Settings = field(default_factory=Settings)
    exclude: tuple[re.Pattern[str], ...] = ()
    folder: str = ""

    def excludes(self, path: str) -> bool:
        """Whether a path, or a folder it lies in, is left out of a search."""
        below = os.path.relpath(os.path.abspath(path), self.folder or None).replace(os.sep, "/")
        return any(pattern.fullmatch(below) for pattern in self.exclude)


def configuration_for(path: str) -> Configuration:
    """The configuration of a file; raises Refused where it cannot be understood."""
    return _of_folder(os.path.dirname(os.path.abspath(path)))


@cache
def _of_folder(folder: str) -> Configuration:
    for name in ("sagactl.toml", "pyproject.toml"):
        path = _shown(os.path.join(folder, name))
        table = _table(path)
        if table is not None:
            return _read(path, table)
    above = os.path.dirname(folder)
    return Configuration() if above == folder else _of_folder(above)


def _shown(path: str) -> str:
    """A path as a person would write it from here."""
    here = os.getcwd()
    below = os.path.commonpath([path, here]) == here
    return os.path.relpath(path, here) if below else path


def _table(path: str) -> dict[str, Any] | None:
    """The table of a file that is ours, or None where there is none."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise Refused(f"{path}: cannot be read: {error.strerror}") from None
    is_ours = os.path.basename(path) == "sagactl.toml"
    if not is_ours and b"sagactl" not in content:
        return None
    # Most projects have no such file, and need not wait for a parser.
    import tomllib

    try:
        whole = tomllib.loads(content.decode("utf-8"))
    except tomllib.TOMLDecodeError as error:
        said = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", str(error))
        last = content.rstrip().count(b"\n") + 1
        where, words = (f"{said[2]}:{said[3]}", said[1]) if said else (f"{last}", str(error))
        raise Refused(f"{path}:{where}: {words}") from None
    except UnicodeDecodeError:
        raise Refused(f"{path}: this is not UTF-8") from None
    if is_ours:
        _known(path, whole, ("lint",), "a table")
        return _a_table(path, whole.get("lint", {}), "lint")
    tool = whole.get("tool", {})
    table = tool.get("sagactl") if isinstance(tool, dict) else None
    if table is None:
        return None
    table = _a_table(path, table, "tool.sagactl")
    _known(path, table, ("lint",), "a table")
    return _a_table(path, table.get("lint", {}), "tool.sagactl.lint")


def _a_table(path: str, value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(f'{path}: "{name}" must be a table')
    return value


def _read(path: str, table: dict[str, Any]) -> Configuration:
    _known(path, table, ("severity", "exclude"), "a setting of lint")
    said = _a_table(path, table.get("severity", {}), "severity")
    severity = dict(_severity(path, name, value) for name, value in said.items())
    globs = table.get("exclude", [])
    if not isinstance(globs, list) or not all(isinstance(glob, str) for glob in globs):
        raise Refused(f'{_at(path, "exclude")}: "exclude" must be a list of globs')
    exclude = tuple(re.compile(_expression(glob)) for glob in globs)
    return Configuration(Settings(severity), exclude, os.path.dirname(os.path.abspath(path)))


def _severity(path: str, name: str, value: Any) -> tuple[str, Severity | None]:
    from sagactl.lint.catalogue import find_code, nearest_code

    code = find_code(name)
    if code is None:
        near = nearest_code(name)
        meant = f'; did you mean "{near}"?' if near else ""
        raise Refused(f'{_at(path, name)}: there is no code "{name}"{meant}')
    if not code.is_optional:
        message = f'"{name}" is a mistake of shape: it is always an error'
        raise Refused(f"{_at(path, name)}: {message}")
    if not isinstance(value, str) or value not in SEVERITIES:
        raise Refused(f'{_at(path, name)}: "{name}" must be "error", "warning" or "off"')
    return code.code, SEVERITIES[value]


def _known(path: str, table: dict[str, Any], names: tuple[str, ...], thing: str) -> None:
    for name in table:
        if name not in names:
            near = nearest(name, names)
            meant = f'; did you mean "{near}"?' if near else f"; there is {' and '.join(names)}"
            raise Refused(f'{_at(path, name)}: "{name}" is not {thing}{meant}')


def _at(path: str, word: str) -> str:
    """The path, with the line where a word stands as a key: TOML's reader keeps no places."""
    key = re.compile(rf"(?:^|[\s{{,.\[\"']){re.escape(word)}[\"']?\s*[=\].]")
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if key.search(line):
                return f"{path}:{number}"
    return path


def _expression(glob: str) -> str:
    """A glob as a regular expression: `*` stays in its folder, `**` does not.

    Without a slash it is the name of any file or folder; what lies in a folder goes with it.
    """
    glob = glob.removeprefix("./").rstrip("/")
    inner = "".join(_sign(sign) for sign in re.findall(r"\*\*/?|.", glob, re.DOTALL))
    before = "" if "/" in glob else r"(?:.*/)?"
    return f"(?s:{before}{inner.removeprefix('/')}(?:/.*)?)"


def _sign(sign: str) -> str:
    match sign:
        case "**/":
            return r"(?:.*/)?"
        case "**":
            return ".*"
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
    return re.escape(sign)
