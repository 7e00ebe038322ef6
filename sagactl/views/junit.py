"""JUnit XML: suites of cases, as Jenkins, GitLab and GitHub's actions read them.

The text is ASCII, whatever it tells of, and nothing in it is a control character.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from sagactl.views.carets import visible


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a case did not pass; `element` is `failure` or `error`, `lines` tell more."""

    element: str
    type: str
    message: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One test: it passed where there is no fault. `output` is what else it has to say."""

    name: str
    fault: Fault | None = None
    output: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases of one file."""

    path: str
    cases: tuple[Case, ...]
    output: tuple[str, ...] = ()
    seconds: float | None = None


def junit_document(name: str, suites: Sequence[Suite]) -> str:
    cases = [case for suite in suites for case in suite.cases]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<testsuites name={_attribute(name)} {_counts(cases)}>",
    ]
    for suite in suites:
        lines.extend(_suite(suite))
    lines.append("</testsuites>\n")
    return "\n".join(lines).encode("ascii", "xmlcharrefreplace").decode("ascii")


def _counts(cases: Sequence[Case]) -> str:
    elements = [case.fault.element for case in cases if case.fault is not None]
    failures, errors = elements.count("failure"), elements.count("error")
    return f'tests="{len(cases)}" failures="{failures}" errors="{errors}"'


def _suite(suite: Suite) -> Iterator[str]:
    path = _attribute(suite.path)
    time = "" if suite.seconds is None else f' time="{suite.seconds:.3f}"'
    yield f"  <testsuite name={path} {_counts(suite.cases)}{time}>"
    for case in suite.cases:
        yield from _case(case, path)
    if suite.output:
        yield f"    <system-out>{_text(suite.output)}</system-out>"
    yield "  </testsuite>"


def _case(case: Case, path: str) -> Iterator[str]:
    head = f"    <testcase name={_attribute(case.name)} classname={path}"
    if case.fault is None and not case.output:
        yield f"{head}/>"
        return
    yield f"{head}>"
    if case.fault is not None:
        yield f"      {_fault(case.fault)}"
    if case.output:
        yield f"      <system-out>{_text(case.output)}</system-out>"
    yield "    </testcase>"


def _fault(fault: Fault) -> str:
    head = f"<{fault.element} type={_attribute(fault.type)} message={_attribute(fault.message)}"
    return f"{head}>{_text(fault.lines)}</{fault.element}>" if fault.lines else f"{head}/>"


def _attribute(text: str) -> str:
    return quoteattr(visible(text))


def _text(lines: Sequence[str]) -> str:
    return escape("\n".join(map(visible, lines)))
