"""A publisher of keys: a real HTTP server on this machine, which can go away and come back, and the keys it serves."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import OKPAlgorithm

PATIENCE = 10.0


def pem(public: Any) -> bytes:
    written: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return written


def jwk(public: Ed25519PublicKey, kid: str | None = None, **more: Any) -> dict[str, Any]:
    entry = OKPAlgorithm.to_jwk(public, as_dict=True) | more
    return entry if kid is None else entry | {"kid": kid}


def signed(private: Ed25519PrivateKey, kid: str | None = None, **changes: Any) -> str:
    now = int(time.time())
    claims = {"sub": "v-1", "role": "valet", "aud": "valet-dispatch", "iat": now, "exp": now + 3600} | changes
    return jwt.encode(claims, private, algorithm="EdDSA", headers={} if kid is None else {"kid": kid})


class Publisher:
    """Serves `body` with `status` to whoever asks, and counts them."""

    def __init__(self) -> None:
        self.status = "200 OK"
        self.headers = ""
        self.body = b""
        self.trickles = False
        """A byte now and then, for ever."""
        self.asked_at: list[float] = []
        self.port = 0
        self._changed = asyncio.Condition()
        self._hold = asyncio.Event()
        self._hold.set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/keys"

    @property
    def asked(self) -> int:
        return len(self.asked_at)

    def publish(self, *keys: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": keys}).encode()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def go_away(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def hold(self) -> None:
        """Answer nobody until `go_on`."""
        self._hold.clear()

    def go_on(self) -> None:
        self._hold.set()

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: self.asked >= times)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        async with self._changed:
            self.asked_at.append(time.monotonic())
            self._changed.notify_all()
        body, status = self.body, self.status
        await self._hold.wait()
        length = "" if self.trickles else f"Content-Length: {len(body)}\r\n"
        head = f"HTTP/1.1 {status}\r\n{self.headers}{length}Connection: close\r\n\r\n"
        writer.write(head.encode() + body)
        try:
            await writer.drain()
            while self.trickles:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            pass  # it had read enough
        finally:
            writer.close()


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    async with publishing() as found:
        yield found


@asynccontextmanager
async def publishing() -> AsyncIterator[Publisher]:
    found = Publisher()
    await found.start()
    try:
        yield found
    finally:
        found.go_on()
        await found.go_away()
