"""X2 to X5 of the catalogue of faults: secrets, whoever repeats them, in all that is left behind.

The service here knows every secret it is sent, and says all of them back, in every form and place
it has: bodies, headers, redirects, error messages, what it calls its IDs.
"""

import json
import os
import stat
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from conftest import DEFINITIONS, Cli, Told

# What they have in common is looked for; what stands around it is what escapes are needed for.
MARK = "c4nary"
PASSWORD = f'{MARK}-p"\\/+ &%ü'
CLIENT = f"{MARK}-client/&+ %"
BEARER = f'{MARK}-bearer"\\/+&%'
TOKEN = f"{MARK}-token.abc=="
BASIC = b64encode(f"shop:{PASSWORD}".encode()).decode()
CLIENT_BASIC = b64encode(f"shop:{quote_plus(CLIENT)}".encode()).decode()

SAGA = """\
saga: order
services:
  stock: {url: "${{ env.URL }}/stock", idempotency: key, auth: {basic: {username: shop, password: "${{ secrets.PASSWORD }}"}}}
  bank:
    url: "${{ env.URL }}/bank"
    idempotency: key
    auth:
      oauth2: {token_url: "${{ env.URL }}/token", client_id: shop, client_secret: "${{ secrets.CLIENT }}"}
  post: {url: "${{ env.URL }}/post", idempotency: key, headers: {X-Api-Key: "${{ secrets.BEARER }}"}}
defaults:
  retry: {max_attempts: 2, initial_interval: 10ms}
  compensation: {retry: {max_attempts: 2, initial_interval: 10ms}}
steps:
  - name: reserve
    service: stock
    action: PUT /ok
    compensation: DELETE /redirect
  - name: charge
    service: bank
    action: POST /ok
    compensation: POST /broken
  - name: ship
    service: post
    action: POST /refused
    compensation: none
output: {all: "${{ steps.charge.result }}"}
"""


NOTE = """\
saga: note
steps:
  - name: a
    action:
      request: PUT ${{ env.URL }}/ok
      json: {url: "${{ env.URL }}", note: "${{ env.NOTE }}", same: "${{ env.SAME }}", empty: "${{ env.EMPTY }}"}
    compensation: none
"""


class Parrot(BaseHTTPRequestHandler):
    """Says back whatever it was told."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.bodies.append(body)  # type: ignore[attr-defined]
        # It may know from elsewhere what a secret is, and from before what was made of one.
        came = [*self.headers.values(), *self.server.came]  # type: ignore[attr-defined]
        sent = [*SECRETS, *came, *(value.partition(" ")[2] for value in came)]
        forms = [form for text in sent for form in (text, quote(text, safe=""), quote_plus(text))]
        self.server.came.append(str(self.headers.get("Authorization")))  # type: ignore[attr-defined]
        if self.path == "/token":
            said = {"access_token": TOKEN, "expires_in": 3600, "scope": " ".join(forms)}
            return self.say(200, json.dumps(said).encode())
        said = {"id": forms[0], "all": forms, "error": f"no: {' | '.join(forms)}"}
        said |= {form: form for form in forms}
        body = json.dumps(said, ensure_ascii=self.path.endswith("ok")).encode()
        kind = self.path.rpartition("/")[2]
        status = {"ok": 200, "redirect": 302, "broken": 501, "refused": 422}[kind]
        return self.say(status, body)

    def say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Location", "/elsewhere?" + quote(" ".join(SECRETS)))
        self.send_header("X-Echo", str(self.headers.get("Authorization")))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *arguments: object) -> None:
        pass


SECRETS = (PASSWORD, CLIENT, BEARER)


@pytest.fixture
def parrot() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Parrot)
    server.came, server.bodies = [], []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def shop(cli: Cli, parrot: ThreadingHTTPServer) -> Cli:
    cli.env["URL"] = f"http://127.0.0.1:{parrot.server_address[1]}"
    cli.env["SAGACTL_SECRET_PASSWORD"] = PASSWORD
    cli.write("saga.yaml", SAGA)
    # Files of secrets are the user's own; they stand where nothing of ours is looked for.
    cli.write("own/secrets.txt", f"CLIENT={CLIENT}\n")
    cli.write("own/prod.env", f"export SAGACTL_SECRET_BEARER='{BEARER}' # a key\n\nUNUSED=x\n")
    return cli


FILES = (
    "--secrets-file",
    "own/secrets.txt",
    "--env-file",
    "own/prod.env",
    "-v",
    "--log-file",
    "a.log",
)


def assert_silent(cli: Cli, *told: Told) -> None:
    """Nothing of a secret stands in what was said, nor in any file but the user's own."""
    left = {
        str(path): path.read_text(encoding="utf-8", errors="replace")
        for path in cli.folder.rglob("*")
        if path.is_file() and path.parent.name != "own"
    }
    assert any(name.endswith("a.log") for name in left), left
    for number, one in enumerate(told):
        left |= {f"out {number}": one.out, f"err {number}": one.err}
    for name, text in left.items():
        for secret in (MARK, BASIC, CLIENT_BASIC):
            assert secret not in text, (name, text[max(0, text.find(secret) - 200) :][:400])


