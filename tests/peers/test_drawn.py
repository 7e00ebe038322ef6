"""Pictures read by those for whom they are drawn: Mermaid's own parser, and Graphviz."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import DEFINITIONS, SAGAS, Cli
from views.story import Story, applied, plan_of
from views.test_picture import EACH, FORK, WAY, family, named

from sagactl.cli.loading import load_definition
from sagactl.definition.model import OutcomeKind
from sagactl.machine.command import Outcome
from sagactl.machine.plan import make_plan
from sagactl.views.diagram import dot_lines, mermaid_lines, moves_mermaid
from sagactl.views.picture import Picture, picture

NODE_PACKAGES = ("mermaid@11.17.2", "jsdom@29.1.1")
# Whatever a format could take for its own: quotes, brackets, entities, tags, keywords, directions.
HOSTILE = (
    "\"'`[0]{{x}}(/a/)|<b>&amp;#35;#quot;%%{init}%% end --> style:#a; classDef x:#b;"
    " $$x$$ \\\\N ~~~ \u00e9\u6f22\U0001f600 \u202e \x1b[31m **b** __i__"
)
AWKWARD = """\
saga: graph
version: 'v"1" #;]&<'
services: {end: {url: "http://w", idempotency: key}}
steps:
  - {name: end, service: end, action: "PUT /${{ 'a\\"]#;é' }}/[0]", compensation: DELETE /x}
  - {name: style, service: end, action: "PUT /style:a;/${{ '#a;&<b>' }}", compensation: none}
  - {name: subgraph, service: end, needs: [end], action: PUT /classDef, compensation: DELETE /x}
  - {name: class, service: end, for_each: "${{ ['\\"'] }}", action: PUT /x, compensation: DELETE /x}
"""


def hostile() -> Picture:
    """A step that failed with a message which is anything but a message."""
    story = Story(AWKWARD).tries("end", Outcome(OutcomeKind.REJECTED, HOSTILE, 422))
    return picture(story.plan, story.run)


def instances() -> Picture:
    story = Story(EACH, {"items": ["x", "y"]}).tries("a", applied()).notes()
    return picture(story.plan, story.tries("ship[0]", applied()).begins("ship[1]").run)


def pictures() -> dict[str, Picture]:
    shipped = {path.name: picture(make_plan(load_definition(path))) for path in SAGAS}
    return {
        **shipped,
        "awkward": picture(plan_of(AWKWARD)),
        "hostile": hostile(),
        "instances": instances(),
        "family": picture(family()),
        "fork": picture(plan_of(FORK)),
        "way": picture(plan_of(WAY)),
    }


def edges(drawn: Picture) -> set[tuple[str, str, bool]]:
    """Every edge: from where, to where, and whether it is one of the way back."""
    undo = {(n.id, n.undo.id, True) for n in drawn.walk() if n.undo is not None}
    return (
        {(*edge, False) for edge in drawn.forwards}
        | {(*edge, True) for edge in drawn.backwards}
        | undo
    )


@pytest.fixture(scope="session")
def mermaid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("mermaid")
    done = subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", *NODE_PACKAGES],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip(f"mermaid cannot be installed: {done.stderr[-200:]}")
    shutil.copy(Path(__file__).with_name("drawn.mjs"), folder)
    return folder


def understood(folder: Path, texts: list[str]) -> list[Any]:
    done = subprocess.run(
        ["node", "drawn.mjs"],
        cwd=folder, input=json.dumps(texts), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[Any] = json.loads(done.stdout)
    return found


@pytest.mark.peer
def test_mermaid_understands_every_picture_as_it_was_meant(mermaid: Path) -> None:
    drawn = pictures()
    texts = ["\n".join(mermaid_lines(each)) for each in drawn.values()]
    for (name, each), seen in zip(drawn.items(), understood(mermaid, texts), strict=True):
        ids = {node["id"]: node for node in seen["nodes"]}
        assert set(ids) == set(named(each)), name
        assert {(e["from"], e["to"], e["dotted"]) for e in seen["edges"]} == edges(each), name
        for node in each.walk():
            assert ids[node.id]["label"].split("<br>")[0].split(" · ")[0].endswith(node.name)
            assert {m.id for m in node.members} == {
                other["id"] for other in seen["nodes"]
                if other["parent"] == node.id and other["id"][0] == "n"
            }  # fmt: skip
            if node.state is not None:
                assert str(node.state) in ids[node.id]["classes"], (name, node.name)


@pytest.mark.peer
def test_mermaid_shows_what_was_said_to_the_letter(mermaid: Path) -> None:
    [seen] = understood(mermaid, ["\n".join(mermaid_lines(hostile()))])
    label = next(node["label"] for node in seen["nodes"] if node["id"] == "n0")
    assert label.split("<br>")[2] == HOSTILE[:59] + "…"


@pytest.mark.peer
def test_mermaid_understands_the_pictures_of_the_readme(mermaid: Path) -> None:
    readme = (DEFINITIONS.parent / "README.md").read_text(encoding="utf-8")
    blocks = [block.partition("```")[0] for block in readme.split("```mermaid\n")[1:]]
    assert moves_mermaid() + "\n" in blocks
    script = mermaid / "parse.mjs"
    text = (mermaid / "drawn.mjs").read_text(encoding="utf-8")
    script.write_text(text.partition("  const diagram")[0] + "}\n", encoding="utf-8")
    done = subprocess.run(
        ["node", script.name],
        cwd=mermaid, input=json.dumps(blocks), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_understands_every_picture_as_it_was_meant() -> None:
    for name, drawn in pictures().items():
        text = "\n".join(dot_lines(drawn))
        done = subprocess.run(["dot", "-Tdot_json"], input=text, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), (name, done.stderr)
        seen = json.loads(done.stdout)
        parts = {part["_gvid"]: part for part in seen["objects"]}
        names = {part["name"].removeprefix("cluster_") for part in parts.values()}
        assert names == set(named(drawn)), name
        found = {
            (parts[e["tail"]]["name"], parts[e["head"]]["name"], e.get("style") == "dashed")
            for e in seen["edges"]
        }
        assert found == edges(drawn), name


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_shows_what_was_said_to_the_letter() -> None:
    import xml.etree.ElementTree as ElementTree

    text = "\n".join(dot_lines(hostile()))
    done = subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True, check=True)
    shown = [element.text for element in ElementTree.fromstring(done.stdout).iter() if element.text]
    assert HOSTILE[:59] + "…" in [line.replace("\xa0", " ") for line in shown]


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_an_svg_is_drawn_by_graphviz(cli: Cli) -> None:
    told = cli("graph", DEFINITIONS / "order.yaml", "--format", "svg")
    assert told.status == 0, told
    assert "<svg" in told.out
    assert "process_payment" in told.out
