"""What is built and installed: the schema comes along, whichever way sagactl is installed."""

import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import DEFINITIONS, ROOT

IN_PACKAGE = "sagactl/definition/saga.schema.json"
TESTS_IN_PACKAGE = "sagactl/definition/saga-test.schema.json"
CHECK = """
import json, sys
from sagactl.definition import schema
from sagactl.definition.loader import load
from sagactl.source.place import Source
saga, problems = load(Source("order.yaml", open(sys.argv[1], encoding="utf-8").read()))
print(json.dumps([schema.__file__, schema.schema_text(), saga.name if saga else None]))
"""
WHOLE = (ROOT / "schema/saga.schema.json").read_text(encoding="utf-8")
WHOLE_OF_TESTS = (ROOT / "schema/saga-test.schema.json").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Workshop:
    """The sources, apart, so that nothing is built among them; and what builds them."""

    sources: Path
    backend: Path

    def build(self, kind: str, folder: Path, sources: Path | None = None) -> Path:
        """A wheel or an sdist."""
        program = f"import hatchling.build as b, sys; print(b.build_{kind}(sys.argv[1]))"
        done = subprocess.run(
            [sys.executable, "-c", program, str(folder)],
            cwd=sources or self.sources, env={"PYTHONPATH": str(self.backend)},
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return folder / done.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    backend = tmp_path_factory.mktemp("backend")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--target", str(backend), "hatchling>=1.27"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"the build backend cannot be installed: {done.stderr[-200:]}")
    sources = tmp_path_factory.mktemp("source") / "sagactl"
    unwanted = shutil.ignore_patterns(".git", ".*_cache", "__pycache__", ".hypothesis", ".sagactl")
    shutil.copytree(ROOT, sources, ignore=unwanted)
    return Workshop(sources, backend)


@pytest.fixture(scope="session")
def wheel(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return workshop.build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def sdist(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return workshop.build("sdist", tmp_path_factory.mktemp("sdist"))


def asked(path: Path, folder: Path) -> list[str]:
    """What the package at `path` says, run from elsewhere."""
    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(DEFINITIONS / "order.yaml")],
        cwd=folder, env={"PYTHONPATH": str(path)}, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def test_the_wheel_holds_the_schema_and_works(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(IN_PACKAGE).decode() == WHOLE
        assert archive.read(TESTS_IN_PACKAGE).decode() == WHOLE_OF_TESTS
        assert "sagactl/py.typed" in archive.namelist()
        archive.extractall(tmp_path / "installed")
    file, text, saga = asked(tmp_path / "installed", tmp_path)
    assert Path(file).is_relative_to(tmp_path)
    assert text == WHOLE
    assert saga == "order-fulfillment"


def test_the_sdist_holds_all_that_a_wheel_is_built_from(
    sdist: Path, workshop: Workshop, tmp_path: Path
) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (folder,) = (tmp_path / "unpacked").iterdir()
    assert (folder / "definitions/order.yaml").exists()
    with zipfile.ZipFile(workshop.build("wheel", tmp_path, folder)) as archive:
        assert archive.read(IN_PACKAGE).decode() == WHOLE


def test_a_checkout_works_as_an_editable_install_sees_it(tmp_path: Path) -> None:
    file, text, saga = asked(ROOT, tmp_path)
    assert Path(file) == ROOT / "sagactl/definition/schema.py"
    assert text == WHOLE
    assert saga == "order-fulfillment"
