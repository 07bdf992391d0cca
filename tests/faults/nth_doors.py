"""Scenarios at the two doors: `hello` through a hub on a socket, and HTTP with an idempotency key.

Knows nothing of how calls fail. Invariants: who was sent away comes again and is let in; what a client was told, from
his welcome on, is the truth once things are quiet; one key is one order, whatever its first request came to.
"""

from typing import Any

import httpx
import msgspec
from ulid import ULID

from admin_api.app import build_app
from tests.admin_api.conftest import House, problem
from tests.conftest import DISPATCHER
from tests.dispatch.looking import due_at as due_at_of
from tests.dispatch.looking import rows, script
from tests.faults.nth_trial import Trial, agree, stands
from tests.realtime.nodes import Client, Message, Node, known_sessions, node, token

START_OVER = 4003


# --- hello --------------------------------------------------------------------------------------------


async def hello(trial: Trial) -> None:
    """A valet with a job, and with an order that waits for him."""
    city, agent = trial.city, await trial.valet("v", enters=False)
    held, waiting = await trial.placed(), await trial.placed()
    await city.dispatch.desk.assign(DISPATCHER, held, agent.id, force=True)
    position = {"lat": city.centre.lat, "lon": city.centre.lon}
    async with node(trial.victim) as here:
        client = await _come(trial, here, token=token(agent.id, "valet"), position=position)
        assert await known_sessions(city, agent.id) == [client.welcome["session_id"]]
        offers, jobs = _lists([client.welcome, *await client.rest()])
        assert offers.keys() == {waiting.id}
        assert {job["id"]: job["version"] for job in jobs.values()} == {held.id: 3}
        assert (await client.grab(waiting))["outcome"] == "won"
        news = await trial.placed()
        assert (await client.hear("offer"))["order"]["id"] == news.id
        await here.settled(city)
        await client.quiet()
    await trial.settle()
    await agree(city, held.id, "placed", "opened", "assigned")
    await agree(city, waiting.id, "placed", "opened", "offered", "assigned")


async def hello_of_a_dispatcher(trial: Trial) -> None:
    """A holder is stalled, and PostgreSQL has not even heard that he holds: it has before that is shown."""
    city, agent, order = trial.city, await trial.valet("v"), await trial.placed()
    await script(city, "claim", order_id=order.id, agents=msgspec.msgpack.encode([agent.id]))
    await script(city, "stall", order_id=order.id, due_at=await due_at_of(city, order.id))
    async with node(trial.victim) as here:
        client = await _come(trial, here, token=token("d-1", "dispatcher", regions=[city.region]))
        shown = [message for message in [client.welcome, *await client.rest()] if "desk" in message][-1]
        assert [(each["id"], each["agent"]["id"]) for each in shown["desk"]] == [(order.id, agent.id)]
        found = await city.dispatch.records.orders.find(order.id)
        assert found is not None
        assert found.holder == agent.id
        await city.dispatch.desk.cancel(DISPATCHER, found, "no more")
        told = await client.hear("desk")
        assert (told["event"], told["order"]["id"]) == ("cancelled", order.id)
        await here.settled(city)
        await client.quiet()
    await trial.settle()
    await agree(city, order.id, "placed", "opened", "assigned", "stalled", "cancelled")


async def _come(trial: Trial, here: Node, **said: Any) -> Client:
    """Until he is welcomed, and all that was under way then is done."""

    async def ask() -> Client:
        client = await _welcomed(here, said)
        await here.settled(trial.city)
        return client

    client = await trial.strike(ask)
    assert client is not None
    return client


async def _welcomed(here: Node, said: dict[str, Any]) -> Client:
    """At most once he is told to come again."""
    for _ in range(2):
        client = await here.connect()
        await client.say("hello", **said)
        first = await client.next()
        if first["type"] == "welcome":
            client.welcome = first
            return client
        assert (first["type"], first["code"]) == ("bye", START_OVER), first
    raise AssertionError("he was sent away twice, for one fault")


def _lists(heard: list[Message]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Offers and jobs as a client has them by what it heard."""
    offers: dict[str, Any] = {}
    jobs: dict[str, Any] = {}
    for message in heard:
        match message["type"]:
            case "welcome" | "snapshot":
                offers = {each["id"]: each for each in message["offers"]}
                jobs = {each["id"]: each for each in message["jobs"]}
            case "offer":
                assert message["order"]["id"] not in offers, "told twice"
                offers[message["order"]["id"]] = message["order"]
            case "retract":
                del offers[message["order_id"]]
            case "job":
                jobs[message["order"]["id"]] = message["order"]
            case "unjob":
                del jobs[message["order_id"]]
            case other:
                raise AssertionError(other)
    return offers, jobs


# --- HTTP ---------------------------------------------------------------------------------------------


async def post(trial: Trial) -> None:
    """A backend orders with a key, and asks until it has its 201."""
    city, customer, key = trial.city, f"c-{ULID()}", str(ULID())

    async def readiness() -> dict[str, str]:
        return {}

    transport = httpx.ASGITransport(app=build_app(trial.victim, console=None, readiness=readiness))
    async with httpx.AsyncClient(transport=transport, base_url="http://dispatch.test") as client:
        house = House(city, client)
        body = house.order_body(kind=trial.kind, customer={"id": customer})

        async def ask() -> httpx.Response:
            return await house.service.post("/v1/orders", body, key=key)

        first = await trial.strike(ask)
        assert first is not None
        if first.status_code == 201:
            await _stands(trial, first)
        else:
            assert problem(first, 503, "unavailable").retryable
        if not trial.hurried:
            await trial.settle()
        again = await ask()
        if again.status_code == 409:  # the first is taken for alive: half a minute passes
            assert problem(again, 409, "conflict").retryable
            await rows(city.dispatch, "UPDATE requests SET taken_until = 0 WHERE key = :key RETURNING key", key=key)
            again = await ask()
        await _stands(trial, again)
        last = await ask()
        assert (last.status_code, last.content) == (201, again.content)
    order_id = again.json()["id"]
    trial.orders.append(order_id)
    if first.status_code == 201:
        assert first.json()["id"] == order_id
    await trial.settle()
    await agree(city, order_id, "placed", "opened")
    made = await rows(city.dispatch, "SELECT id FROM orders WHERE customer_id = :customer", customer=customer)
    assert [row.id for row in made] == [order_id]


async def _stands(trial: Trial, answer: httpx.Response) -> None:
    """201, and PostgreSQL has it."""
    assert answer.status_code == 201, answer.text
    found = await trial.city.dispatch.records.orders.find(answer.json()["id"])
    assert found is not None, "the order that was answered is not in PostgreSQL"
    assert found.version >= answer.json()["version"]
    await stands(trial.city, found)
