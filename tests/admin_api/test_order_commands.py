"""Commands on one order, and who may give them."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from ulid import ULID

from dispatch import metrics
from tests.admin_api.conftest import Asker, House, problem

COMMANDS: dict[str, dict[str, Any]] = {
    "grab": {},
    "progress": {"fence": 1, "step": "en_route"},
    "release": {"fence": 1, "reason": "ill"},
    "assign": {"agent_id": "v"},
    "reopen": {},
    "close": {"outcome": "by phone"},
    "cancel": {"reason": "test"},
}
ALLOWED = {
    "grab": {"valet", "shop"},
    "progress": {"valet", "shop", "dispatcher"},
    "release": {"valet", "shop", "dispatcher"},
    "assign": {"dispatcher"},
    "reopen": {"dispatcher"},
    "close": {"dispatcher"},
    "cancel": {"customer", "dispatcher", "service"},
}
ROLES = ("valet", "shop", "customer", "dispatcher", "admin", "service")


# --- grab ---------------------------------------------------------------------------------------------


async def test_a_grab_is_won_and_won_again(house: House) -> None:
    valet = await house.valet("v")
    order = await house.placed()
    path = f"/v1/orders/{order['id']}/grab"
    verdict = (await valet.post(path)).json()
    assert (verdict["outcome"], verdict["fence"], verdict["order_id"]) == ("won", 1, order["id"])
    assert verdict["job"]["assignment"]["by"] == "grab"
    assert verdict["job"]["agent"]["id"] == valet.sub
    assert (await valet.post(path, {})).json() == verdict


async def test_the_second_hears_taken_and_it_is_counted(house: House) -> None:
    first, second = await house.valet("first"), await house.valet("second")
    order = await house.placed()
    path = f"/v1/orders/{order['id']}/grab"
    counted = metrics.VERDICTS.labels("taken")._value.get()
    await first.post(path)
    assert (await second.post(path)).json() == {"order_id": order["id"], "outcome": "taken"}
    assert metrics.VERDICTS.labels("taken")._value.get() == counted + 1


async def test_a_grab_of_what_was_never_offered_is_refused(house: House) -> None:
    order = await house.placed()
    far = await house.valet("far", 9000)
    for order_id in (order["id"], str(ULID())):
        verdict = (await far.post(f"/v1/orders/{order_id}/grab")).json()
        assert verdict == {"order_id": order_id, "outcome": "refused", "reason": "not_offered"}


async def test_a_grab_of_another_regions_order_is_refused(house: House) -> None:
    valet = await house.valet("v")
    place = {"lat": house.city.centre.lat + 0.2, "lon": house.city.centre.lon}
    order = await house.placed(place=place)
    assert order["region"] == "default"
    verdict = (await valet.post(f"/v1/orders/{order['id']}/grab")).json()
    assert (verdict["outcome"], verdict["reason"]) == ("refused", "not_offered")


async def test_a_grab_of_a_completed_order_is_gone(house: House) -> None:
    loser = await house.valet("loser")
    holder, job = await house.held("winner")
    await holder.post(f"/v1/orders/{job['id']}/progress", {"fence": 1, "step": "completed"})
    verdict = (await loser.post(f"/v1/orders/{job['id']}/grab")).json()
    assert verdict == {"order_id": job["id"], "outcome": "gone", "reason": "completed"}


async def test_an_agent_never_put_is_forbidden(house: House) -> None:
    order = await house.placed()
    problem(await house.asker("valet", "ghost").post(f"/v1/orders/{order['id']}/grab"), 403, "forbidden")


async def test_an_agents_token_must_be_of_his_role_and_region(house: House) -> None:
    valet, job = await house.held()
    for asker in (house.asker("shop", valet.sub), house.asker("valet", valet.sub, ["elsewhere"])):
        problem(await asker.get(f"/v1/orders/{job['id']}"), 403, "forbidden")


async def test_a_grab_that_postgresql_can_not_confirm_in_time_is_pending(house: House) -> None:
    valet = await house.valet("v")
    order = await house.placed()
    path = f"/v1/orders/{order['id']}/grab"
    async with house.dispatch.records.database.transaction() as connection:
        # `apply` shares this row: it has to wait, as for a database that does not answer.
        lock = text("SELECT 1 FROM epochs WHERE region = :region FOR UPDATE")
        await connection.execute(lock, {"region": house.city.region})
        pending = (await valet.post(path, key="pending")).json()
        assert pending == {"order_id": order["id"], "outcome": "pending"}
    verdict = (await valet.post(path, key="pending")).json()  # what was pending is not remembered
    assert (verdict["outcome"], verdict["fence"]) == ("won", 1)


# --- the job ------------------------------------------------------------------------------------------


async def test_the_holder_works_it_through(house: House) -> None:
    valet, job = await house.held()
    for step in ("en_route", "arrived", "working", "completed"):
        done = await valet.post(f"/v1/orders/{job['id']}/progress", {"fence": 1, "step": step, "at": 1_790_000_000_000})
        assert done.json()["status"] == step
    assert (await valet.get(f"/v1/orders/{job['id']}")).json()["status"] == "completed"


async def test_steps_are_skipped_forward_never_back(house: House) -> None:
    valet, job = await house.held()
    path = f"/v1/orders/{job['id']}/progress"
    assert (await valet.post(path, {"fence": 1, "step": "arrived"})).json()["status"] == "arrived"
    problem(await valet.post(path, {"fence": 1, "step": "en_route"}), 409, "conflict")
    problem(await valet.post(path, {"fence": 2, "step": "working"}), 409, "stale_fence")


async def test_a_dispatcher_acts_for_the_holder(house: House) -> None:
    _, job = await house.held()
    path = f"/v1/orders/{job['id']}"
    assert (await house.dispatcher.post(f"{path}/progress", {"fence": 1, "step": "en_route"})).status_code == 200
    released = (await house.dispatcher.post(f"{path}/release", {"fence": 1, "reason": "ill"})).json()
    assert (released["status"], released["agent"], released["reason"]) == ("open", None, "ill")


async def test_a_former_holder_hears_that_his_fence_is_stale(house: House) -> None:
    valet, job = await house.held()
    path = f"/v1/orders/{job['id']}"
    await valet.post(f"{path}/release", {"fence": 1, "reason": "ill"})
    problem(await valet.post(f"{path}/progress", {"fence": 1, "step": "en_route"}), 409, "conflict")
    other = await house.city.valet("other")
    await house.dispatcher.post(f"{path}/assign", {"agent_id": other.id})
    for command in ("progress", "release"):
        problem(await valet.post(f"{path}/{command}", COMMANDS[command]), 409, "stale_fence")


async def test_an_agent_who_has_nothing_to_do_with_it_learns_nothing(house: House) -> None:
    other = await house.valet("other", 9000)
    holder, job = await house.held()
    path = f"/v1/orders/{job['id']}"

    async def learns_nothing() -> None:
        for command in ("progress", "release"):
            problem(await other.post(f"{path}/{command}", COMMANDS[command]), 404, "not_found")

    await learns_nothing()
    await holder.post(f"{path}/progress", {"fence": 1, "step": "completed"})
    await learns_nothing()
    await house.dispatch.store.direct([("DEL", f"order:{{{house.city.region}}}:{job['id']}")])
    await learns_nothing()


# --- the desk's commands ------------------------------------------------------------------------------


async def test_a_dispatcher_assigns_and_reassigns(house: House) -> None:
    first, second = await house.city.agent("first"), await house.valet("second")
    order = await house.placed()
    path = f"/v1/orders/{order['id']}/assign"
    problem(await house.dispatcher.post(path, {"agent_id": first.id}), 409, "conflict")
    forced = (await house.dispatcher.post(path, {"agent_id": first.id, "force": True})).json()
    assert (forced["agent"]["id"], forced["assignment"]["by"], forced["assignment"]["fence"]) == (first.id, "desk", 1)
    assert forced["assignment"]["dispatcher_id"] == "d-1"
    again = (await house.dispatcher.post(path, {"agent_id": second.sub})).json()
    assert (again["agent"]["id"], again["assignment"]["fence"]) == (second.sub, 2)
    problem(await house.dispatcher.post(path, {"agent_id": "nobody"}), 422, "invalid", "agent_id")


async def test_force_never_overrides_suspension(house: House) -> None:
    agent = await house.city.agent("v", suspended=True)
    order = await house.placed()
    answer = await house.dispatcher.post(f"/v1/orders/{order['id']}/assign", {"agent_id": agent.id, "force": True})
    problem(answer, 409, "conflict")


async def test_an_escalated_order_is_reopened_with_rounds_and_a_bonus(house: House) -> None:
    order = await house.escalated()
    rounds = [{"radius_m": 500, "limit": 5, "seconds": 30}]
    path = f"/v1/orders/{order['id']}/reopen"
    reopened = (await house.dispatcher.post(path, {"rounds": rounds, "bonus_fen": 700})).json()
    assert (reopened["status"], reopened["round"], reopened["bonus_fen"]) == ("open", 1, 700)
    problem(await house.dispatcher.post(path), 409, "conflict")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"rounds": []}, "rounds"),
        ({"rounds": [{"radius_m": 0, "limit": 5, "seconds": 30}]}, "rounds[0].radius_m"),
        ({"rounds": [{"radius_m": 1, "limit": 5, "seconds": 0.5}]}, "rounds"),
        ({"bonus_fen": -1}, "bonus_fen"),
        ({"bonus": 1}, "bonus"),
    ],
)
async def test_a_faulty_reopening_is_named(house: House, body: dict[str, Any], path: str) -> None:
    order = await house.placed()
    problem(await house.dispatcher.post(f"/v1/orders/{order['id']}/reopen", body), 422, "invalid", path)


async def test_an_escalated_order_is_closed_by_phone(house: House) -> None:
    order = await house.escalated()
    path = f"/v1/orders/{order['id']}/close"
    closed = (await house.dispatcher.post(path, {"outcome": "found help himself"})).json()
    assert (closed["status"], closed["reason"]) == ("completed", "found help himself")


async def test_its_customer_cancels_before_working(house: House) -> None:
    valet, job = await house.held()
    path = f"/v1/orders/{job['id']}"
    problem(await house.asker("customer", "c-2").post(f"{path}/cancel", {"reason": "no"}), 404, "not_found")
    await valet.post(f"{path}/progress", {"fence": 1, "step": "working"})
    problem(await house.customer.post(f"{path}/cancel", {"reason": "no"}), 409, "conflict")
    cancelled = (await house.service.post(f"{path}/cancel", {"reason": "fraud"})).json()
    assert (cancelled["status"], cancelled["reason"], cancelled["agent"]) == ("cancelled", "fraud", None)


async def test_commands_on_unknown_orders_find_none(house: House) -> None:
    for command, body in COMMANDS.items():
        if command != "grab":
            problem(await house.dispatcher.post(f"/v1/orders/{ULID()}/{command}", body), 404, "not_found")
            problem(await house.dispatcher.post(f"/v1/orders/a%00b/{command}", body), 404, "not_found")


async def test_a_dispatcher_of_another_region_finds_none(house: House) -> None:
    _, job = await house.held()
    stranger = house.asker("dispatcher", "d-2", ["elsewhere"])
    for command in COMMANDS.keys() - {"grab"}:
        problem(await stranger.post(f"/v1/orders/{job['id']}/{command}", COMMANDS[command]), 404, "not_found")


@pytest.mark.parametrize("command", COMMANDS)
async def test_roles_that_may_never_give_a_command_are_forbidden(house: House, command: str) -> None:
    order = await house.placed()
    agents = {
        "valet": await house.valet("v"),
        "shop": house.asker("shop", (await house.city.agent("s", role="shop", home=house.city.at())).id),
    }
    for role in ROLES:
        if role not in ALLOWED[command]:
            asker: Asker = agents.get(role) or house.asker(role, f"{role}-1")
            answer = await asker.post(f"/v1/orders/{order['id']}/{command}", COMMANDS[command])
            problem(answer, 403, "forbidden")


@pytest.mark.parametrize(
    ("command", "body", "path"),
    [
        ("progress", {"step": "arrived"}, "fence"),
        ("progress", {"fence": 1}, "step"),
        ("progress", {"fence": 1, "step": "assigned"}, "step"),
        ("progress", {"fence": 0, "step": "arrived"}, "fence"),
        ("progress", {"fence": "1", "step": "arrived"}, "fence"),
        ("progress", {"fence": 1, "step": "arrived", "at": -1}, "at"),
        ("release", {"fence": 1}, "reason"),
        ("release", {"fence": 1, "reason": "x" * 501}, "reason"),
        ("release", {"fence": 1, "reason": "\0"}, "reason"),
        ("assign", {}, "agent_id"),
        ("assign", {"agent_id": "v", "force": "yes"}, "force"),
        ("close", {}, "outcome"),
        ("cancel", {"reason": None}, "reason"),
    ],
)
async def test_a_faulty_command_is_named(house: House, command: str, body: dict[str, Any], path: str) -> None:
    problem(await house.dispatcher.post(f"/v1/orders/{ULID()}/{command}", body), 422, "invalid", path)


async def test_twenty_grab_at_once_and_one_wins(house: House) -> None:
    valets = [await house.valet(f"v-{i}") for i in range(20)]
    order = await house.placed()
    answers = await asyncio.gather(*(valet.post(f"/v1/orders/{order['id']}/grab") for valet in valets))
    outcomes = sorted(answer.json()["outcome"] for answer in answers)
    assert outcomes == ["taken"] * 19 + ["won"]
