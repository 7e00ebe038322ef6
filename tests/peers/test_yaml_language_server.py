"""What an editor makes of our schema: the real yaml-language-server, from npm, over stdio."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]

VERSION = "1.25.0"
# A server that says nothing for so long is dead.
PATIENCE_S = 120


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("yaml-language-server")
    package = f"yaml-language-server@{VERSION}"
    done = subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", package],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip(f"yaml-language-server cannot be installed: {done.stderr[-200:]}")
    return folder / "node_modules/.bin/yaml-language-server"


class Editor:
    """The side of the protocol that an editor has: one file open at a time, and questions about it."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._process = subprocess.Popen(
            [str(program), "--stdio"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._dog = threading.Timer(PATIENCE_S, self._process.kill)
        self._dog.start()
        self._asked = 0
        self._version = 0
        self._folder = folder
        self._told: dict[int, list[Any]] = {}
        self._uri = ""
        self._ask("initialize", processId=None, rootUri=folder.as_uri(), capabilities={})
        self._send("initialized")

    def close(self) -> None:
        self._dog.cancel()
        self._process.kill()
        self._process.communicate()

    def open(self, name: str, text: str, folder: Path | None = None) -> None:
        """Show a text under a name in a folder of its own, or in the one that is given."""
        self._version += 1
        folder = folder or self._folder / f"v{self._version}"
        self._uri = (folder / name).as_uri()
        document = {"uri": self._uri, "languageId": "yaml", "version": self._version, "text": text}
        self._send("textDocument/didOpen", textDocument=document)

    def completed(self, line: int, column: int) -> set[str]:
        """The labels that are offered at a place, which counts from 1."""
        found = self._at("completion", line, column)
        return {item["label"] for item in found["items"]}

    def hover(self, line: int, column: int) -> str:
        found = self._at("hover", line, column)
        return "" if found is None else str(found["contents"]["value"])

    def squiggles(self) -> list[tuple[tuple[int, int], str]]:
        """Where they begin, as line and column from 1, and what it says."""
        found = self._told.pop(self._version, None)
        while found is None:
            self._heed(self._read())
            found = self._told.pop(self._version, None)
        starts = [(item["range"]["start"], item["message"]) for item in found]
        return [((at["line"] + 1, at["character"] + 1), said) for at, said in starts]

    def _at(self, what: str, line: int, column: int) -> Any:
        place = {"line": line - 1, "character": column - 1}
        return self._ask(f"textDocument/{what}", textDocument={"uri": self._uri}, position=place)

    def _ask(self, method: str, **params: Any) -> Any:
        self._asked += 1
        self._write({"id": self._asked, "method": method, "params": params})
        while True:
            message = self._read()
            if message.get("id") == self._asked and "method" not in message:
                assert "error" not in message, message
                return message["result"]
            self._heed(message)

    def _send(self, method: str, **params: Any) -> None:
        self._write({"method": method, "params": params})

    def _heed(self, message: Any) -> None:
        """What the server says or asks by itself."""
        if message.get("method") == "textDocument/publishDiagnostics":
            if message["params"]["uri"] == self._uri:
                self._told[self._version] = message["params"]["diagnostics"]
        elif "id" in message:
            asked = message.get("params", {}).get("items", ())
            yaml = {"schemaStore": {"enable": False}}  # no schema but the one that the file names
            result = [yaml if item.get("section") == "yaml" else None for item in asked]
            self._write({"id": message["id"], "result": result})

    def _write(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(content), content))
        self._process.stdin.flush()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        length = 0
        while (line := self._process.stdout.readline()).strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the server ended"
        return json.loads(self._process.stdout.read(length))


