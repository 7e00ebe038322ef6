"""`sagactl lint` as CI, editors and people type it."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from conftest import DEFINITIONS, ROOT, Cli

# Line 3 of it warns: nothing says how the step is undone.
WARNS = "saga: w\nsteps:\n  - {name: a, action: PUT https://h.example/a}\n"
CLEAN = WARNS.replace("}", ", compensation: none}")
SLIP = WARNS.replace("action", "acton").replace("}", ", compensation: none}")


def codes(cli: Cli, *arguments: str) -> list[str]:
    return [entry["code"] for entry in cli("lint", "--format", "json", *arguments).json]


# Suppression and configuration


def test_a_comment_in_the_file_counts_for_lint_and_for_run(cli: Cli) -> None:
    wrong = CLEAN.replace("PUT https://h.example/a", '"PUT https://h.example/${{ inptu.a }}"')
    path = cli.write("w.yaml", wrong)
    assert cli("plan", path).status == 2
    cli.write("w.yaml", wrong.replace("none}", "none} # sagactl: ignore[unknown-name]"))
    assert codes(cli, "w.yaml") == []
    assert cli("plan", path).status == 0


@pytest.mark.parametrize(
    ("name", "table"), [("sagactl.toml", "lint"), ("pyproject.toml", "tool.sagactl.lint")]
)
def test_a_configuration_is_found_upwards_and_counts_for_run_too(
    cli: Cli, name: str, table: str
) -> None:
    path = cli.write("a/b/w.yaml", WARNS)
    cli.write(name, f"[{table}]\nseverity = {{no-compensation = 'error'}}\n")
    assert cli("lint", path).status == 1
    assert cli("plan", path).status == 2
    cli.write(f"a/{name}", f"[{table}]\nseverity = {{SG201 = 'off', no-compensation = 'off'}}\n")
    assert cli("lint", "--strict", path).status == 0, cli("lint", path)
    assert cli("plan", path).status == 0


def test_another_projects_pyproject_is_none_of_ours(cli: Cli) -> None:
    cli.write("pyproject.toml", "[lint]\nseverity = {no-compensation = 'error'}\n[tool.other]\n")
    cli.write("w.yaml", WARNS)
    assert cli("lint", "w.yaml").status == 0


def test_exclude_leaves_out_of_folders_what_is_not_named(cli: Cli) -> None:
    for name in ("a.yaml", "old/b.yaml", "x/old/c.yaml", "x/gen/deep/d.yaml", "x/keep/e.yaml"):
        cli.write(name, WARNS)
    cli.write("sagactl.toml", 'lint.exclude = ["old", "x/**/d.yaml", "[e].yaml"]\n')
    said = {entry["path"] for entry in cli("lint", "--format", "json").json}
    assert said == {"a.yaml", "x/keep/e.yaml"}
    assert codes(cli, "old/b.yaml") == ["no-compensation"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[lint]\nexclude = ]\n", "sagactl.toml:2:11: Invalid value"),
        ("[lint]\nexclude = [\n", "sagactl.toml:2: Invalid value (at end of document)"),
        ("[lint]\n\nexcldue = []\n", 'sagactl.toml:3: "excldue" is not a setting of lint; did you'),
        ("[lnt]\n", 'sagactl.toml:1: "lnt" is not a table; did you mean "lint"?'),
        ("[lint]\nexclude = 'a'\n", 'sagactl.toml:2: "exclude" must be a list of globs'),
        ("lint = 1\n", '"lint" must be a table'),
        ("[lint.severity]\nno-compensatoin = 'off'\n", 'sagactl.toml:2: there is no code "no-comp'),
        ("[lint.severity]\nno-compensation = 'of'\n", 'must be "error", "warning" or "off"'),
        ("[lint.severity]\nno-compensation = true\n", 'must be "error", "warning" or "off"'),
        ("[lint.severity]\nunknown-key = 'off'\n", "is a mistake of shape: it is always an error"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_line(cli: Cli, text: str, said: str) -> None:
    cli.write("sagactl.toml", text)
    cli.write("w.yaml", WARNS)
    told = cli("lint", "w.yaml")
    assert told.status == 2
    assert said in told.err
    assert cli("plan", "w.yaml").status == 2


# Fixes


def test_fix_mends_and_says_what(cli: Cli) -> None:
    path = cli.write("s.yaml", SLIP)
    path.chmod(0o664)
    assert cli("lint", path).status == 1
    told = cli("lint", "--fix", path)
    assert told.status == 0, told
    assert 's.yaml:3:15: mended: write "action" [unknown-key]' in told.err
    assert path.read_text() == CLEAN
    assert stat.S_IMODE(path.stat().st_mode) == 0o664
    assert [p.name for p in cli.folder.iterdir()] == ["s.yaml"]


def test_fix_keeps_every_other_byte(cli: Cli) -> None:
    before = (
        "# ä 😀\r\nsaga: w\r\nverison: '1'   \r\nsteps:\r\n"
        "  - {name: a,   acton: put https://h.example/a , compensation: none} # 'x'\r\n\r\n\t"
    ).encode()[:-1]
    path = cli.folder / "s.yaml"
    path.write_bytes(before)
    assert cli("lint", "--fix", path).status == 0, cli("lint", path)
    wanted = before.replace(b"verison", b"version").replace(b"acton: put", b"action: PUT")
    assert path.read_bytes() == wanted


def test_a_file_that_cannot_be_read_as_text_is_left_alone(cli: Cli) -> None:
    path = cli.folder / "s.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SLIP.encode())
    assert cli("lint", "--fix", path).status == 1
    assert path.read_bytes() == b"\xef\xbb\xbf" + SLIP.encode()


def test_a_second_fix_that_the_first_one_brings_to_light_is_made_too(cli: Cli) -> None:
    path = cli.write("s.yaml", SLIP.replace("PUT", "put"))
    told = cli("lint", "--fix", path)
    assert told.status == 0
    assert told.err.count("mended") == 2
    assert path.read_text() == CLEAN


def test_unused_suppressions_are_taken_out(cli: Cli) -> None:
    text = CLEAN.replace("none}", "none} # sagactl: ignore[no-compensation]")
    path = cli.write("s.yaml", "# sagactl: ignore[unused-input]\n# kept\n" + text)
    assert codes(cli, "s.yaml") == ["unused-suppression"] * 2
    assert cli("lint", "--fix", "--strict", path).status == 0
    assert path.read_text() == "# kept\n" + CLEAN


def test_a_suppressed_problem_is_not_mended(cli: Cli) -> None:
    path = cli.write("s.yaml", WARNS.replace("a}", "a} # sagactl: ignore[no-compensation]"))
    before = path.read_bytes()
    assert cli("lint", "--fix", "--strict", path).status == 0
    assert path.read_bytes() == before


def test_diff_shows_what_would_be_changed_and_writes_nothing(cli: Cli) -> None:
    path = cli.write("d/s.yaml", SLIP.replace("\n", "\r\n").rstrip("\r\n"))
    cli.write("d/clean.yaml", CLEAN)
    before = path.read_bytes()
    done = subprocess.run(
        cli.command("lint", "--diff", "d"), cwd=cli.folder, env=cli.environment, capture_output=True
    )
    assert done.returncode == 1
    assert path.read_bytes() == before
    assert b"clean.yaml" not in done.stdout
    subprocess.run(["git", "apply", "-p0", "-"], cwd=cli.folder, input=done.stdout, check=True)
    assert path.read_bytes() == before.replace(b"acton", b"action")
    again = cli("lint", "--diff", "d")
    assert (again.status, again.out) == (0, "")


def test_fix_does_not_write_through_a_link(cli: Cli) -> None:
    target = cli.write("elsewhere.txt", SLIP)
    (cli.folder / "s.yaml").symlink_to(target)
    told = cli("lint", "--fix", "s.yaml")
    assert told.status == 2
    assert "was not mended" in told.err
    assert target.read_text() == SLIP
    assert (cli.folder / "s.yaml").is_symlink()


def test_fix_does_not_overwrite_what_was_changed_in_the_meantime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sagactl.cli import mending

    path = tmp_path / "s.yaml"
    path.write_text(SLIP)
    check = mending.check_text

    def edited_while_we_look(content: bytes, name: str) -> object:
        path.write_text(SLIP + "# an editor saved this\n")
        return check(content, name)

    monkeypatch.setattr(mending, "check_text", edited_while_we_look)
    [checked], _ = mending.mend([path], "<stdin>", only_shows=False)
    assert "changed in the meantime" in checked.refusal[0]
    assert path.read_text() == SLIP + "# an editor saved this\n"
    assert list(tmp_path.iterdir()) == [path]


# Formats


def test_json_and_sarif_are_whole_even_where_a_file_cannot_be_read(cli: Cli) -> None:
    cli.write("w.yaml", WARNS)
    for form in ("json", "sarif", "gitlab"):
        told = cli("lint", "--format", form, "w.yaml", "gone.yaml")
        assert told.status == 2
        assert told.json
    told = cli("lint", "--format", "junit", "w.yaml", "gone.yaml")
    assert ElementTree.fromstring(told.out).attrib["errors"] == "1"


def test_on_github_actions_annotations_come_by_themselves(cli: Cli) -> None:
    cli.env |= {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(cli.folder)}
    cli.write("sub/w.yaml", "# ::set-env name=X::y\n" + WARNS + "::add-mask::z: 1\n")
    cli.folder = cli.folder / "sub"
    told = cli("lint", "w.yaml")
    stop, *text, resume, annotation = told.out.splitlines()
    token = stop.removeprefix("::stop-commands::")
    assert re.fullmatch("[0-9a-f]{32}", token)
    assert resume == f"::{token}::"
    assert any(line.lstrip().startswith("::add-mask") for line in text)
    assert annotation.startswith("::error file=sub/w.yaml,line=5,endLine=5,col=1,")
    assert not [
        line
        for line in cli("lint", "w.yaml", "--format", "text").out.splitlines()
        if line.startswith(("::error", "::warning"))
    ]
    github = cli("lint", "w.yaml", "--format", "github").out.splitlines()
    assert github == [annotation]
    assert cli("lint", "w.yaml", "--format", "json").json


def test_elsewhere_there_are_no_annotations(cli: Cli) -> None:
    cli.write("w.yaml", WARNS)
    assert "::" not in cli("lint", "w.yaml").out


def test_paths_are_relative_to_the_repository(cli: Cli) -> None:
    cli.env["CI_PROJECT_DIR"] = str(cli.folder)
    cli.write("sub/w.yaml", WARNS)
    cli.folder = cli.folder / "sub"
    [entry] = cli("lint", "--format", "gitlab").json
    assert entry["location"]["path"] == "sub/w.yaml"


def test_rules_lists_every_code(cli: Cli) -> None:
    told = cli("lint", "--rules")
    assert told.out.startswith("NUMBER")
    document = cli("lint", "--rules", "-o", "json").json
    assert len(document) == len(told.out.splitlines()) - 1
    assert {"number", "code", "severity", "summary", "fixable", "manual"} < set(document[0])
    for entry in document:
        assert f"{entry['number']}   {entry['code']}" in told.out


def test_explain_prints_the_manual(cli: Cli) -> None:
    told = cli("lint", "--explain", "sg201")
    assert told.status == 0
    assert (
        told.out
        == cli(
            "lint",
            "--explain",
            json.loads(cli("lint", "--explain", "SG201", "-o", "json").out)["code"],
        ).out
    )
    assert "neither suppressed nor turned off" in cli("lint", "--explain", "unknown-key").out
    wrong = cli("lint", "--explain", "unknwon-key")
    assert wrong.status == 2
    assert 'did you mean "unknown-key"?' in wrong.err


# Standard input


def test_stdin_is_linted_as_the_file_it_will_be(cli: Cli) -> None:
    cli.write("d/child.yaml", CLEAN)
    cli.write("d/sagactl.toml", "[lint.severity]\nno-compensation = 'error'\n")
    parent = "saga: p\nsteps:\n  - {name: one, action: {saga: child.yaml}}\n"
    told = cli("lint", "-", "--stdin-filename", "d/p.yaml", stdin=parent)
    assert (told.status, told.out) == (0, "")
    told = cli("lint", "-", "--stdin-filename", "d/w.yaml", "--format", "json", stdin=WARNS)
    assert told.status == 1
    assert told.json[0]["path"] == "d/w.yaml"
    assert cli("lint", "-", stdin=WARNS).out.startswith("<stdin>:3:")


def test_stdin_is_mended_onto_stdout(cli: Cli) -> None:
    told = cli("lint", "--fix", "-", stdin=SLIP)
    assert (told.status, told.out) == (0, CLEAN)
    told = cli("lint", "--fix", "-", stdin=WARNS)
    assert told.out == WARNS
    assert "no-compensation" in told.err
    assert "+  - {name: a, action" in cli("lint", "--diff", "-", stdin=SLIP).out


# Many files


def test_many_files_are_told_in_their_order_whoever_looked_at_them(cli: Cli) -> None:
    for number in range(130):
        text = WARNS if number % 3 else SLIP
        cli.write(f"many/{number:03}.yaml", text)
    program = (
        "from sagactl.cli import linting; linting.FEW = {}; from sagactl.cli import main; main()"
    )
    said = []
    for few in (100, 1000):
        done = subprocess.run(
            [sys.executable, "-c", program.format(few), "lint", "many", "--format", "json"],
            cwd=cli.folder, env=cli.environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 1, done
        said.append(done.stdout)
    assert said[0] == said[1]
    paths = [entry["path"] for entry in json.loads(said[0])]
    assert paths == [f"many/{number:03}.yaml" for number in range(130)]


def test_toml_is_read_only_where_there_is_some(cli: Cli) -> None:
    path = cli.write("w.yaml", WARNS)
    program = (
        "import sys; sys.argv = ['sagactl', 'lint', 'w.yaml']\n"
        "from sagactl.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('tomllib' in sys.modules, 'multiprocessing' in sys.modules)"
    )

    def imported() -> str:
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=path.parent, env=cli.environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.splitlines()[-1]

    assert imported() == "False False"
    cli.write("sagactl.toml", "")
    assert imported() == "True False"


# pre-commit


# An undo that was lost: lint says so as a warning, a rehearsal tells what becomes of it.
CARELESS = """\
saga: s
services: {shop: {url: "${{ env.SHOP_URL }}"}}
steps:
  - {name: a, service: shop, action: "PUT /things/${{ saga.id }}"}
  - {name: b, service: shop, compensation: none, action: "PUT /others/${{ saga.id }}"}
