"""What a command costs, with everything that it starts: wall time, CPU, memory.

`run` has it done by a small process of its own, this file: the kernel counts the memory of whoever
starts a program as a peak of the program's, and hands over to that process whatever the command
leaves behind when it ends (a compaction), so that its CPU is counted too.
"""

import ctypes
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Cost:
    """Of one command: `cpu_s` and `peak_mb` include what it left running when it ended."""

    status: int
    wall_s: float
    cpu_s: float
    peak_mb: float


def run(command: Sequence[str], *, env: Mapping[str, str], stdout: Path | None = None) -> Cost:
    """Run a command to its end, and what it started too; its output goes to a file."""
    told = subprocess.run(
        [sys.executable, __file__, str(stdout or os.devnull), *command],
        env=env,
        check=True,
        stdout=subprocess.PIPE,
    )
    return Cost(**json.loads(told.stdout))


def _account(stdout: str, command: Sequence[str]) -> Cost:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with open(stdout, "wb") as out:
        began = time.perf_counter()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    cpu_s, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss
    left_peak = 0
    while True:
        try:
            _, _, usage = os.wait3(0)
        except ChildProcessError:
            return Cost(child.returncode, wall_s, cpu_s, (peak + left_peak) / 1024)
        cpu_s += usage.ru_utime + usage.ru_stime
        left_peak = max(left_peak, usage.ru_maxrss)


if __name__ == "__main__":
    print(json.dumps(asdict(_account(sys.argv[1], sys.argv[2:]))))
