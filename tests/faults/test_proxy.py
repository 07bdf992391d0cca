"""The proxy against a real upstream that echoes, or talks without end."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from random import Random

import pytest

from tests.faults.proxy import RECEIVE_BUFFER_BYTES, Proxy, close

WITHIN_SECONDS = 30.0
NOT_YET_SECONDS = 0.3
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Upstream:
    """Echoes, and keeps what it heard; `flood` makes it send for ever instead."""

    def __init__(self) -> None:
        self.heard = b""
        self.sent = 0
        self.flood = False
        self.ended = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def start(self) -> tuple[str, int]:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        address: tuple[str, int] = self._server.sockets[0].getsockname()
        return address

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(65536):
                self.heard += piece
                await self._reply(writer, piece)
        self.ended.set()
        writer.close()

    async def _reply(self, writer: asyncio.StreamWriter, piece: bytes) -> None:
        while True:
            writer.write(b"x" * 65536 if self.flood else piece)
            await writer.drain()
            self.sent += 65536 if self.flood else len(piece)
            if not self.flood:
                return


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    found = Upstream()
    yield found
    await found.close()


@pytest.fixture
async def proxy(upstream: Upstream) -> AsyncIterator[Proxy]:
    found = Proxy(await upstream.start())
    await found.start()
    yield found
    await found.close()
    assert found.open_connections == 0


class Client:
    def __init__(self, proxy: Proxy) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self._port = proxy.port
        self._loop = asyncio.get_running_loop()

    async def connect(self) -> "Client":
        await self._loop.sock_connect(self.socket, ("127.0.0.1", self._port))
        return self

    async def say(self, words: bytes) -> None:
        await self._loop.sock_sendall(self.socket, words)

    async def hear(self, count: int = 65536) -> bytes:
        return await asyncio.wait_for(self._loop.sock_recv(self.socket, count), WITHIN_SECONDS)

    async def hears_nothing(self) -> bool:
        """A short silence proves little when it passes, and a fault whenever it does not."""
        try:
            await asyncio.wait_for(self._loop.sock_recv(self.socket, 1), NOT_YET_SECONDS)
        except TimeoutError:
            return True
        return False

    async def talks(self, words: bytes = b"hello") -> bool:
        await self.say(words)
        return await self.hear() == words

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
async def client(proxy: Proxy) -> AsyncIterator[Client]:
    found = await Client(proxy).connect()
    yield found
    found.close()


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        while not true():  # noqa: ASYNC110 - the kernel and another task tell us nothing
            await asyncio.sleep(0.005)


async def test_it_carries_both_ways_and_passes_the_end_on(proxy: Proxy, upstream: Upstream, client: Client) -> None:
    assert await client.talks()
    client.socket.shutdown(socket.SHUT_WR)
    await asyncio.wait_for(upstream.ended.wait(), WITHIN_SECONDS)
    assert await client.hear() == b""
    await until(lambda: proxy.open_connections == 0)


async def test_a_delay_holds_each_way_up(proxy: Proxy, client: Client) -> None:
    assert await client.talks()
    proxy.delay(150)
    asked_at = asyncio.get_running_loop().time()
    assert await client.talks()
    assert asyncio.get_running_loop().time() - asked_at >= 0.3
    proxy.heal()
    assert await client.talks()


async def test_an_end_is_delayed_too(proxy: Proxy, upstream: Upstream, client: Client) -> None:
    assert await client.talks()
    proxy.delay(3_600_000)
    client.socket.shutdown(socket.SHUT_WR)
    assert await client.hears_nothing()
    assert not upstream.ended.is_set()
    proxy.heal()
    assert await client.hear() == b""


async def test_a_healed_delay_ends_at_once(proxy: Proxy, upstream: Upstream, client: Client) -> None:
    proxy.delay(3_600_000)
    await client.say(b"late")
    assert await client.hears_nothing()
    assert upstream.heard == b""
    proxy.heal()
    assert await client.hear() == b"late"


async def test_a_dropped_reply_took_effect_and_ends_the_connection(
    proxy: Proxy, upstream: Upstream, client: Client
) -> None:
    proxy.drop_replies(1.0, Random(1))
    await client.say(b"once")
    with pytest.raises(ConnectionResetError):
        await client.hear()
    assert (upstream.heard, proxy.dropped) == (b"once", 1)
    proxy.heal()
    again = await Client(proxy).connect()
    assert await again.talks()
    again.close()


async def test_a_share_of_the_replies_is_dropped(proxy: Proxy) -> None:
    proxy.drop_replies(0.5, Random(7))
    answered = 0
    for _ in range(40):
        one = await Client(proxy).connect()
        await one.say(b"?")
        with suppress(ConnectionResetError):
            answered += await one.hear() == b"?"
        one.close()
    assert answered == 40 - proxy.dropped
    assert 5 < answered < 35


async def test_a_cut_resets_all_that_is_open_and_nothing_else(proxy: Proxy, upstream: Upstream, client: Client) -> None:
    assert await client.talks()
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        await client.hear()
    await asyncio.wait_for(upstream.ended.wait(), WITHIN_SECONDS)
    other = await Client(proxy).connect()
    assert await other.talks()
    other.close()


async def test_a_cut_in_the_moment_of_arrival(proxy: Proxy, client: Client) -> None:
    while not proxy.accepted:  # noqa: ASYNC110 - see below
        await asyncio.sleep(0)  # so that no other turn of the loop lies between
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        await client.hear()
    await until(lambda: proxy.open_connections == 0)


async def test_who_is_refused_is_reset_until_it_is_over(proxy: Proxy, upstream: Upstream, client: Client) -> None:
    assert await client.talks()
    proxy.refuse(True)
    with pytest.raises(ConnectionResetError):
        await client.hear()
    newcomer = await Client(proxy).connect()
    with pytest.raises(ConnectionResetError):
        await newcomer.hear()
    newcomer.close()
    assert proxy.accepted == 1
    proxy.refuse(False)
    newcomer = await Client(proxy).connect()
    assert await newcomer.talks()
    newcomer.close()


async def test_half_open_swallows_and_closes_nothing(proxy: Proxy, upstream: Upstream, client: Client) -> None:
    assert await client.talks(b"before")
    proxy.half_open(True)
    await client.say(b"swallowed")
    newcomer = await Client(proxy).connect()
    await newcomer.say(b"unheard")
    assert await client.hears_nothing()
    assert await newcomer.hears_nothing()
    assert (upstream.heard, upstream.ended.is_set(), proxy.open_connections) == (b"before", False, 2)
    proxy.heal()
    for lossy in (client, newcomer):  # bytes are missing in their middle
        with pytest.raises(ConnectionResetError):
            await lossy.hear()
    newcomer.close()


async def test_an_end_does_not_come_through_a_half_open_link(proxy: Proxy, upstream: Upstream, client: Client) -> None:
    assert await client.talks()
    proxy.half_open(True)
    client.socket.shutdown(socket.SHUT_WR)
    assert await client.hears_nothing()
    assert not upstream.ended.is_set()
    proxy.heal()
    await asyncio.wait_for(upstream.ended.wait(), WITHIN_SECONDS)


async def test_nor_does_a_reset(proxy: Proxy, upstream: Upstream, client: Client) -> None:
    assert await client.talks()
    proxy.half_open(True)
    close(client.socket, orderly=False)
    other = await Client(proxy).connect()
    assert await other.hears_nothing()
    assert not upstream.ended.is_set()
    proxy.heal()
    await asyncio.wait_for(upstream.ended.wait(), WITHIN_SECONDS)
    other.close()


async def test_what_lost_nothing_lives_on_after_half_open(proxy: Proxy, client: Client) -> None:
    assert await client.talks()
    proxy.half_open(True)
    assert await client.hears_nothing()
    proxy.heal()
    assert await client.talks(b"still here")


async def test_a_stopped_reader_stops_the_sender(proxy: Proxy, upstream: Upstream, client: Client) -> None:
    upstream.flood = True
    proxy.slow_reader(0)
    await client.say(b"go")
    await until(lambda: upstream.heard)
    sent = -1
    while sent != upstream.sent:  # until the kernel's buffers are full
        sent = upstream.sent
        await asyncio.sleep(NOT_YET_SECONDS)
    assert await client.hears_nothing()
    proxy.heal()
    await client.hear()
    upstream.flood = False
    proxy.cut()


async def test_a_slow_reader_gets_everything_bit_by_bit(proxy: Proxy, client: Client) -> None:
    proxy.slow_reader(4 * RECEIVE_BUFFER_BYTES)
    words = bytes(range(256)) * 512
    asked_at = asyncio.get_running_loop().time()
    await client.say(words)
    heard = b""
    while len(heard) < len(words):
        heard += await client.hear()
    assert heard == words
    assert asyncio.get_running_loop().time() - asked_at >= 0.9 * len(words) / (4 * RECEIVE_BUFFER_BYTES)


async def test_only_every_second_reader_is_slow(proxy: Proxy, client: Client) -> None:
    assert await client.talks()
    proxy.slow_reader(0, every=2)
    fast = await Client(proxy).connect()
    assert await fast.talks()
    await client.say(b"first")  # it was reading when the fault came
    await client.hear()
    await client.say(b"second")
    assert await client.hears_nothing()
    proxy.heal()
    assert await client.hear() == b"second"
    fast.close()


async def test_without_an_upstream_the_client_is_reset() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        proxy = Proxy(nobody.getsockname())
        await proxy.start()
        client = await Client(proxy).connect()
        with pytest.raises(ConnectionResetError):
            await client.hear()
        client.close()
        await proxy.close()
