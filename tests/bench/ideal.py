"""The ceiling: the saga of order.yaml hard-coded, with one journal and nothing else.

It does what a durable runner cannot do without: a record on the disk before the first request and
one after each reply, which is the intent of the next. It reads no definition, and could neither
resume nor list nor retry. With `--bare` it keeps no journal either: then the HTTP client is alone.

    python tests/bench/ideal.py URL --client raw|httpx|own --in-flight N --sagas N [--fails] [--bare]

prints one JSON line, after a warm-up of as many sagas as are in flight.
"""

import argparse
import asyncio
import json
import os
import resource
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from clients import CLIENTS, Client

STEPS = ("reserve", "charge", "ship", "notify")
ORDER = {"sku": "SKU-000042", "quantity": 3, "amount": 4200, "currency": "EUR"}


class Journal:
    """Appends records; those that come while one sync is under way share the next."""

    def __init__(self, path: Path, *, shares: bool) -> None:
        self._fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._shares = shares
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._syncing: asyncio.Task[None] | None = None

    async def append(self, **record: Any) -> None:
        line = json.dumps(record).encode() + b"\n"
        if not self._shares:
            self._keep(line)
            return
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append((line, kept))
        if self._syncing is None:
            self._syncing = asyncio.create_task(self._sync())
        await kept

    def close(self) -> None:
        os.close(self._fd)

    async def _sync(self) -> None:
        await asyncio.sleep(0)
        while self._waiting:
            group, self._waiting = self._waiting, []
            await asyncio.to_thread(self._keep, b"".join(line for line, _ in group))
            for _, kept in group:
                kept.set_result(None)
        self._syncing = None

    def _keep(self, lines: bytes) -> None:
        os.write(self._fd, lines)
        os.fdatasync(self._fd)


class NoJournal:
    async def append(self, **record: Any) -> None:
        pass

    def close(self) -> None:
        pass


async def saga(number: int, journal: Journal | NoJournal, client: Client, *, fails: bool) -> None:
    name = f"order-{number:08}"

    async def call(step: str, path: str) -> int:
        key = f"{name}:{step}:0123456789abcdef"
        body = json.dumps({"saga_id": name, "step": step, "order": ORDER, "key": key})
        status, result = await client.post(path, body)
        await journal.append(saga=name, step=step, path=path, status=status, result=result)
        return status

    await journal.append(saga=name, began=time.time())
    for position, step in enumerate(STEPS):
        is_refused = fails and step == STEPS[-1]
        if await call(step, "/refuse" if is_refused else f"/{step}") >= 400:
            for undone in reversed(STEPS[:position]):
                await call(undone, f"/undo/{undone}")
            return


async def drive(
    numbers: Iterable[int], journal: Journal | NoJournal, client: Client, options: Any
) -> None:
    """So many sagas at once, until all are through."""
    left = iter(numbers)

    async def work() -> None:
        for number in left:
            await saga(number, journal, client, fails=options.fails)

    await asyncio.gather(*(work() for _ in range(options.in_flight)))


async def measure(options: argparse.Namespace) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        client = await CLIENTS[options.client].open(options.url, options.in_flight)
        path = Path(folder) / "journal"
        journal = NoJournal() if options.bare else Journal(path, shares=options.in_flight > 1)
        await drive(range(options.in_flight), journal, client, options)
        began, cpu_began = time.perf_counter(), time.process_time()
        await drive(range(options.sagas), journal, client, options)
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
        await client.close()
        journal.close()
    return {
        "sagas_per_s": options.sagas / wall_s,
        "cpu_ms_per_saga": cpu_s / options.sagas * 1e3,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--client", choices=CLIENTS, default="raw")
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--sagas", type=int, default=1000)
    parser.add_argument("--fails", action="store_true", help="the last step is refused")
    parser.add_argument("--bare", action="store_true", help="without a journal")
    parser.add_argument("--folder", help="where the journal is written")
    print(json.dumps(asyncio.run(measure(parser.parse_args()))))


if __name__ == "__main__":
    main()