def test_X3_no_verb_and_no_file_repeats_a_secret(shop: Cli, parrot: ThreadingHTTPServer) -> None:
    begun = shop("run", "saga.yaml", "--id", "o1", *FILES, "-o", "json")
    assert begun.status == 3, begun
    assert begun.json["state"] == "stuck"
    came = parrot.came  # type: ignore[attr-defined]
    assert {f"Basic {BASIC}", f"Bearer {TOKEN}", f"Basic {CLIENT_BASIC}"} <= set(came)
    told = [begun]
    for words in (
        ("show", "o1"), ("show", "o1", "-o", "json"), ("history", "o1"),
        ("history", "o1", "-o", "json"), ("history", "o1", "-o", "yaml"), ("explain", "o1"),
        ("list",), ("list", "-o", "json"), ("graph", "o1"), ("graph", "o1", "--format", "mermaid"),
        ("watch", "o1"), ("watch", "o1", "-o", "json"), ("export", "o1"),
        ("plan", "saga.yaml", "--env-file", "own/prod.env"), ("lint", "saga.yaml"),
        ("resume", "o1", *FILES),
        ("resolve", "o1", "charge", "--as", "compensated", "--reason", "seen", *FILES[:4]),
        ("abandon", "o1", "--reason", "enough"),
        ("show", "o1", "-o", "json"), ("history", "o1", "-o", "json"),
    ):  # fmt: skip
        told.append(shop(*words))
    assert all("***" in one.out for one in told[1:6]), told[1:6]
    assert_silent(shop, *told)


def test_X3_a_completed_saga_keeps_no_secret_in_its_results(shop: Cli) -> None:
    shop.write("saga.yaml", SAGA.replace("/refused", "/ok"))
    told = shop("run", "saga.yaml", "--id", "o2", *FILES, "-o", "json")
    assert told.status == 0, told
    assert "***" in json.dumps(told.json["output"])
    undone = shop("compensate", "o2", "--reason", "no", *FILES)
    assert_silent(shop, told, undone)


@pytest.mark.parametrize(
    "header",
    [
        "${{ int(secrets.BEARER) }}",
        "${{ fromJson(secrets.BEARER) }}",
        "${{ secrets.BEARER + 1 }}",
        "${{ secrets.BEARER.part }}",
        "${{ secrets.BEARER[0] }}",
        "${{ {'a': 1}[secrets.BEARER] }}",
        "${{ size(secrets.BEARER) / 0 }}",
        "${{ secrets.BEARER }}\\n",
        "${{ json([secrets.BEARER]) }}\\u2028",
    ],
)
def test_X3_an_expression_that_fails_on_a_secret_does_not_show_it(shop: Cli, header: str) -> None:
    written = SAGA.replace('X-Api-Key: "${{ secrets.BEARER }}"', f'X-Api-Key: "{header}"')
    assert written != SAGA
    shop.write("saga.yaml", written)
    told = shop("run", "saga.yaml", "--id", "o3", *FILES, "-o", "json")
    # The stock and the bank refuse to undo here, so what could not be sent leaves the saga stuck.
    assert told.status in (2, 3), told
    assert_silent(shop, told, shop("explain", "o3"), shop("lint", "saga.yaml"))


