"""What a shell is offered for Tab: asked as bash, zsh and fish ask, and in shells themselves."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from conftest import DEFINITIONS, ROOT, Cli
from views.story import ordered

from sagactl.journal.compaction import compact
from sagactl.journal.store import Append
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.machine import event as e

ORDER = DEFINITIONS / "order.yaml"
STUCK = ("--fail", "create_shipment=422", "--fail", "process_payment.compensation=403")
NO_ZSH = pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")


@pytest.fixture
def shell(cli: Cli) -> Cli:
    """The program on the PATH under its own name, as pip puts it there, in an empty home."""
    script = cli.write("bin/sagactl", f"#!{sys.executable}\nfrom sagactl.cli import main\nmain()\n")
    script.chmod(0o755)
    cli.env |= {
        "PATH": f"{script.parent}:{os.environ['PATH']}",
        "HOME": str(cli.folder / "home"),
        "PYTHONPATH": str(ROOT),
    }
    (cli.folder / "home").mkdir()
    return cli


def offered(shell: Cli, line: str) -> list[str]:
    """What bash would be offered at the end of a line."""
    words = line.split(" ")
    asked = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    return _asked(shell, {**asked, "_SAGACTL_COMPLETE": "complete_bash"})


def explained(shell: Cli, line: str) -> dict[str, str]:
    """The same as fish has it: with a word on each."""
    asked = {
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_SAGACTL_COMPLETE": "complete_fish",
    }
    return dict(told.partition("\t")[::2] for told in _asked(shell, asked))


def _asked(shell: Cli, asked: dict[str, str]) -> list[str]:
    done = subprocess.run(
        ["sagactl"], cwd=shell.folder, env={**shell.environment, **asked},
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return [line for line in done.stdout.splitlines() if line]


def kept(shell: Cli, count: int) -> None:
    """So many sagas in the state, each one second newer than the one before."""
    store = TinyDBStore(shell.folder / ".sagactl/state.json", create=True)
    first = ordered().events[0]
    assert isinstance(first, e.RunStarted)
    appends = []
    for number in range(count):
        event = e.RunStarted(**{
            **{name: getattr(first, name) for name in e.RunStarted.__dataclass_fields__},
            "run_id": f"order-{number:05d}", "at": first.at + number,
        })  # fmt: skip
        appends.append(Append(event.run_id, [event], "started"))
    store.append_all(appends)
    store.close()


def test_ids_are_offered_the_newest_first_with_type_and_state(shell: Cli) -> None:
    kept(shell, 60)
    shell("run", ORDER, "--sandbox", "--id", "played", *STUCK)
    for verb in ("show", "history", "explain", "resume", "watch", "compensate", "abandon"):
        assert offered(shell, f"sagactl {verb} order-0005") == [
            f"order-000{number}" for number in range(59, 49, -1)
        ], verb
    told = explained(shell, "sagactl show ")
    assert list(told)[:2] == ["played", "order-00059"]
    assert told["played"] == "order-fulfillment, stuck"
    assert told["order-00059"] == "order, started"
    assert len(told) == 61
    assert told["order-00000"] == ""  # of so many only the newest are explained


def test_an_id_is_not_offered_twice_and_another_state_is_looked_at(shell: Cli) -> None:
    kept(shell, 2)
    assert offered(shell, "sagactl resume order-00000 ") == ["order-00001"]
    shutil.move(shell.folder / ".sagactl", shell.folder / "elsewhere")
    assert offered(shell, "sagactl show ") == []
    assert len(offered(shell, "sagactl show --state elsewhere/state.json ")) == 2
    shell.env["SAGACTL_STATE"] = "elsewhere/state.json"
    assert len(offered(shell, "sagactl show ")) == 2


def test_steps_are_offered_where_something_can_be_said_of_them(shell: Cli) -> None:
    shell("run", ORDER, "--sandbox", "--id", "o1", *STUCK)
    assert explained(shell, "sagactl resolve o1 ") == {
        "reserve_inventory": "completed", "process_payment": "stuck",
    }  # fmt: skip
    assert offered(shell, "sagactl resolve o pro") == ["process_payment"]
    assert explained(shell, "sagactl resume o1 --from ") == {"create_shipment": "failed"}
    assert offered(shell, "sagactl resolve nobody ") == []
    assert offered(shell, "sagactl resolve o1 process_payment --as comp") == [
        "completed", "compensated",
    ]  # fmt: skip


def test_instances_and_steps_of_sub_sagas_are_offered_by_their_paths(shell: Cli) -> None:
    basket = DEFINITIONS / "basket.yaml"
    shell("run", basket, "--sandbox", "--id", "b", "--fail", "send[0]/pick_up=409",
          "--fail", "send[0]/label.compensation=403")  # fmt: skip
    assert "send[0]/label" in offered(shell, "sagactl resolve b send")


def test_verbs_options_and_words_are_offered(shell: Cli) -> None:
    assert "graph" in offered(shell, "sagactl ")
    assert "--log-file" in offered(shell, "sagactl run x --l")
    assert offered(shell, "sagactl list --status st") == ["started", "stuck"]
    assert offered(shell, "sagactl graph x --format m") == ["mermaid"]
    shell("run", ORDER, "--sandbox", "--id", "o1")
    assert offered(shell, "sagactl list --sandbox --saga ") == ["order-fulfillment"]


def test_files_are_left_to_the_shell_and_offered_beside_ids(shell: Cli) -> None:
    shutil.copytree(DEFINITIONS, shell.folder / "definitions")
    shutil.copy(ORDER, shell.folder / "order.yaml")
    kept(shell, 1)
    assert offered(shell, "sagactl run ") == []
    assert offered(shell, "sagactl graph o") == ["order.yaml", "order-00000"]
    assert "definitions/trip.yaml" in offered(shell, "sagactl graph definitions/t")
    assert offered(shell, "sagactl graph nowhere/") == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"meta":', b"\x00" * 4096, b'{"runs": {"1": {"run_id": 7}}}'],
    ids=repr,
)
def test_a_broken_state_is_silence(shell: Cli, content: bytes) -> None:
    shell.write(".sagactl/state.json", "")
    (shell.folder / ".sagactl/state.json").write_bytes(content)
    assert offered(shell, "sagactl show ") == []
    assert offered(shell, "sagactl resolve x ") == []


def test_a_damaged_state_keeps_no_other_from_being_offered(shell: Cli) -> None:
    kept(shell, 3)
    shell("run", ORDER, "--sandbox", "--id", "played")
    log = shell.folder / ".sagactl/state.json.log"
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)
    assert offered(shell, "sagactl show ") == ["played"]


def test_nothing_is_locked_and_nothing_is_written(shell: Cli) -> None:
    kept(shell, 3)
    folder = shell.folder / ".sagactl"
    held = [os.open(path, os.O_RDONLY) for path in folder.rglob("*lock*") if path.is_file()]
    assert held
    for fd in held:
        fcntl.flock(fd, fcntl.LOCK_EX)
    before = {path: path.stat().st_mtime_ns for path in shell.folder.rglob("*")}
    assert len(offered(shell, "sagactl show ")) == 3
    assert {path: path.stat().st_mtime_ns for path in shell.folder.rglob("*")} == before
    for fd in held:
        os.close(fd)


@pytest.mark.parametrize(
    "line", ["sagactl show ", "sagactl show order-09", "sagactl resolve order-00007 "]
)
@pytest.mark.parametrize("is_compacted", [False, True])
def test_ten_thousand_sagas_are_offered_at_once(shell: Cli, line: str, is_compacted: bool) -> None:
    kept(shell, 10_000)
    if is_compacted:
        assert compact(shell.folder / ".sagactl/state.json")
    took = []
    for _ in range(5):
        # Of the processor, so that a busy machine is no failure; nothing in it waits.
        began = os.times()
        offered(shell, line)
        ended = os.times()
        took.append(ended.children_user - began.children_user
                    + ended.children_system - began.children_system)  # fmt: skip
    assert min(took) < 0.3, took


def test_nothing_heavy_is_imported_for_an_id(shell: Cli) -> None:
    kept(shell, 3)
    program = (
        "import sys\nsys.argv = ['sagactl']\nfrom sagactl.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)\n"
    )
    asked = {
        "COMP_WORDS": "sagactl show o",
        "COMP_CWORD": "2",
        "_SAGACTL_COMPLETE": "complete_bash",
    }
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=shell.folder, env={**shell.environment, **asked},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(done.stdout.split()) == 3
    heavy = {"rich", "tinydb", "yaml", "jsonschema", "httpx", "h11", "asyncio"}
    assert not heavy & set(done.stderr.split())


def test_bash_completes_from_the_script_that_is_shown(shell: Cli) -> None:
    kept(shell, 3)
    script = (
        "source <(sagactl --show-completion)\n"
        "COMP_WORDS=(sagactl show order-0000); COMP_CWORD=2\n"
        '_sagactl_completion sagactl; printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script], cwd=shell.folder, env=shell.environment,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == ["order-00002", "order-00001", "order-00000"], done.stderr


def terminal(shell: Cli, program: str, *arguments: str) -> "pexpect.spawn[str]":
    shell.env |= {"TERM": "xterm", "PS1": "ready> ", "INPUTRC": "/dev/null"}
    return pexpect.spawn(
        program, list(arguments), cwd=str(shell.folder), env=shell.environment,
        dimensions=(30, 200), encoding="utf-8", timeout=30,
    )  # fmt: skip


def test_a_tab_in_a_real_bash_completes_an_id_a_step_and_a_file(shell: Cli) -> None:
    shutil.copy(ORDER, shell.folder / "shop.yaml")
    shell("run", ORDER, "--sandbox", "--id", "o-unmistakable", *STUCK)
    child = terminal(shell, "bash", "--norc", "--noprofile", "-i")
    child.sendline(
        "source <(sagactl --show-completion); bind 'set enable-bracketed-paste off'; echo rea''dy"
    )
    child.expect("ready\r\n")
    for typed, completed in (
        ("sagactl show o-un", "sagactl show o-unmistakable "),
        ("sagactl resolve o-un proc", "sagactl resolve o-un process_payment "),
        ("sagactl plan sho", "sagactl plan shop.yaml "),
        ("sagactl graph sho", "sagactl graph shop.yaml "),
        ("sagactl resume o-un --from cre", "sagactl resume o-un --from create_shipment "),
    ):
        child.send(f"{typed}\t")
        child.expect_exact(completed)
        child.send("\x15")  # take the line away
    child.sendline("exit")
    child.expect(pexpect.EOF)


@NO_ZSH
def test_a_tab_in_a_real_zsh_completes_an_id_and_a_step(shell: Cli) -> None:
    shell("run", ORDER, "--sandbox", "--id", "o-unmistakable", *STUCK)
    child = terminal(shell, "zsh", "-f", "-i")
    child.sendline("autoload -U compinit; compinit -u -D; unsetopt zle_bracketed_paste")
    child.sendline("source <(sagactl --show-completion); echo rea''dy")
    child.expect("ready\r\n")
    for typed, rest in (
        ("sagactl show o-un", "mistakable"),
        ("sagactl resolve o-un proc", "ess_payment"),
    ):
        child.send(f"{typed}\t")
        child.expect_exact(rest)
        child.send("\x15")
    child.sendline("exit")
    child.expect(pexpect.EOF)


def test_it_is_installed_where_bash_finds_it(shell: Cli) -> None:
    done = subprocess.run(
        ["bash", "--norc", "-c", "sagactl --install-completion; true"],
        cwd=shell.folder, env=shell.environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "bash completion installed" in done.stdout, done
    home = Path(shell.env["HOME"])
    assert "sagactl.sh" in (home / ".bashrc").read_text()
    assert "_SAGACTL_COMPLETE" in (home / ".bash_completions/sagactl.sh").read_text()
