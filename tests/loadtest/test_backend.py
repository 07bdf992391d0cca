"""What may be answered to an order: 201 inside, 422 `place` outside; everything else is noted."""

import httpx
import pytest
from shapely.geometry import box

from loadtest import backend as module
from loadtest.backend import Backend
from loadtest.demand import Area, Pickup
from loadtest.ledger import Ledger
from loadtest.rest import Http
from tests.loadtest.network import Answer, Scripted, refused

AREA = Area(box(-74.0, 40.0, -73.0, 41.0))
INSIDE, OUTSIDE = Pickup(1, 0, 40.5, -73.5), Pickup(2, 0, 42.0, -73.5)


@pytest.fixture(autouse=True)
def no_whims(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPEATS", 0)
    monkeypatch.setattr(module, "CANCELS", 0)


def created(order_id: str, version: int = 1) -> httpx.Response:
    return httpx.Response(201, json={"id": order_id, "version": version, "status": "open"})


async def posted(pickups: list[Pickup], *answers: Answer) -> tuple[Ledger, Scripted]:
    ledger, transport = Ledger(), Scripted(*answers)
    async with Http("http://server", transport=transport, draw=lambda: 1.0, patience_seconds=0) as http:
        await Backend(http, AREA, ledger, seed=1, run="r").post_all(pickups, [0.0] * len(pickups))
    return ledger, transport


async def test_orders_inside_are_taken_down() -> None:
    ledger, _ = await posted([INSIDE, Pickup(3, 0, 40.6, -73.5)], created("o1", 3), created("o2"))
    assert (len(ledger.posted), ledger.told.acknowledged, ledger.told.surprises) == (
        2,
        {"o1": 3, "o2": 1},
        [],
    )


async def test_an_order_outside_is_counted_as_such() -> None:
    ledger, _ = await posted([OUTSIDE], refused(422, "invalid", paths=["place"]))
    assert (ledger.outside, ledger.posted, ledger.told.surprises) == (1, set(), [])


@pytest.mark.parametrize(
    ("pickup", "answer"),
    [
        (INSIDE, refused(422, "invalid", paths=["place"])),
        (OUTSIDE, created("o1")),
        (OUTSIDE, refused(422, "invalid", paths=["customer"])),
        (INSIDE, refused(403, "forbidden")),
        (INSIDE, httpx.Response(503)),
        (INSIDE, httpx.ConnectError("away")),
    ],
)
async def test_anything_else_is_a_surprise(pickup: Pickup, answer: Answer) -> None:
    ledger, _ = await posted([pickup], answer)
    assert len(ledger.told.surprises) == 1


async def test_a_repeated_post_has_the_same_key_and_must_have_the_same_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "REPEATS", 1)
    good, transport = await posted([INSIDE], created("o1"), created("o1"))
    first, second = transport.asked
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert first.content == second.content
    assert (len(good.posted), good.told.surprises) == (1, [])
    bad, _ = await posted([INSIDE], created("o1"), created("o2"))
    assert "made o2 beside o1" in bad.told.surprises[0]


@pytest.mark.parametrize(("answer", "surprises"), [(refused(409, "conflict"), 0), (refused(404, "not_found"), 1)])
async def test_a_cancellation_may_come_too_late(answer: httpx.Response, surprises: int) -> None:
    ledger = Ledger()
    async with Http("http://server", transport=Scripted(answer)) as http:
        await Backend(http, AREA, ledger, seed=1, run="r").cancel("o1")
    assert ledger.acts == {"cancelled too late": 1}
    assert len(ledger.told.surprises) == surprises


async def test_who_asks_by_voice_is_heard() -> None:
    transport = Scripted(created("o1"), created("o1"))
    async with Http("http://server", transport=transport, draw=lambda: 1.0, patience_seconds=0) as http:
        backend = Backend(http, AREA, Ledger(), seed=1, run="r")
        for _ in range(2):
            await backend.post(INSIDE, "voice")
    first, second = transport.asked
    assert first.url.path == "/v1/voice-notes"
    assert b'name="audio"' in first.content
    assert b"RIFF" in first.content
    assert b'"kind":"voice"' in first.content
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
