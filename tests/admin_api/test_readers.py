"""Whoever is shown an order with a voice note over HTTP has addresses of his own, in every answer that shows one."""

from collections.abc import Iterator
from typing import Any

from dispatch.clock import now_ms
from dispatch.order import Order
from tests.admin_api.conftest import House
from tests.dispatch.looking import policy
from tests.dispatch.voice.saying import listener, note

ROUNDS = [{"radius_m": 5000, "limit": 10, "seconds": 30}]


def views(answer: Any) -> Iterator[dict[str, Any]]:
    """Every order in it."""
    if isinstance(answer, dict):
        if "voice_notes" in answer:
            yield answer
        for inner in answer.values():
            yield from views(inner)
    elif isinstance(answer, list):
        for inner in answer:
            yield from views(inner)


def readers(house: House, answer: Any) -> list[str | None]:
    return [listener(house.dispatch, said) for order in views(answer) for said in order["voice_notes"]]


async def spoken(house: House, kind: str = "maintenance") -> Order:
    return await house.city.place(kind, notes=(note(at=now_ms(), kept_until_at=now_ms() + 60_000),))


async def test_whoever_sees_all(house: House) -> None:
    valet = await house.valet("v")
    order = await spoken(house)
    for asker, actor in ((house.dispatcher, "dispatcher:d-1"), (house.service, "service:backend")):
        assert readers(house, (await asker.get(f"/v1/orders/{order.id}")).json()) == [actor]
        listed = (await asker.get("/v1/orders", region=house.city.region)).json()
        assert readers(house, listed) == [actor]
    me = f"valet:{house.city.region}.v"
    assert readers(house, (await valet.post(f"/v1/orders/{order.id}/grab")).json()) == [me]
    assert readers(house, (await valet.get("/v1/jobs")).json()) == [me]
    assert readers(house, (await valet.get("/v1/orders")).json()) == [me]
    body = {"fence": 1, "step": "en_route"}
    assert readers(house, (await valet.post(f"/v1/orders/{order.id}/progress", body)).json()) == [me]
    cancelled = await house.dispatcher.post(f"/v1/orders/{order.id}/cancel", {"reason": "no"})
    assert readers(house, cancelled.json()) == ["dispatcher:d-1"]


async def test_candidates_by_the_policy_of_the_kind(house: House) -> None:
    for listen, reader in (("before", f"valet:{house.city.region}.v"), ("after", None)):
        kind = await policy(house.city, listen, rounds=ROUNDS, hall_radius_m=5000, listen=listen)
        valet = await house.valet("v", skills=(kind,))
        order = await spoken(house, kind)
        for path in (f"/v1/orders/{order.id}", "/v1/hall"):
            assert readers(house, (await valet.get(path)).json()) == [reader], (listen, path)


async def test_an_edit_keeps_the_notes(house: House) -> None:
    order = await spoken(house)
    edited = await house.dispatcher.ask("PATCH", f"/v1/orders/{order.id}", json={"bonus_fen": 500})
    assert readers(house, edited.json()) == ["dispatcher:d-1"]
