"""The session against a real WebSocket server that follows a script, one scene a connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from loadtest.client import Session, connect
from loadtest.wire import Codec, Disconnected, Ended, Message, Refused, decode, encode

SOON_ENOUGH = 5.0
WELCOME: Message = {
    "type": "welcome",
    "session_id": "s1",
    "server_at": 1,
    "heartbeat_seconds": 20,
    "more": [],
}
OFFER: Message = {"id": "o1", "kind": "towing", "status": "open", "version": 2, "round": 1}
JOB: Message = {"id": "o1", "status": "assigned", "version": 3, "assignment": {"agent_id": "v-1", "fence": 1}}


class Line:
    """The server's end of one connection, in messages."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.codec: Codec = "msgpack" if socket.subprotocol == "dispatch.v1.msgpack" else "json"

    async def hear(self, expected: str) -> Message:
        message = decode(await self.socket.recv())
        assert message["type"] == expected
        return message

    async def say(self, **message: Any) -> None:
        await self.socket.send(encode(message, self.codec))

    async def welcome(self, **lists: Any) -> Message:
        hello = await self.hear("hello")
        await self.say(**WELCOME, **lists)
        return hello


SceneOf = Callable[[Line], Awaitable[None]]


@asynccontextmanager
async def playing(*scenes: SceneOf) -> AsyncIterator[str]:
    """The URL of a server that plays one scene a connection. A scene that fails, fails the test."""
    left = list(scenes)
    failures: list[BaseException] = []

    async def handle(socket: ServerConnection) -> None:
        try:
            await left.pop(0)(Line(socket))
        except BaseException as exc:
            failures.append(exc)
            raise

    protocols = [Subprotocol("dispatch.v1.json"), Subprotocol("dispatch.v1.msgpack")]
    async with serve(handle, "127.0.0.1", 0, subprotocols=protocols, close_timeout=1) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}"
    assert failures == []
    assert left == []


def session(url: str, **options: Any) -> Session:
    return connect(url, "token", draw=lambda: 0.0, patience_seconds=SOON_ENOUGH, **options)


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_hello_then_the_answers_find_their_questions(codec: Codec) -> None:
    async def scene(line: Line) -> None:
        assert line.codec == codec
        assert line.socket.request is not None
        assert line.socket.request.headers["Authorization"] == "Bearer token"
        hello = await line.welcome(offers=[OFFER])
        assert hello == {"type": "hello", "position": {"lat": 40.7, "lon": -73.9}, "status": "paused"}
        first, second = await line.hear("grab"), await line.hear("ping")
        await line.say(type="pong", ref=second["ref"])
        await line.say(type="verdict", ref=first["ref"], order_id="o1", outcome="won", fence=1, job=JOB)
        await line.socket.wait_closed()

    async with (
        playing(scene) as url,
        session(url, codec=codec, position=(40.7, -73.9), status="paused") as live,
    ):
        verdict, _ = await asyncio.gather(live.grab("o1"), live.ping())
        assert (verdict["outcome"], verdict["fence"]) == ("won", 1)
        assert set(live.view.jobs) == {"o1"}


async def test_the_token_may_go_in_hello() -> None:
    async def scene(line: Line) -> None:
        assert line.socket.request is not None
        assert "Authorization" not in line.socket.request.headers
        assert (await line.welcome())["token"] == "token"
        await line.socket.wait_closed()

    async with playing(scene) as url, session(url, token_in_hello=True):
        pass


async def test_an_error_is_a_refusal() -> None:
    async def scene(line: Line) -> None:
        await line.welcome()
        asked = await line.hear("progress")
        await line.say(type="error", ref=asked["ref"], code="stale_fence", message="fence is 2", retryable=False)
        await line.socket.wait_closed()

    async with playing(scene) as url, session(url) as live:
        with pytest.raises(Refused) as told:
            await live.progress("o1", 1, "arrived")
        assert told.value.code == "stale_fence"


async def test_what_the_server_can_not_do_now_is_asked_again() -> None:
    async def scene(line: Line) -> None:
        await line.welcome(offers=[OFFER])
        for _ in range(2):
            asked = await line.hear("status")
            await line.say(type="error", ref=asked["ref"], code="unavailable", message="later", retryable=True)
        asked = await line.hear("status")
        await line.say(type="ok", ref=asked["ref"])
        asked = await line.hear("grab")
        await line.say(type="verdict", ref=asked["ref"], order_id="o1", outcome="refused", reason="unavailable")
        asked = await line.hear("grab")
        await line.say(type="verdict", ref=asked["ref"], order_id="o1", outcome="taken")
        await line.socket.wait_closed()

    async with playing(scene) as url, session(url) as live:
        await live.set_status("paused")
        assert (await live.grab("o1"))["outcome"] == "taken"


