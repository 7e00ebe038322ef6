"""A file of faults: every entry reads like `--fail`, and every mistake has its place."""

import pytest
from rehearsal.play import ORDER, saga_of

from sagactl.rehearsal.fault import parse_fault
from sagactl.rehearsal.fault_file import read_faults
from sagactl.source.place import Source


def read(text: str) -> tuple[list[str], list[str]]:
    faults, problems = read_faults(Source("f.yaml", text), saga_of(ORDER))
    return list(map(str, faults)), [f"{p.place}: {p.message} [{p.code}]" for p in problems]


def test_every_entry_is_an_order_as_behind_fail() -> None:
    text = """\
# the payment is lost once, then refused
charge: [reset-afterx1, 422]
charge@4: timeout
charge.compensation: "503x2"
reserve.compensation@2-: slow:10ms
"""
    faults, problems = read(text)
    assert problems == []
    wanted = ["charge=reset-afterx1", "charge=422", "charge@4=timeout"]
    wanted += ["charge.compensation=503x2", "reserve.compensation@2-=slow:10ms"]
    assert faults == [str(parse_fault(text)) for text in wanted]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.yaml:1:1: the file is empty; a file of faults begins with STEP: FAULT"),
        ("- charge", "f.yaml:1:1: a file of faults is a map of steps"),
        ("charge: 422\nchrage: 503", 'f.yaml:2:1: "chrage" in "chrage.action=503" is no step of "order"; did you mean "charge"?'),
        ("charge: timeuot", 'f.yaml:1:9: "timeuot" in "charge=timeuot" is no way to fail; did you mean "timeout"?'),
        ("charge: [503x1,\n  42]", 'f.yaml:2:3: "42" in "charge=42" is no final status'),
        ("charge.undo: 422", 'f.yaml:1:1: "undo" in "charge.undo=422" is no phase'),
        ("charge@0: 422", 'f.yaml:1:1: "@0" in "charge@0=422" names no attempts'),
        ("charge: {action: 422}", 'f.yaml:1:9: "charge" must be a fault such as 422 or timeout'),
        ("charge:", '"charge" must be a fault such as 422 or timeout, or a list of them'),
        ("charge: []", 'f.yaml:1:9: "charge" has no fault in its list'),
        ("reserve.lookup: 422", 'f.yaml:1:1: "reserve.lookup=422" never strikes: step "reserve" has no lookup'),
        ("charge: [422, 503]", 'f.yaml:1:15: "charge.action=503" never strikes: an earlier fault'),
        ("charge: 422\ncharge: 503", 'f.yaml:2:1: the key "charge" stands twice'),
        ("charge: [422", "f.yaml:"),
        ("a: &x 422\nb: *x", "is not read here"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(text: str, said: str) -> None:
    _, problems = read(text)
    assert any(said in problem for problem in problems), problems


def test_every_mistake_is_told_at_once_in_the_order_of_the_text() -> None:
    _, problems = read("chrage: 422\ncharge: [timeuot, 42]\nnotify.compensation: 500\n")
    assert [problem.split(": ")[0] for problem in problems] == [
        "f.yaml:1:1",
        "f.yaml:2:10",
        "f.yaml:2:19",
        "f.yaml:3:1",
    ]
