"""The session against a server that goes away: when it comes back, and when it stays away."""

import asyncio
from contextlib import suppress

import pytest
from websockets.asyncio.server import serve

from loadtest.client import Session
from loadtest.wire import Disconnected, Ended, Message
from tests.loadtest.scenes import JOB, OFFER, SOON_ENOUGH, Line, SceneOf, playing, session


@pytest.mark.parametrize("code", [4000, 4001, 4499, 1011])
async def test_it_comes_back_and_the_new_welcome_is_the_truth(code: int) -> None:
    async def first(line: Line) -> None:
        await line.welcome(offers=[OFFER], jobs=[JOB])
        await line.socket.close(code)

    async def second(line: Line) -> None:
        await line.welcome(offers=[{**OFFER, "id": "o2"}])
        await line.socket.wait_closed()

    async with playing(first, second) as url, session(url) as live:
        await live.until(lambda view: set(view.offers) == {"o2"}, SOON_ENOUGH)
        assert live.view.jobs == {}
        assert [each.code for each in live.goodbyes] == [code]


async def test_it_goes_to_the_next_node_and_in_turn_comes_back() -> None:
    visits: list[str] = []

    def scene(node: str, stays: bool) -> SceneOf:
        async def play(line: Line) -> None:
            visits.append(node)
            await line.welcome()
            await (line.socket.wait_closed() if stays else line.socket.close(4000))

        return play

    async with (
        playing(scene("a", False), scene("a", True)) as url,
        playing(scene("b", False)) as other,
        session(url, others=[other]) as live,
    ):
        await live.until(lambda _: len(live.goodbyes) == 2 and live.is_connected, SOON_ENOUGH)
    assert visits == ["a", "b", "a"]


async def test_who_asks_again_and_again_does_not_keep_the_session_from_noticing_its_loss() -> None:
    """His questions failed without waiting, so nothing else ever ran: the loop had no end, and took all memory."""

    async def first(line: Line) -> None:
        await line.welcome(jobs=[JOB])
        await line.socket.wait_closed()

    async def second(line: Line) -> None:
        await line.welcome(jobs=[JOB])
        asked = await line.hear("progress")
        await line.say(type="ok", ref=asked["ref"])
        await line.socket.wait_closed()

    async with playing(first, second) as url, session(url) as live:
        live.drop()
        await asyncio.sleep(0)  # the connection is lost, and its listener has not run yet
        for _ in range(100):
            with suppress(Disconnected):
                await live.progress("o1", 1, "completed")
                break
        else:
            pytest.fail("asked a hundred times on a lost connection")


async def test_it_comes_back_when_it_is_told_to() -> None:
    pauses: list[float] = []

    async def first(line: Line) -> None:
        await line.welcome()
        await line.say(type="bye", code=4000, reason="draining", reconnect_after_ms=40)
        await line.socket.close(4000)

    async def second(line: Line) -> None:
        await line.welcome()
        await line.socket.wait_closed()

    class Watched(Session):
        def _pause_seconds(self, attempt: int) -> float:
            pauses.append(super()._pause_seconds(attempt))
            return pauses[-1]

    async with (
        playing(first, second) as url,
        Watched(url, "token", draw=lambda: 0.0, patience_seconds=SOON_ENOUGH) as live,
    ):
        await live.until(lambda _: len(live.goodbyes) == 1 and live.is_connected, SOON_ENOUGH)
    assert pauses[0] == 0.04


@pytest.mark.parametrize("code", [4500, 4503, 4504, 4509])
async def test_it_stays_away_when_told_so(code: int) -> None:
    async def scene(line: Line) -> None:
        await line.welcome()
        await line.socket.close(code, "no more")

    async with playing(scene) as url, session(url) as live:
        with pytest.raises(Ended) as told:
            await live.until(lambda view: view.offers, SOON_ENOUGH)
        assert (told.value.code, told.value.reason) == (code, "no more")
        with pytest.raises(Ended):
            await live.grab("o1")


async def test_a_refused_hello_fails_the_connecting() -> None:
    async def scene(line: Line) -> None:
        await line.hear("hello")
        await line.socket.close(4501, "token expired")

    async with playing(scene) as url:
        with pytest.raises(Ended, match="4501"):
            async with session(url):
                pass


async def test_a_grab_that_was_cut_off_is_asked_again() -> None:
    async def first(line: Line) -> None:
        await line.welcome(offers=[OFFER])
        await line.hear("grab")
        line.socket.transport.abort()

    async def second(line: Line) -> None:
        await line.welcome(jobs=[JOB])
        asked = await line.hear("grab")
        await line.say(type="verdict", ref=asked["ref"], order_id="o1", outcome="won", fence=1, job=JOB)
        await line.socket.wait_closed()

    async with playing(first, second) as url, session(url) as live:
        assert (await live.grab("o1"))["outcome"] == "won"


async def test_another_command_that_was_cut_off_says_so() -> None:
    async def first(line: Line) -> None:
        await line.welcome(jobs=[JOB])
        await line.hear("release")
        line.socket.transport.abort()

    async def second(line: Line) -> None:
        await line.welcome()
        await line.socket.wait_closed()

    async with playing(first, second) as url, session(url) as live:
        with pytest.raises(Disconnected):
            await live.release("o1", 1, "no time")
        await live.connected()
        assert live.view.jobs == {}


async def test_a_dropped_connection_comes_back_with_the_last_position_and_status() -> None:
    hellos: list[Message] = []

    async def first(line: Line) -> None:
        hellos.append(await line.welcome())
        await line.hear("position")
        asked = await line.hear("status")
        await line.say(type="ok", ref=asked["ref"])
        await line.socket.wait_closed()

    async def second(line: Line) -> None:
        hellos.append(await line.welcome())
        await line.socket.wait_closed()

    async with playing(first, second) as url, session(url, position=(40.0, -73.0)) as live:
        await live.move(41.0, -74.0)
        await live.set_status("paused")
        live.drop()
        await live.until(lambda _: len(hellos) == 2, SOON_ENOUGH)
    assert hellos[1]["position"] == {"lat": 41.0, "lon": -74.0}
    assert hellos[1]["status"] == "paused"


async def test_an_upgrade_refused_by_http_ends_it() -> None:
    async with serve(
        lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=lambda c, _: c.respond(403, "no")
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(Ended, match="4502"):
            async with session(f"ws://127.0.0.1:{port}"):
                pass
