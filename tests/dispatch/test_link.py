"""One connection: no reply is ever left for another caller."""

import asyncio
from typing import Any

import pytest
import uvloop
from redis.exceptions import ResponseError

from dispatch.errors import Unavailable
from dispatch.link import Command, Link
from server import embedded

ECHO: Command = ("ECHO", "mine")


async def _steps(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
async def link(services: embedded.Embedded) -> Any:
    found = Link(services.redis_url)
    await found.ready()
    yield found
    await found.close()


async def test_it_knows_who_is_at_the_other_end(link: Link) -> None:
    (info,) = await link.exchange([("INFO", "server")])
    assert f"run_id:{link.run_id}".encode() in info
    assert f"redis_version:{link.version}".encode() in info


async def test_replies_come_in_the_order_of_the_commands(link: Link) -> None:
    assert await link.exchange([("ECHO", i) for i in range(600)]) == [str(i).encode() for i in range(600)]


async def test_an_error_is_a_value_among_the_others(link: Link) -> None:
    first, error, last = await link.exchange([ECHO, ("NO-SUCH-COMMAND",), ECHO])
    assert (first, last) == (b"mine", b"mine")
    assert isinstance(error, ResponseError)


async def test_a_cancelled_caller_leaves_no_reply_behind(link: Link) -> None:
    """However far it had come: sent, half read, all read."""
    for count in range(30):
        await link.ready()
        others = asyncio.create_task(link.exchange([("ECHO", "another's")] * 20))
        await _steps(count)
        if others.done():
            break
        others.cancel()
        await asyncio.gather(others, return_exceptions=True)
        await link.ready()
        assert await link.exchange([ECHO]) == [b"mine"]
    else:
        pytest.fail("it was never through")


async def test_a_blocked_caller_who_gives_up_leaves_no_reply_behind(link: Link) -> None:
    blocked = asyncio.create_task(link.exchange([("BLPOP", "nothing", 4)]))
    await _steps(10)
    blocked.cancel()
    await asyncio.gather(blocked, return_exceptions=True)
    await link.ready()
    assert await link.exchange([ECHO]) == [b"mine"]


async def test_who_gives_up_while_it_connects_leaves_no_half_open_connection(services: embedded.Embedded) -> None:
    """At each step of the connecting, until it is through."""
    for count in range(200):
        link = Link(services.redis_url)
        connecting = asyncio.create_task(link.ready())
        await _steps(count)
        through = connecting.done()
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await link.ready()
        assert link.run_id
        assert await link.exchange([ECHO]) == [b"mine"]
        await link.close()
        if through:
            return
    pytest.fail("it was never through")


async def test_what_is_to_be_done_first_is_done_again_after_it_failed(services: embedded.Embedded) -> None:
    calls: list[Link] = []

    async def opened(link: Link) -> None:
        calls.append(link)
        if len(calls) == 1:
            raise Unavailable("not yet")

    link = Link(services.redis_url, opened)
    with pytest.raises(Unavailable, match="not yet"):
        await link.ready()
    await link.ready()
    await link.ready()
    assert calls == [link, link]
    await link.close()


async def test_a_connection_that_redis_ended_is_unavailable_once(link: Link, services: embedded.Embedded) -> None:
    (client,) = await link.exchange([("CLIENT", "ID")])
    other = Link(services.redis_url)
    await other.ready()
    await other.exchange([("CLIENT", "KILL", "ID", client)])
    await other.close()
    with pytest.raises(Unavailable):
        await link.exchange([ECHO])
    await link.ready()
    assert await link.exchange([ECHO]) == [b"mine"]


async def test_who_can_not_be_reached_is_unavailable_and_the_password_is_kept(services: embedded.Embedded) -> None:
    for url in ("redis://:hush@127.0.0.1:1/0", services.redis_url.replace("unix://", "unix://:hush@")):
        with pytest.raises(Unavailable) as unavailable:
            await Link(url).ready()
        assert "hush" not in unavailable.value.message


def test_a_connection_that_was_just_cut_is_no_fault_of_ours(services: embedded.Embedded) -> None:
    """The server runs on uvloop, which refuses to write on a closed transport with an error of its own."""

    async def cut_and_ask() -> None:
        link = Link(services.redis_url)
        await link.ready()
        writer = link._connection._writer
        assert writer is not None
        writer.transport.abort()
        with pytest.raises(Unavailable):
            await link.exchange([ECHO])
        await link.ready()
        assert await link.exchange([ECHO]) == [b"mine"]
        await link.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(cut_and_ask())
