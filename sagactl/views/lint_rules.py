"""The list of all codes, and the manual entry of one."""

from collections.abc import Iterator

from sagactl.lint.catalogue import CATALOGUE
from sagactl.lint.code import Code
from sagactl.source.node import Json

HEADS = ("NUMBER", "CODE", "SEVERITY", "FIX", "FINDS")


def rules_lines() -> list[str]:
    """A row for each code, with a line of headings."""
    rows = [HEADS, *((c.number, c.code, str(c.severity), _fix(c), c.summary) for c in CATALOGUE)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    return ["  ".join(t.ljust(w) for t, w in zip(r, widths, strict=True)).rstrip() for r in rows]


def rules_document() -> list[dict[str, Json]]:
    return [
        {
            "number": code.number,
            "code": code.code,
            "severity": str(code.severity),
            "summary": code.summary,
            "fixable": code.is_fixable,
            "suppressible": code.is_optional,
            "manual": code.manual,
        }
        for code in CATALOGUE
    ]


def manual_lines(code: Code) -> Iterator[str]:
    yield f"{code.number} {code.code} ({code.severity}): {code.summary}"
    yield ""
    yield from code.manual.splitlines()
    yield ""
    if code.is_fixable:
        yield "Some of them are mended by sagactl lint --fix."
    if code.is_optional:
        yield f"Where it is meant, write # sagactl: ignore[{code.code}] behind the line."
    else:
        yield "It is a mistake of shape: it can be neither suppressed nor turned off."


def _fix(code: Code) -> str:
    return "yes" if code.is_fixable else ""
