"""Problems as SARIF 2.1.0 (OASIS), as GitHub code scanning and other viewers read it.

Every code is a rule of the tool, so that `ruleIndex` does not hang on what was found. Columns are
ours as they are: code points from 1, the end exclusive (3.30.6, `unicodeCodePoints`).
"""

import os
from urllib.parse import quote

from sagactl import __version__
from sagactl.lint.catalogue import CATALOGUE, find_code
from sagactl.lint.code import Code
from sagactl.source.node import Json
from sagactl.source.place import Place
from sagactl.source.problem import Fix, Problem, Related
from sagactl.views.lint_report import Report, fingerprints, full_message

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
ROOT = "SRCROOT"
# What ends a line of YAML, and so what our line numbers count.
NEWLINES = ["\r\n", "\n", "\r", "\u0085", "\u2028", "\u2029"]


def sarif_document(report: Report) -> dict[str, Json]:
    prints = fingerprints(report)
    run = {
        "tool": {"driver": _driver()},
        "columnKind": "unicodeCodePoints",
        "newlineSequences": NEWLINES,
        "originalUriBaseIds": {ROOT: {"uri": f"file://{_quoted(report.root.rstrip('/'))}/"}},
        "invocations": [_invocation(report)],
        "artifacts": [
            {"location": _artifact(report, name), "roles": ["analysisTarget"]}
            for name in report.files
        ],
        "results": [
            _result(report, problem, print_)
            for problem, print_ in zip(report.problems, prints, strict=True)
        ],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _driver() -> dict[str, Json]:
    return {
        "name": "sagactl",
        "semanticVersion": __version__,
        "rules": [_rule(code) for code in CATALOGUE],
    }


def _rule(code: Code) -> dict[str, Json]:
    title = f"{code.summary[0].upper()}{code.summary[1:]}."
    return {
        "id": code.number,
        "name": "".join(word.capitalize() for word in code.code.split("-")),
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "help": {
            "text": f"{title}\n\n{code.manual}",
            "markdown": f"**`{code.code}`** ({code.number})\n\n{title}\n\n{code.manual}",
        },
        "defaultConfiguration": {"level": str(code.severity)},
        "properties": {"tags": [code.code, "shape" if code.is_shape else "rule"]},
    }


def _invocation(report: Report) -> dict[str, Json]:
    notes = [{"level": "error", "message": {"text": line}} for line in report.unread]
    return {"executionSuccessful": not notes, "toolExecutionNotifications": notes}


def _result(report: Report, problem: Problem, fingerprint: str) -> dict[str, Json]:
    code = find_code(problem.code)
    result: dict[str, Json] = {
        "ruleId": code.number if code else problem.code,
        **({"ruleIndex": CATALOGUE.index(code)} if code else {}),
        "level": str(problem.severity),
        "message": {"text": full_message(problem)},
        "locations": [{"physicalLocation": _location(report, problem.place)}],
        "partialFingerprints": {"sagactl/v1": fingerprint},
    }
    if problem.related:
        result["relatedLocations"] = [
            _related(report, number, other) for number, other in enumerate(problem.related, start=1)
        ]
    if problem.fix is not None:
        result["fixes"] = [_fix(report, problem.fix)]
    return result


def _related(report: Report, number: int, related: Related) -> dict[str, Json]:
    return {
        "id": number,
        "message": {"text": related.message},
        "physicalLocation": _location(report, related.place),
    }


def _fix(report: Report, fix: Fix) -> dict[str, Json]:
    by_file: dict[str, list[Json]] = {}
    for edit in fix.edits:
        change = {"deletedRegion": _region(edit.place), "insertedContent": {"text": edit.text}}
        by_file.setdefault(edit.place.source.name, []).append(change)
    changes = [
        {"artifactLocation": _artifact(report, name), "replacements": replacements}
        for name, replacements in by_file.items()
    ]
    return {"description": {"text": fix.title}, "artifactChanges": changes}


def _location(report: Report, place: Place) -> dict[str, Json]:
    return {
        "artifactLocation": _artifact(report, place.source.name),
        "region": _region(place),
    }


def _artifact(report: Report, name: str) -> dict[str, Json]:
    path = report.path(name)
    if os.path.isabs(path):
        return {"uri": f"file://{_quoted(path)}"}
    return {"uri": _quoted(path), "uriBaseId": ROOT}


def _region(place: Place) -> dict[str, Json]:
    return {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }


def _quoted(path: str) -> str:
    return quote(os.fsencode(path), safe="/")
