"""Rehearsals for other programs, each form held against its readers' own grammar."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema
from markdown_it import MarkdownIt
from views.rehearsal_sample import (
    AMBER,
    CHARGED,
    NASTY,
    STEPS,
    flawless,
    holed,
    hostile,
    sound,
    unproven,
    wide,
)

from sagactl.machine.rehearsed import Judgement, Rehearsed, Struck, Trouble
from sagactl.views.carets import visible
from sagactl.views.junit import junit_document
from sagactl.views.rehearsal_json import cell_document, rehearsal_document
from sagactl.views.rehearsal_junit import WHOLE, rehearsal_suites
from sagactl.views.rehearsal_markdown import rehearsal_markdown
from sagactl.views.rehearsal_page import rehearsal_page
from sagactl.views.rehearsal_words import MARKS

ROOT = Path(__file__).parent.parent.parent
SCHEMAS = ROOT / "tests" / "cases" / "schemas"
EVERY = (sound(), holed(), unproven(), flawless(), wide(), hostile())


# JSON


def test_json_has_an_object_for_each_definition_and_keeps_its_keys() -> None:
    document = rehearsal_document(EVERY)
    assert json.loads(json.dumps(document)) == document
    keys = [
        "path", "saga", "judgement", "is_whole", "verdict", "depth", "states", "schedules",
        "seconds", "variants", "steps", "cells", "findings", "coverage",
    ]  # fmt: skip
    assert [list(one) for one in document] == [keys] * len(EVERY)


def test_every_key_of_the_json_is_documented() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("### What a rehearsal shows")[2].partition("\n## ")[0]
    documented = set(re.findall("`([a-z_]+)`", section))

    def keys(value: object) -> set[str]:
        match value:
            case dict():
                return set(value).union(*map(keys, value.values()))
            case list():
                return set().union(*map(keys, value))
        return set()

    assert keys(rehearsal_document(EVERY)) <= documented


def test_json_tells_a_cell_alone_with_whose_it_is() -> None:
    asked = Struck("create_shipment", Trouble.REJECTED)
    [cell] = cell_document([holed()], asked)
    [one] = rehearsal_document([holed()])
    assert isinstance(cell, dict)
    assert isinstance(one, dict)
    assert (cell.pop("path"), cell.pop("saga")) == (one["path"], one["saga"])
    assert cell in one["cells"]  # type: ignore[operator]


def test_json_tells_a_cell_with_its_findings_and_its_story() -> None:
    [one] = rehearsal_document([holed()])
    assert isinstance(one, dict)
    cells = {f"{cell['step']}.{cell['trouble']}": cell for cell in one["cells"]}
    assert len(cells) == len(STEPS) * len(Trouble)
    lost = cells["process_payment.result-lost"]
    assert lost["judgement"] == "hole"
    assert lost["findings"] == [
        found for found in one["findings"] if found["code"] == "effect-left"
    ]
    assert lost["story"] == list(CHARGED.story)
    assert lost["findings"][0]["struck"] == [
        {"step": "process_payment", "trouble": "result-lost"},
        {"step": "create_shipment", "trouble": "rejected"},
    ]
    assert cells["send_confirmation.undo-fails"]["judgement"] is None


# JUnit


def junit_of(*rehearsed: Rehearsed) -> ElementTree.Element:
    text = junit_document("sagactl test", rehearsal_suites(rehearsed))
    assert text.isascii()
    xmlschema.XMLSchema(SCHEMAS / "junit-10.xsd").validate(text)
    return ElementTree.fromstring(text)


def test_junit_is_what_jenkins_reads() -> None:
    root = junit_of(*EVERY)
    assert [suite.attrib["name"] for suite in root][:2] == [sound().name, holed().name]
    for counted in (root, *root):
        assert int(counted.attrib["tests"]) == len(counted.findall(".//testcase"))
        assert int(counted.attrib["failures"]) == len(counted.findall(".//failure"))
        assert counted.attrib["errors"] == "0"


def test_each_trouble_that_can_befall_a_step_is_a_test_and_so_is_that_all_was_walked() -> None:
    [suite] = junit_of(holed())
    names = [case.attrib["name"] for case in suite]
    can = [f"{c.step}.{c.trouble}" for c in holed().cells if c.judgement is not None]
    assert names == [WHOLE, *can]


def test_a_hole_fails_its_tests_with_its_story() -> None:
    [suite] = junit_of(holed())
    cases = {case.attrib["name"]: case for case in suite}
    failed = {name for name, case in cases.items() if case.find("failure") is not None}
    red = {f"{c.step}.{c.trouble}" for c in holed().cells if c.judgement is Judgement.HOLE}
    assert failed == red
    failure = cases["process_payment.result-lost"].find("failure")
    assert failure is not None
    assert failure.text is not None
    assert failure.attrib == {"type": "effect-left", "message": CHARGED.message}
    assert "\n".join(f"{n}. {line}" for n, line in enumerate(CHARGED.story, 1)) in failure.text
    assert f"help: {CHARGED.advice}" in failure.text


def test_what_is_stuck_by_design_passes_and_says_so() -> None:
    [suite] = junit_of(sound())
    assert suite.attrib["failures"] == "0"
    [output] = suite.findall("testcase[@name='process_payment.undo-fails']/system-out")
    assert output.text is not None
    assert AMBER[1].message in output.text
    assert AMBER[1].story[-1] in output.text


def test_what_was_not_walked_whole_is_a_test_that_failed() -> None:
    [suite] = junit_of(unproven())
    [failed] = [case for case in suite if case.find("failure") is not None]
    assert failed.attrib["name"] == WHOLE
    assert failed[0].attrib["type"] == "not-proven"


def test_a_hole_that_needs_no_trouble_is_a_test_of_its_own() -> None:
    [suite] = junit_of(replace(flawless(), findings=(replace(CHARGED, struck=()),)))
    [failed] = [case for case in suite if case.find("failure") is not None]
    assert failed.attrib["name"] == "process_payment: effect-left"


def test_xml_takes_whatever_a_story_holds() -> None:
    [suite] = junit_of(hostile())
    [failure] = suite.findall(".//failure")
    assert failure.attrib["message"] == visible(NASTY)
    assert failure.text is not None
    assert f"1. {visible(NASTY)}\n2. {visible(NASTY)}" in failure.text


# The page


class Page(HTMLParser):
    """What a browser would make of it, as far as it matters here."""

    VOID = ("meta",)

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def values(self, name: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.tags if name in attrs]


TAGS = """
html head meta title style body main nav header section div footer h1 h2 h3 h4 p a b code span
table thead tbody tr th td ul ol li details summary
"""
ATTRIBUTES = """
lang charset http-equiv content name class id href title scope colspan aria-label aria-labelledby
tabindex open
"""


@pytest.fixture(scope="module")
def page() -> Page:
    text = rehearsal_page(EVERY)
    assert text.isascii()
    return Page(text)


def test_a_page_has_no_tag_and_no_attribute_but_its_own(page: Page) -> None:
    assert {tag for tag, _ in page.tags} == set(TAGS.split())
    assert {name for _, attrs in page.tags for name in attrs} == set(ATTRIBUTES.split())


def test_a_page_fetches_nothing_and_runs_nothing(page: Page) -> None:
    ids = page.values("id")
    assert len(set(ids)) == len(ids)
    links = page.values("href")
    assert links
    assert {link[1:] for link in links if link.startswith("#")} == {link[1:] for link in links}
    assert {link[1:] for link in links} <= set(ids)
    [policy] = [
        attrs["content"] or "" for _, attrs in page.tags if attrs.get("http-equiv") is not None
    ]
    assert re.fullmatch(
        "default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none';"
        " form-action 'none'",
        policy,
    )
    style = next(text for text in page.texts if "color-scheme" in text)
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style


def test_a_page_says_hostile_text_as_text(page: Page) -> None:
    shown = [text for text in page.texts if visible(NASTY) in text]
    # The saga's heading, its path in the index and below it, and a story in a cell and a finding.
    assert len(shown) >= 8
    told = [text for text in page.texts if text.strip() and "{" not in text]
    assert all(text.replace("\n", "").isprintable() for text in told)


def test_the_style_of_a_page_holds_nothing_that_ends_it() -> None:
    [style] = re.findall("<style>(.*?)</style>", rehearsal_page([hostile()]), re.DOTALL)
    assert "<" not in style


def test_every_cell_that_can_befall_leads_to_its_story_and_back(page: Page) -> None:
    sections = {
        attrs["id"] for tag, attrs in page.tags if tag == "section" and attrs["class"] == "story"
    }
    cells = [attrs for tag, attrs in page.tags if tag == "a" and "id" in attrs]
    can = [cell for one in EVERY for cell in one.cells if cell.judgement is not None]
    assert len(cells) == len(can)
    assert {(attrs["href"] or "")[1:] for attrs in cells} == sections
    back = {(attrs["href"] or "")[1:] for _, attrs in page.tags if attrs.get("class") == "close"}
    assert back == {attrs["id"] for attrs in cells}


def test_a_cell_of_a_page_says_its_judgement_in_a_mark_and_in_words() -> None:
    text = rehearsal_page([holed()])
    [cell] = re.findall(r'<a class="cell hole" id="d0s1result-lost".*?</a>', text)
    assert f">&#{ord(MARKS[Judgement.HOLE])};<span" in cell
    assert 'title="process_payment.result-lost: hole"' in cell


def test_a_page_shows_holes_and_folds_what_is_stuck_by_design() -> None:
    page = Page(rehearsal_page([holed()]))
    folds = [attrs for tag, attrs in page.tags if tag == "details"]
    assert ["open" in attrs for attrs in folds] == [True, True, False, False, False]


def test_a_page_of_one_definition_is_the_same_every_time() -> None:
    assert rehearsal_page([wide()]) == rehearsal_page([wide()])


# Markdown


def tokens(lines: list[str]) -> list[tuple[str, str]]:
    parsed = MarkdownIt("commonmark").enable("table").parse("\n".join(lines))
    inner = [child for token in parsed for child in token.children or ()]
    return [(token.type, token.content) for token in (*parsed, *inner)]


def test_markdown_has_the_matrix_as_a_table() -> None:
    found = tokens(rehearsal_markdown([holed()]))
    assert [kind for kind, _ in found].count("tr_open") == 1 + len(STEPS)
    assert [kind for kind, _ in found].count("td_open") == len(STEPS) * (1 + len(Trouble))
    text = "\n".join(rehearsal_markdown([holed()]))
    assert "| `process_payment` | ✅ | ✅ | ✅ | ✅ | ✅ | ❌ | ✅ | ✅ | ✅ | ⚠️ | ✅ |" in text
    assert CHARGED.story[-1] in text


def test_markdown_keeps_hostile_text_in_code() -> None:
    found = tokens(rehearsal_markdown([sound(), hostile()]))
    kinds = {kind for kind, _ in found}
    assert not kinds & {"image", "link_open", "html_inline"}
    for kind, content in found:
        if kind == "html_block":
            assert re.fullmatch(
                r"(<details( open)?><summary>[a-z, ]+: \d+</summary>|</details>)\n?", content
            )
        if visible(NASTY) in content:
            assert kind in ("code_inline", "fence", "inline")
    assert any(kind == "code_inline" and visible(NASTY) in text for kind, text in found)
