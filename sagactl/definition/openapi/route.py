"""Paths of requests held against the path templates of a document. Pure.

A template's `{name}` stands for one whole segment or a part of one. What a request computes is
marked, and may be whatever the template leaves open; where it may be what the template fixes too,
nobody can tell beforehand, and the answer says so.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

# Stands for what an expression gives in a path; quoting leaves none of it in one.
MARK = "\0"
_NAME = re.compile(r"\{([^{}]*)\}")
_VARIABLE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Match:
    """A template that a path fits; `is_sure` is False where it depends on what is computed."""

    template: str
    is_sure: bool


def best_match(path: str, templates: Iterable[str]) -> Match | None:
    """The template that a path belongs to: the most concrete of those that it fits."""
    segments = [unquote(segment) for segment in path.split("/")]
    sure: list[str] = []
    unsure: list[str] = []
    for template in templates:
        fit = _fit(segments, template.split("/"))
        if fit is not None:
            (sure if fit else unsure).append(template)
    found = sorted(sure or unsure, key=_concreteness)
    return Match(found[0], bool(sure)) if found else None


def _concreteness(template: str) -> tuple[bool, ...]:
    # The first segment that is fixed decides (OpenAPI 3.1.1, 4.8.8.2: concrete before templated).
    return tuple("{" in segment for segment in template.split("/"))


def _fit(segments: list[str], patterns: list[str]) -> bool | None:
    """Whether they fit for sure, or perhaps; None where they do not."""
    if len(segments) != len(patterns):
        return None
    is_sure = True
    for segment, pattern in zip(segments, patterns, strict=True):
        if "{" not in pattern and segment == pattern:
            continue
        if "{" in pattern and segment and _pattern(pattern).fullmatch(segment):
            continue
        if MARK not in segment:
            return None
        is_sure = False
    return is_sure


def _pattern(segment: str) -> re.Pattern[str]:
    fixed = _NAME.split(segment)[::2]
    return re.compile("[^/]+".join(re.escape(part) for part in fixed), re.DOTALL)


def parameter_names(template: str) -> tuple[str, ...]:
    """The names in a path template, in their order."""
    return tuple(_NAME.findall(template))


def server_path(url: str, defaults: dict[str, str]) -> str:
    """The path of a server's URL, its variables at their defaults, without a slash at its end."""
    text = _VARIABLE.sub(lambda found: defaults.get(found[1], found[0]), url)
    try:
        return urlsplit(text).path.rstrip("/")
    except ValueError:
        return ""


def server_host(url: str, defaults: dict[str, str]) -> str | None:
    """The host of a server's URL; None where it has none, as in `/v1`."""
    text = _VARIABLE.sub(lambda found: defaults.get(found[1], found[0]), url)
    try:
        return urlsplit(text).hostname
    except ValueError:
        return None
