"""Written tests as JSON values of our own: keys are only ever added."""

from collections.abc import Sequence

from sagactl.machine.tested import Mismatch, Tested, TestedFile
from sagactl.source.node import Json
from sagactl.views.lint_json import place_document, problem_document


def json_document(files: Sequence[TestedFile]) -> list[dict[str, Json]]:
    """Each file with its tests."""
    return [_file(file) for file in files]


def _file(file: TestedFile) -> dict[str, Json]:
    return {
        "path": file.name,
        "definition": file.definition or None,
        "passed": file.is_sound and all(test.passed for test in file.tests),
        "problems": [problem_document(problem) for problem in file.problems],
        "unread": list(file.unread),
        "left_out": file.left_out,
        "tests": [_test(test) for test in file.tests],
    }


def _test(test: Tested) -> dict[str, Json]:
    return {
        "name": test.name,
        "passed": test.passed,
        "line": test.place.line,
        "column": test.place.column,
        "mismatches": [_mismatch(mismatch) for mismatch in test.mismatches],
        "story": [
            {"after_s": round(happened.after_s, 3), "text": happened.text}
            for happened in test.story
        ],
    }


def _mismatch(mismatch: Mismatch) -> dict[str, Json]:
    return {
        **place_document(mismatch.place),
        "what": mismatch.what,
        "expected": mismatch.expected,
        "came": mismatch.came,
        "message": mismatch.message,
    }
