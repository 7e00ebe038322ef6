"""The service that the benchmarks send to, as a process of its own: target.c, compiled."""

import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("target.c")


@dataclass(frozen=True)
class Target:
    url: str

    def posts(self) -> int:
        """How many POSTs it has answered."""
        with urllib.request.urlopen(f"{self.url}/count") as reply:
            return int(reply.read())


@contextmanager
def target() -> Iterator[Target]:
    """A fresh one, until the end of the block."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit("there is no C compiler to build the benchmarks' target with (cc)")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "target"
        subprocess.run([compiler, "-O2", "-o", program, SOURCE], check=True)
        server = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        try:
            yield Target(f"http://127.0.0.1:{int(server.stdout.readline())}")
        finally:
            server.kill()
            server.communicate()
