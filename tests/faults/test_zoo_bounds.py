"""No reply takes more time than the deadline allows, or more memory than its limit accounts for."""

import asyncio
import json
import os
import sys
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from conftest import ROOT
from zoo import ANIMALS, Animal, Peer, Zoo, ok

CHILD = Path(__file__).parent.parent / "zoo_child.py"
DEADLINE_S = 2.0
MOST_LATE_S = 1.0
MOST_GROWN = 32 * 1024 * 1024
GIBIBYTE = 1024**3


def bomb() -> bytes:
    """A gibibyte of zeros in gzip, in one megabyte: the same compressed block again and again."""
    packer = zlib.compressobj(9, wbits=-15)
    size = 1024 * 1024
    block = packer.compress(bytes(size)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(GIBIBYTE // size):
        checksum = zlib.crc32(bytes(size), checksum)
    tail = checksum.to_bytes(4, "little") + (GIBIBYTE % 2**32).to_bytes(4, "little")
    return b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + block * (GIBIBYTE // size) + b"\x03\0" + tail


BOMB = bomb()


async def _a_byte_a_second(peer: Peer, text: bytes) -> None:
    for byte in text:
        await peer.say(bytes([byte]))
        await asyncio.sleep(1.0)


def canned(body: bytes, *headers: str) -> Animal:
    async def answers(peer: Peer) -> None:
        await peer.say(ok(body, *headers))

    return answers


async def slow_head(peer: Peer) -> None:
    await _a_byte_a_second(peer, ok())


async def slow_body(peer: Peer) -> None:
    await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    await _a_byte_a_second(peer, b" " * 1000)


async def slow_chunks(peer: Peer) -> None:
    await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    await _a_byte_a_second(peer, b"1\r\n \r\n" * 1000)


async def promises_a_petabyte(peer: Peer) -> None:
    await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n\r\n")
    while True:
        await peer.say(b"0" * 65_536)


async def tiny_chunks(peer: Peer) -> None:
    await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await peer.say((b"1;" + b"a" * 50 + b"\r\n0\r\n") * 1000)


async def interim_for_ever(peer: Peer) -> None:
    while True:
        await peer.say(b"HTTP/1.1 102 Processing\r\nX: " + b"a" * 1000 + b"\r\n\r\n")


MEBIBYTE = 1024 * 1024
GUESTS: dict[str, Animal] = {
    "bomb-of-a-gibibyte": canned(BOMB, "Content-Encoding: gzip"),
    "bomb-unnamed": canned(BOMB[: MEBIBYTE - 1]),
    "slow-head": slow_head,
    "slow-body": slow_body,
    "slow-chunks": slow_chunks,
    "promises-a-petabyte": promises_a_petabyte,
    "tiny-chunks": tiny_chunks,
    "interim-for-ever": interim_for_ever,
    "a-mebibyte-of-text": canned(b'"' + b"a" * (MEBIBYTE - 2) + b'"'),
    "a-mebibyte-of-brackets": canned(b"[" * MEBIBYTE),
    "a-mebibyte-of-lists": canned(b"[" + b"[]," * (MEBIBYTE // 3 - 2) + b"[]]"),
    "a-mebibyte-of-objects": canned(b"[" + b"{}," * (MEBIBYTE // 3 - 2) + b"{}]"),
    "a-mebibyte-of-fewer-objects": canned(b"[" + b'{"":0   },' * (MEBIBYTE // 10 - 2) + b"{}]"),
    "a-mebibyte-of-small-objects": canned(b"[" + b'{"":0},' * (MEBIBYTE // 7 - 2) + b"{}]"),
    "a-mebibyte-of-names": canned(
        b"{" + b",".join(b'"%x":0' % n for n in range(MEBIBYTE // 10)) + b"}"
    ),
    "a-mebibyte-of-numbers": canned(b"[" + b"1," * (MEBIBYTE // 2 - 2) + b"1]"),
    "a-mebibyte-of-a-number": canned(b"1" * MEBIBYTE),
}
MET = [
    *GUESTS, "big-header", "too-big-header", "many-headers", "many-small-headers", "endless-headers",
    "endless-line", "endless-interim", "endless-body", "endless-chunks", "endless-trailers", "silent",
]  # fmt: skip


async def met_by_a_child(animals: list[str]) -> AsyncIterator[dict[str, object]]:
    async with Zoo(guests=GUESTS) as zoo:
        urls = [zoo.url(name) for name in ("ok", *animals)]
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            str(CHILD),
            str(DEADLINE_S),
            *urls,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdout is not None
        async for line in child.stdout:
            yield json.loads(line)
        assert await child.wait() == 0


def test_the_bomb_is_one() -> None:
    assert len(BOMB) < 2 * MEBIBYTE
    unpacker = zlib.decompressobj(wbits=31)
    size, rest = 0, BOMB
    while rest:
        size += len(unpacker.decompress(rest, 1 << 24))
        rest = unpacker.unconsumed_tail
    assert (size, unpacker.eof) == (GIBIBYTE, True)


@pytest.fixture(scope="module")
def told() -> dict[str, dict[str, object]]:
    async def story(animals: list[str]) -> dict[str, dict[str, object]]:
        found = [one async for one in met_by_a_child(animals)]
        return dict(zip(animals, found, strict=True))

    told = asyncio.run(story(MET))
    for _ in range(2):
        # A machine at its limits makes everything late, but not the same one three times.
        late = [name for name, one in told.items() if one["late_s"] > MOST_LATE_S]  # type: ignore[operator]
        again = asyncio.run(story(late)) if late else {}
        told |= {name: {**told[name], "late_s": one["late_s"]} for name, one in again.items()}
    return told


@pytest.mark.parametrize("animal", MET)
def test_G9_no_reply_outlives_its_deadline_or_grows_the_process(
    animal: str, told: dict[str, dict[str, object]]
) -> None:
    assert animal in ANIMALS or animal in GUESTS
    assert told[animal]["late_s"] < MOST_LATE_S, told[animal]  # type: ignore[operator]
    # Counted from before the first of them: what one takes is not hidden by another.
    assert told[animal]["grown"] < MOST_GROWN, told[animal]  # type: ignore[operator]