"""


@pytest.mark.parametrize(
    ("verb", "wrong", "said"),
    [
        ("lint", SLIP, "sagas/s.yaml:3:15: error"),
        ("test", CARELESS, 'the saga ends failed, and "a" stands: nothing undoes it'),
    ],
)
def test_the_hooks_of_pre_commit_are_valid_and_find_mistakes(
    cli: Cli, verb: str, wrong: str, said: str
) -> None:
    program = [sys.executable, "-m", "pre_commit"]
    manifest = ROOT / ".pre-commit-hooks.yaml"
    subprocess.run([*program, "validate-manifest", manifest], check=True)
    hooks = {hook["id"]: hook for hook in yaml.safe_load(manifest.read_text())}
    assert list(hooks) == ["sagactl-lint", "sagactl-test"]
    hook = hooks[f"sagactl-{verb}"]
    assert hook["entry"] == f"sagactl {verb}"
    # Installed already, as far as this test goes: a hook's own environment needs a network.
    hook |= {"language": "system", "entry": f"{sys.executable} -m sagactl {verb}"}
    cli.write(
        ".pre-commit-config.yaml", json.dumps({"repos": [{"repo": "local", "hooks": [hook]}]})
    )
    cli.write("sagas/s.yaml", wrong)
    cli.write("other.yaml", "kind: Deployment\n")
    environment = {**cli.environment, "PRE_COMMIT_HOME": str(cli.folder / ".cache")}
    kept = {k: v for k, v in environment.items() if not k.startswith("GIT_")}

    def run(*command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, cwd=cli.folder, env=kept, capture_output=True, text=True, check=False
        )

    assert run("git", "init", "-q").returncode == 0
    assert run("git", "add", ".pre-commit-config.yaml", "sagas", "other.yaml").returncode == 0
    told = run(*program, "run", "--all-files")
    assert told.returncode == 1, told
    assert said in told.stdout
    cli.write("sagas/s.yaml", CLEAN)
    run("git", "add", "sagas")
    assert run(*program, "run", "--all-files").returncode == 0


def test_the_definitions_we_ship_are_clean_in_every_format(cli: Cli) -> None:
    for form in ("text", "json", "sarif", "github", "gitlab", "junit"):
        assert cli("lint", "--strict", "--format", form, DEFINITIONS).status == 0


def test_a_closed_pipe_is_no_failure_of_ours(cli: Cli) -> None:
    cli.write("w.yaml", WARNS)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        cli.command("lint", "w.yaml"), cwd=cli.folder, env=cli.environment, stdout=write,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(write)
    assert "Traceback" not in done.stderr
