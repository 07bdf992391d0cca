"""Nobody grabs: three rounds, the desk, two dispatchers, one assigns by hand, the job is done."""

from contextlib import AsyncExitStack
from pathlib import Path

from tests.journeys.cluster import CENTRE, cluster, furnish, order, policy, valet

ROUNDS = (
    {"radius_m": 1000, "limit": 5, "seconds": 0.5},
    {"radius_m": 2000, "limit": 5, "seconds": 0.5, "bonus_fen": 500},
    {"radius_m": 9000, "limit": 5, "seconds": 0.5, "bonus_fen": 1500},
)


async def test_an_order_that_nobody_grabs_is_assigned_at_the_desk(tmp_path: Path) -> None:
    async with cluster(tmp_path, servers=2) as city, AsyncExitStack() as stack:
        admin = await stack.enter_async_context(city.http("admin", "root"))
        backend = await stack.enter_async_context(city.http("service", "backend"))
        dispatcher = await stack.enter_async_context(city.http("dispatcher", "d-1", server=1))
        await furnish(admin, policy(*ROUNDS))
        for name in ("near", "far"):
            await admin.put(f"/v1/agents/{name}", valet())
        near = await stack.enter_async_context(city.session("valet", "near", position=CENTRE))
        far_place = (CENTRE[0] + 0.04, CENTRE[1])
        far = await stack.enter_async_context(city.session("valet", "far", server=1, position=far_place))
        desks = [await stack.enter_async_context(city.session("dispatcher", f"d-{i}", server=i)) for i in range(2)]
        placed = await backend.post("/v1/orders", order())
        order_id = placed["id"]
        bonus = await near.until(
            lambda view: order_id in view.offers and view.offers[order_id]["bonus_fen"] == 1500, 20
        )
        assert bonus
        await far.until(lambda view: order_id in view.offers, 20)
        for desk in desks:
            shown = await desk.until(lambda view: view.desk.get(order_id), 20)
            assert shown is not None
            assert shown["status"] == "escalated"
            assert shown["customer"]["phone"] == "+8613812345678"
        await near.until(lambda view: order_id not in view.offers, 20)

        candidates = (await dispatcher.get(f"/v1/orders/{order_id}/candidates"))["items"]
        assert [(each["agent_id"], each["eligible"]) for each in candidates] == [("near", True), ("far", True)]
        assigned = await dispatcher.post(f"/v1/orders/{order_id}/assign", {"agent_id": "far"})
        assert assigned["assignment"]["by"] == "desk"
        job = await far.until(lambda view: view.jobs.get(order_id), 20)
        assert job is not None
        assert job["assignment"] is not None
        assert job["customer"]["phone"] == "+8613812345678"
        for desk in desks:
            await desk.until(lambda view: order_id not in view.desk, 20)
        for step in ("en_route", "arrived", "working", "completed"):
            await far.progress(order_id, job["assignment"]["fence"], step)
        await far.until(lambda view: order_id not in view.jobs, 20)

        timeline = (await dispatcher.get(f"/v1/orders/{order_id}/timeline"))["items"]
        assert [each["version"] for each in timeline] == list(range(1, len(timeline) + 1))
        assert [each["type"] for each in timeline] == [
            "placed", "opened", "widened", "widened", "escalated", "assigned",
            "progressed", "progressed", "progressed", "completed",
        ]  # fmt: skip
        for session in (near, far, *desks):
            assert not session.view.disorder