@pytest.fixture(scope="module")
def editor(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    editor = Editor(program, tmp_path_factory.mktemp("workspace"))
    yield editor
    editor.close()


@pytest.fixture
def scaffold(cli: Cli) -> str:
    """The definition that `init` writes; the schema it names is found from wherever it is opened."""
    assert cli("init", "orders").status == 0
    text = (cli.folder / "orders/order.yaml").read_text(encoding="utf-8")
    head = "# yaml-language-server: $schema=schema/saga.schema.json\n"
    assert text.startswith(head)
    schema = (cli.folder / "orders/schema/saga.schema.json").as_uri()
    return text.replace(head, f"# yaml-language-server: $schema={schema}\n")


def place_of(text: str, mark: str) -> tuple[int, int]:
    """Where a text first stands, from 1."""
    at = text.index(mark)
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def test_what_init_writes_has_no_squiggle(cli: Cli, editor: Editor, scaffold: str) -> None:
    """By the very line that init writes, as a path relative to the file."""
    assert cli("init", "orders2").status == 0
    text = (cli.folder / "orders2/order.yaml").read_text(encoding="utf-8")
    editor.open("order.yaml", text, cli.folder / "orders2")
    assert editor.squiggles() == []
    assert "the whole saga" in editor.hover(*place_of(text, "timeout: 15m"))


def test_the_tests_that_init_writes_are_held_against_their_own_schema(
    cli: Cli, editor: Editor
) -> None:
    assert cli("init", "orders3").status == 0
    folder = cli.folder / "orders3"
    text = (folder / "order.test.yaml").read_text(encoding="utf-8")
    editor.open("order.test.yaml", text, folder)
    assert editor.squiggles() == []
    assert "left in the world" in editor.hover(*place_of(text, "left: []"))
    slip = text.replace("create_shipment: 422 ", "create_shipment: timout ").replace(
        "expect:", "expcet:", 1
    )
    editor.open("order.test.yaml", slip, folder)
    lines = {line for (line, _), _ in editor.squiggles()}
    assert {place_of(slip, "timout")[0], place_of(slip, "expcet")[0]} <= lines


@pytest.mark.parametrize(
    ("after", "indent", "wanted", "absent"),
    [
        ("timeout: 15m\n", "", {"defaults"}, {"action", "saga"}),
        ("    service: inventory\n", "    ", {"lookup", "needs", "pivot", "on_unknown"}, {"action", "url"}),
        ("      request: PUT /reservations/${{ saga.id }}\n", "      ", {"headers", "retry", "success"}, {"needs", "request"}),
        ("      request: DELETE /reservations/${{ saga.id }}\n", "      ", {"retry", "timeout"}, {"lookup"}),
        ("    lookup:                              # asked when nobody knows whether the charge went through\n", "      ", {"headers"}, {"pivot"}),
    ],
)  # fmt: skip
def test_the_keys_of_a_place_are_completed(
    editor: Editor, scaffold: str, after: str, indent: str, wanted: set[str], absent: set[str]
) -> None:
    assert after in scaffold
    text = scaffold.replace(after, f"{after}{indent}\n", 1)
    editor.open("order.yaml", text)
    line, _ = place_of(text, after)
    offered = editor.completed(line + 1, len(indent) + 1)
    assert wanted <= offered
    assert not absent & offered


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("on_unknown: ", {"finish", "compensate", "hold"}),
        ("pivot: ", {"true", "false"}),
    ],
)
def test_the_words_of_a_key_are_completed(
    editor: Editor, scaffold: str, key: str, wanted: set[str]
) -> None:
    after = "    service: payments\n"
    text = scaffold.replace(after, f"{after}    {key}\n", 1)
    editor.open("order.yaml", text)
    line, column = place_of(text, key)
    assert wanted <= editor.completed(line, column + len(key))


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("timeout: 15m", "How long the whole saga may take"),
        ("compensation:", "undo"),
        ("lookup:", "took place"),
        ("idempotency: key", "key"),
        ("found:", "took place"),
    ],
)
def test_a_key_is_explained(editor: Editor, scaffold: str, mark: str, said: str) -> None:
    editor.open("order.yaml", scaffold)
    assert said in editor.hover(*place_of(scaffold, mark))


# What is changed in the scaffold, into what.
SLIPS = {
    "unknown key": ("timeout: 15m", "timeuot: 15m"),
    "unknown key of a step": ("    service: inventory", "    servise: inventory"),
    "unknown key of a service": ("idempotency: key}\n  payments", "idempotence: key}\n  payments"),
    "unknown key of an action": ("      json: {order", "      jsno: {order"),
    "a number for a duration": ("timeout: 15m", "timeout: 15"),
    "no duration": ("timeout: 15m", "timeout: quarter"),
    "a text for a list": ("    service: inventory", "    service: inventory\n    needs: b"),
    "a word that is none": ("    service: inventory", "    service: inventory\n    on_unknown: maybe"),
    "no name": ("name: reserve_inventory", "name: Reserve Inventory"),
    "a step without an action": ("    action:\n      request: PUT /shipments/${{ saga.id }}\n      json: {order_id: \"${{ input.order_id }}\"}\n", ""),
    "a service without a url": ('{url: "${{ env.SHIPPING_URL }}", idempotency: key}', "{idempotency: key}"),
    "the same key twice": ("timeout: 15m", "timeout: 15m\ntimeout: 16m"),
    "a status that is none": ("success: [2xx, 404]  ", "success: [2xx, 999]  "),
    "a fraction": ("version: 1\n", "version: 1.5\n"),
    "no boolean": ("    service: payments", "    service: payments\n    pivot: maybe"),
    "several": ("    service: payments", "    servise: payments\n    pivto: true\n    settle: 5"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_the_squiggles_stand_in_the_places_that_lint_tells(
    cli: Cli, editor: Editor, scaffold: str, slip: str
) -> None:
    old, new = SLIPS[slip]
    assert old in scaffold
    text = scaffold.replace(old, new, 1)
    editor.open("order.yaml", text)
    cli.write("order.yaml", text)
    assert {place for place, _ in editor.squiggles()} == places_told(cli)


def places_told(cli: Cli) -> set[tuple[int, int]]:
    """The places of what lint says of the text, its keys and its values.

    Where more than that is wrong, as with a service that exists nowhere, no schema can say so.
    """
    problems = cli("lint", "order.yaml", "--format", "json").json
    found = {(p["line"], p["column"]) for p in problems if p["number"] < "SG050"}
    assert found
    return found


def test_what_is_no_yaml_is_told_by_both_in_its_line(
    cli: Cli, editor: Editor, scaffold: str
) -> None:
    text = scaffold.replace("timeout: 15m", "timeout: [15m")
    editor.open("order.yaml", text)
    cli.write("order.yaml", text)
    lines = {line for line, _ in places_told(cli)}
    assert lines <= {line for (line, _), _ in editor.squiggles()}


def test_an_unknown_key_is_called_so_in_an_editor(editor: Editor, scaffold: str) -> None:
    editor.open("order.yaml", scaffold.replace("    service: inventory", "    servise: inventory"))
    [(_, said)] = editor.squiggles()
    assert re.search("servise is not allowed", said), said