@pytest.mark.parametrize(
    "text",
    ["CLIENT", f"{MARK} 1", f'A="{MARK}', f"SAGACTL_SECRET_CLIENT={MARK}\n\n\n'{MARK}", "=\0"],
)
@pytest.mark.parametrize("option", ["--secrets-file", "--env-file"])
def test_X3_a_file_that_cannot_be_read_is_told_by_its_line_alone(
    shop: Cli, option: str, text: str
) -> None:
    shop.write("own/broken.env", f"# comment\n{text}\n")
    told = shop("run", "saga.yaml", option, "own/broken.env")
    assert told.status == 2
    assert MARK not in told.out + told.err
    if option == "--env-file":
        line = 2 + text.rstrip().count("\n")
        assert told.err.startswith(f"sagactl: own/broken.env:{line}: a line is NAME=value")


def test_an_environment_file_sets_what_is_not_set_yet(
    shop: Cli, parrot: ThreadingHTTPServer
) -> None:
    url = shop.env["URL"]
    shop.write("a.env", "URL=http://127.0.0.1:9\nexport NOTE='x y'\nEMPTY=\nSAME=\"${NOTE}\"\n")
    shop.write("b.env", "NOTE=later\n")
    shop.write("note.yaml", NOTE)
    told = shop("run", "note.yaml", "--env-file", "a.env", "--env-file", "b.env")
    assert told.status == 0, told
    sent = json.loads(parrot.bodies[0])  # type: ignore[attr-defined]
    assert sent == {"url": url, "note": "x y", "same": "${NOTE}", "empty": ""}
    assert shop("plan", "note.yaml", "--env-file", "b.env").status == 0


def test_X3_files_of_tls_that_are_not_there_are_told_before_anything_is_sent(
    shop: Cli, parrot: ThreadingHTTPServer
) -> None:
    written = SAGA.replace(
        "    auth:\n      oauth2", "    auth:\n      tls: {cert: gone.pem}\n      oauth2"
    )
    shop.write("saga.yaml", written)
    told = shop("run", "saga.yaml", "--id", "o4", *FILES)
    assert told.status == 2
    assert "saga.yaml:8:" in told.err
    assert "gone.pem is not there" in told.err
    assert parrot.came == []  # type: ignore[attr-defined]
    assert shop("show", "o4").status == 2, "nothing was begun"
    # In the sandbox nobody asks.
    assert shop("run", "saga.yaml", "--id", "o5", "--sandbox").status == 0


def test_X4_what_is_written_is_its_owners_under_any_umask(cli: Cli) -> None:
    old = os.umask(0)
    try:
        told = cli("run", DEFINITIONS / "order.yaml", "--sandbox", "--log-file", "a.log")
    finally:
        os.umask(old)
    assert told.status == 0, told
    modes = {
        str(path.relative_to(cli.folder)): stat.S_IMODE(path.stat().st_mode)
        for path in cli.folder.rglob("*")
    }
    assert modes
    for name, mode in modes.items():
        assert mode == (0o700 if (cli.folder / name).is_dir() else 0o600), (name, oct(mode))


ESCAPES = ("\x1b[2J", "\x1b]8;;http://evil\x07", "\x9b31m", "\u202e", "\r", "[red]", "[/]")


def test_X5_what_a_service_says_moves_no_terminal(cli: Cli, tmp_path: Path) -> None:
    said = "".join(ESCAPES)

    class Rude(Parrot):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kind = 422 if "refused" in self.path else 200
            self.say(kind, json.dumps({"id": said, "error": said, said: said}).encode())

        do_GET = do_PUT = do_POST = do_DELETE = answer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Rude)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        cli.env["URL"] = f"http://127.0.0.1:{server.server_address[1]}"
        cli.env |= {
            f"SAGACTL_SECRET_{name}": "12345678" for name in ("PASSWORD", "CLIENT", "BEARER")
        }
        # The bank asks for no token here: one with such an answer would not be sent.
        lines = SAGA.splitlines(keepends=True)
        cli.write("saga.yaml", "".join(lines[:6] + lines[8:]))
        told = [cli("run", "saga.yaml", "--id", "o1", "-v")]
        for verb in ("show", "history", "explain", "list", "graph", "watch", "resume"):
            told.append(cli(verb, *(() if verb == "list" else ("o1",))))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert told[0].status in (1, 3), told[0]
    seen = "".join(one.out + one.err for one in told)
    for char in "\x1b\x07\x9b\u202e\r":
        assert char not in seen, repr(seen[max(0, seen.find(char) - 80) :][:160])
    assert "[red]" in seen, "what looks like markup is data"
