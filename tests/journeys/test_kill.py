"""A server is killed while orders are in every status; the next one goes on where it was."""

import signal
from contextlib import AsyncExitStack
from pathlib import Path

from loadtest.audit import Staff, audit_server, audit_views
from loadtest.client import Session
from loadtest.rest import Http
from tests.journeys.cluster import CENTRE, SECRET, cluster, furnish, order, policy, valet

ROUNDS = ({"radius_m": 5000, "limit": 20, "seconds": 4}, {"radius_m": 9000, "limit": 20, "seconds": 4})


async def test_kill_minus_nine_and_a_new_start(tmp_path: Path) -> None:
    async with cluster(tmp_path) as city, AsyncExitStack() as stack:
        admin = await stack.enter_async_context(city.http("admin", "root"))
        backend = await stack.enter_async_context(city.http("service", "backend"))
        dispatcher = await stack.enter_async_context(city.http("dispatcher", "d-1"))
        await furnish(admin, policy(*ROUNDS))
        for name in ("busy", "idle"):
            await admin.put(f"/v1/agents/{name}", valet(capacity=10))
        busy = await stack.enter_async_context(city.session("valet", "busy", position=CENTRE))
        idle = await stack.enter_async_context(city.session("valet", "idle", position=CENTRE))
        desk = await stack.enter_async_context(city.session("dispatcher", "d-2"))
        ids = await _one_in_each_status(backend, dispatcher, busy)
        opened = (await backend.post("/v1/orders", order()))["id"]
        await idle.until(lambda view: opened in view.offers, 20)

        await city.servers[0].end(signal.SIGKILL)
        await city.servers[0].start()

        for session in (busy, idle, desk):
            await session.connected()
        held = {ids[status] for status in ("assigned", "en_route", "arrived", "working")}
        await busy.until(lambda view: set(view.jobs) == held, 30)
        await desk.until(lambda view: ids["escalated"] in view.desk, 30)
        await desk.until(lambda view: opened in view.desk, 30)  # its rounds went on and ended
        for status, order_id in ids.items():
            assert (await backend.get(f"/v1/orders/{order_id}"))["status"] == status
        anybody = await stack.enter_async_context(Http(city.servers[0].http_url))
        staff = Staff.of(anybody, SECRET)
        _, faults = await audit_server(staff)
        assert not faults
        views = {"busy": busy.view, "idle": idle.view}
        assert not await audit_views(staff, views, {"d-2": desk.view})


async def _one_in_each_status(backend: Http, dispatcher: Http, agent: Session) -> dict[str, str]:
    ids: dict[str, str] = {}
    steps = ("assigned", "en_route", "arrived", "working", "completed")
    for status in steps:
        order_id = (await backend.post("/v1/orders", order()))["id"]
        fence = await _grab(agent, order_id)
        if status != "assigned":
            await agent.progress(order_id, fence, status)
        ids[status] = order_id
    ids["cancelled"] = (await backend.post("/v1/orders", order()))["id"]
    await backend.post(f"/v1/orders/{ids['cancelled']}/cancel", {"reason": "changed his mind"})
    ids["escalated"] = (await backend.post("/v1/orders", order()))["id"]
    fence = await _grab(agent, ids["escalated"])
    await agent.progress(ids["escalated"], fence, "arrived")
    await agent.release(ids["escalated"], fence, "no tools")
    return ids


async def _grab(agent: Session, order_id: str) -> int:
    """The fence."""
    await agent.until(lambda view: order_id in view.offers, 20)
    verdict = await agent.grab(order_id)
    assert verdict["outcome"] == "won"
    return verdict["fence"]