async def test_pending_is_waited_out() -> None:
    async def scene(line: Line) -> None:
        await line.welcome(offers=[OFFER])
        asked = await line.hear("grab")
        await line.say(type="verdict", ref=asked["ref"], order_id="o1", outcome="pending")
        await line.say(type="verdict", ref=asked["ref"], order_id="o1", outcome="taken")
        await line.socket.wait_closed()

    async with playing(scene) as url, session(url) as live:
        assert (await live.grab("o1"))["outcome"] == "taken"
        assert live.view.offers == {}


async def test_offers_come_as_told_and_not_when_retracted() -> None:
    async def scene(line: Line) -> None:
        await line.welcome(offers=[OFFER])
        await line.say(type="offer", order={**OFFER, "id": "o2"})
        await line.say(type="offer", order={**OFFER, "id": "o3"})
        await line.say(type="retract", order_id="o2", reason="taken")
        await line.say(type="offer", order={**OFFER, "id": "o4"})
        await line.socket.wait_closed()

    seen = []
    async with playing(scene) as url, session(url) as live:
        await live.until(lambda view: "o4" in view.offers, SOON_ENOUGH)
        async for offer in live.offers():
            seen.append(offer["id"])
            if offer["id"] == "o4":
                break
    assert seen == ["o1", "o3", "o4"]


async def test_offers_end_when_we_close() -> None:
    async def scene(line: Line) -> None:
        await line.welcome()
        await line.socket.wait_closed()

    async with playing(scene) as url:
        async with session(url) as live:
            listening = asyncio.create_task(anext(live.offers(), None))
            await asyncio.sleep(0)
        assert await listening is None


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


async def test_what_is_asked_once_is_not_repeated() -> None:
    async def scene(line: Line) -> None:
        await line.welcome(jobs=[JOB])
        asked = await line.hear("release")
        await line.say(type="error", ref=asked["ref"], code="unavailable", message="not now", retryable=True)
        await line.hear("ping")
        await line.socket.wait_closed()

    async with playing(scene) as url, session(url) as live:
        with pytest.raises(Refused, match="unavailable"):
            await live.ask_once({"type": "release", "order_id": "o1", "fence": 1, "reason": "no time"})
        with pytest.raises(TimeoutError):
            await live.ask_once({"type": "ping"}, seconds=0.05)


async def test_an_answer_that_comes_too_late_for_the_asker_still_counts() -> None:
    given_up = asyncio.Event()

    async def scene(line: Line) -> None:
        await line.welcome(offers=[OFFER])
        asked = await line.hear("decline")
        await given_up.wait()
        await line.say(type="ok", ref=asked["ref"])
        await line.socket.wait_closed()

    async with playing(scene) as url, session(url) as live:
        with pytest.raises(TimeoutError):
            await live.ask_once({"type": "decline", "order_id": "o1"}, seconds=0.05)
        assert "o1" in live.view.offers
        given_up.set()
        await live.until(lambda view: "o1" not in view.offers, SOON_ENOUGH)


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


async def test_what_comes_before_welcome_or_in_the_wrong_kind_of_frame_is_noted() -> None:
    async def scene(line: Line) -> None:
        await line.hear("hello")
        await line.say(type="offer", order=OFFER)
        line.codec = "msgpack"
        await line.say(**WELCOME)
        await line.socket.wait_closed()

    async with playing(scene) as url, session(url) as live:
        assert ["before welcome" in text or "wrong kind" in text for text in live.view.disorder] == [
            True,
            True,
        ]


async def test_every_message_is_shown_to_the_observer() -> None:
    async def scene(line: Line) -> None:
        await line.welcome()
        await line.say(type="weather", sunny=True)
        await line.say(type="offer", order=OFFER)
        await line.socket.wait_closed()

    heard: list[str] = []
    async with (
        playing(scene) as url,
        session(url, observe=lambda message, _: heard.append(message["type"])) as live,
    ):
        await live.until(lambda view: view.offers, SOON_ENOUGH)
    assert heard == ["welcome", "weather", "offer"]


async def test_a_fault_of_the_observer_is_not_lost() -> None:
    async def scene(line: Line) -> None:
        await line.welcome()
        await line.say(type="offer", order=OFFER)
        await line.socket.wait_closed()

    def observe(message: Message, frame: str | bytes) -> None:
        if message["type"] == "offer":
            raise KeyError("a bug of the observer")

    async with playing(scene) as url:
        with pytest.raises(KeyError, match="a bug"):
            async with session(url, observe=observe) as live:
                await live.until(lambda view: view.jobs, SOON_ENOUGH)


async def test_an_upgrade_refused_by_http_ends_it() -> None:
    async with serve(
        lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=lambda c, _: c.respond(403, "no")
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(Ended, match="4502"):
            async with session(f"ws://127.0.0.1:{port}"):
                pass
