"""The session against a real WebSocket server that follows a script: questions, answers and what is told."""

import asyncio

import pytest

from loadtest.wire import Codec, Message, Refused
from tests.loadtest.scenes import JOB, OFFER, SOON_ENOUGH, WELCOME, Line, playing, session


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


async def test_who_listened_says_so() -> None:
    async def scene(line: Line) -> None:
        await line.welcome()
        asked = await line.hear("heard")
        await line.say(type="ok", ref=asked.pop("ref"))
        assert asked == {"type": "heard", "order_id": "o1", "note_id": "n1"}
        await line.socket.wait_closed()

    async with playing(scene) as url, session(url) as live:
        await live.heard("o1", "n1")


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
