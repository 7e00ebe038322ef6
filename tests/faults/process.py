"""The real program in trouble, and a service that makes the trouble while a call is under way.

The service is the sandbox on a socket, in a thread of the test's. It strikes between the effect of
a call and its reply: then the effect is done, and whoever called cannot know it yet.
"""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from conftest import Cli, Told
from rehearsal.play import Play, saga_of

from sagactl.rehearsal.ledger import EffectKind, PlayedCall

PATIENCE_S = 30.0

# Three steps at one service that honours keys; what is retried or undone does not keep a test waiting.
TRIP = """\
saga: trip
input:
  type: object
  required: [amount]
  properties:
    amount: {type: integer}
services:
  shop: {url: "${{ env.SHOP_URL }}", idempotency: key}
defaults:
  retry: {max_attempts: 4, initial_interval: 20ms, max_interval: 50ms}
  compensation:
    retry: {max_attempts: 4, initial_interval: 20ms, max_interval: 50ms}
timeout: 1h
steps:
  - name: reserve
    service: shop
    settle: 20ms
    action:
      request: PUT /reservations/${{ saga.id }}
      json: {amount: "${{ input.amount }}"}
    compensation: {request: "DELETE /reservations/${{ saga.id }}", success: [2xx, 404]}
  - name: charge
    service: shop
    settle: 20ms
    action:
      request: POST /charges
      json: {amount: "${{ input.amount }}", attempt: "${{ step.attempt }}", note: "${{ env.NOTE }}"}
      result: {charge_id: "${{ response.body.id }}"}
    compensation: POST /charges/${{ result.charge_id }}/refund
  - name: ship
    service: shop
    settle: 20ms
    action:
      request: PUT /shipments/${{ saga.id }}
      json: {charge_id: "${{ steps.charge.result.charge_id }}", amount: "${{ input.amount }}"}
    compensation: {request: "DELETE /shipments/${{ saga.id }}", success: [2xx, 404]}
"""
GIVEN = ("-i", "amount=4200")
ON_THE_WAY = ["reserve action", "charge action", "ship action"]
ROUND_TRIP = [*ON_THE_WAY, "charge compensation", "reserve compensation"]  # with ship=422

# The program under a wall clock that is off by as many seconds as a file says.
SHIFTED = """\
import sys, time
from pathlib import Path

shift, real = Path(sys.argv.pop(1)), time.time
time.time = lambda: real() + float(shift.read_text())
from sagactl.cli import main
main()
"""


class Service(Play):
    """The services of a definition; `strike` says what befalls the caller of a call."""

    def __init__(self, text: str = TRIP, faults: Sequence[str] = ()) -> None:
        super().__init__(saga_of(text), faults)
        self._strikes: list[tuple[str, Callable[[], object], threading.Event]] = []
        self._failures: list[Exception] = []
        self._caller: Future[int] = Future()
        self._started: list[subprocess.Popen[str]] = []

    @property
    def env(self) -> dict[str, str]:
        host, port = self.address
        return {
            f"{name.upper()}_URL": f"http://{host}:{port}/{name}" for name in self.saga.services
        }

    def strike(self, call: str, do: Callable[[], object]) -> threading.Event:
        """At the next call like `charge action`, once: after its effect, before its reply."""
        struck = threading.Event()
        self._strikes.append((call, do, struck))
        return struck

    def start(self, cli: Cli, *arguments: str | Path, **how: Any) -> "subprocess.Popen[str]":
        """The program as its caller, whom it can strike."""
        self._caller = Future()
        cli.env = {"NOTE": "first", **cli.env, **self.env}
        process = launch(cli, *arguments, **how)
        self._started.append(process)
        self._caller.set_result(process.pid)
        return process

    def kill(self) -> None:
        """SIGKILL, as an operator or the kernel short of memory sends it."""
        pid = self._caller.result(PATIENCE_S)
        os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):  # the test was quicker to wait for its end
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    def stop(self) -> None:
        """SIGSTOP; it stands still before the reply leaves."""
        stop(self._caller.result(PATIENCE_S))

    def interrupt(self) -> None:
        os.kill(self._caller.result(PATIENCE_S), signal.SIGINT)

    def limit(self, what: int, to: Callable[[int], int]) -> None:
        """From now on at most as much of a resource as `to` says of its process."""
        pid = self._caller.result(PATIENCE_S)
        _, hard = resource.prlimit(pid, what)
        resource.prlimit(pid, what, (to(pid), hard))

    @property
    def calls(self) -> list[str]:
        """Every call so far, as `charge action`."""
        return [named(call) for call in list(self.told)]

    @property
    def effects(self) -> list[str]:
        """Everything that was done or undone, in order; what came again is not done again."""
        done = (EffectKind.APPLIED, EffectKind.UNDONE)
        return [f"{call.step} {call.effect}" for call in list(self.told) if call.effect in done]

    @property
    def keys(self) -> set[str]:
        return {call.key for call in list(self.told) if call.key is not None}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._started:
            if process.poll() is None:  # stopped, or for ever at it: the test has failed
                process.kill()
                process.communicate()
        super().__exit__(kind, error, trace)
        if error is None:  # a fault that never happened proves nothing
            assert (self._strikes, self._failures) == ([], [])

    def _hear(self, call: PlayedCall) -> None:
        super()._hear(call)
        strike = next((strike for strike in self._strikes if strike[0] == named(call)), None)
        if strike is None:
            return
        self._strikes.remove(strike)
        try:
            strike[1]()
        except Exception as failure:
            self._failures.append(failure)
        strike[2].set()


def named(call: PlayedCall) -> str:
    return f"{call.step} {call.phase}"


def demand_one_request_per_key(service: Service) -> None:
    """A key came with the same bytes every time, and a call of a step with the same key."""
    seen: dict[str, set[tuple[str | None, str | None]]] = {}
    for call in service.told:
        seen.setdefault(named(call), set()).add((call.key, call.digest))
    assert {name: len(requests) for name, requests in seen.items()} == dict.fromkeys(seen, 1)
    assert len({key for requests in seen.values() for key, _ in requests}) == len(seen)


def demand_all_in_state(service: Service, cli: Cli, run_id: str) -> None:
    """Whatever the service was sent, the state knows of it."""
    if service.keys:
        history = cli("history", run_id, "-o", "json").json
        assert service.keys <= {event.get("key") for event in history}


def launch(
    cli: Cli,
    *arguments: str | Path,
    via: Sequence[str] = (),
    shift: Path | None = None,
    env: Mapping[str, str] | None = None,
    **streams: Any,
) -> "subprocess.Popen[str]":
    """The program in the background: by way of another command, under a clock that is off."""
    command = cli.command(*arguments)
    if shift is not None:
        command = [sys.executable, "-c", SHIFTED, str(shift), *map(str, arguments)]
    closed = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [*via, *command],
        cwd=cli.folder,
        env=cli.environment if env is None else dict(env),
        text=True,
        errors="replace",  # not every language that it is made to speak is ours
        **{**closed, **streams},
    )


def ended(process: "subprocess.Popen[str]") -> Told:
    """How it ended, and what it had said that nobody has read yet."""
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Told(process.returncode, out or "", err or "")


def await_line(process: "subprocess.Popen[str]", word: str) -> None:
    """Read what it says until a line has the word."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if word in line:
            return
    raise AssertionError(f"{word!r} was never said: {said}")


def stop(pid: int) -> None:
    """SIGSTOP a child, and wait until it stands still."""
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what only the passing of time brings about."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)
