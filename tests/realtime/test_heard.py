"""Voice notes on the stream: who is told of them, at whose address, and what is answered to who has heard one."""

import pytest
from ulid import ULID

from dispatch.order import Customer, Order
from dispatch.records.agents import Agent
from dispatch.voice.note import MOST_NOTES, Note, encode
from tests.conftest import City
from tests.dispatch.voice.saying import listener, note
from tests.realtime.nodes import Client, Message, Node, escalate, spoken, token


async def shop(city: City, here: Node, name: str) -> tuple[Agent, Client]:
    """Of a kind that candidates may listen to."""
    agent = await city.agent(name, role="shop", home=city.at(), skills=("voice",), capacity=9)
    return agent, await here.agent(city, agent)


async def add(city: City, order: Order, said: Note, by: str = "desk") -> None:
    about: dict[str, str] = {"by": by, "actor": said.by, "agent_id": ""}
    packed, run = encode(said), city.dispatch.transitions.run
    await run("note", order, "", unshared=packed, shared=packed, most=MOST_NOTES, **about)


def readers(city: City, order: Message) -> list[str | None]:
    return [listener(city.dispatch, said) for said in order["voice_notes"]]


async def timeline(city: City, order: Order) -> list[tuple[str, str]]:
    found = await city.dispatch.records.orders.timeline(order.id, 0, 100)
    return [(event.actor, event.data["note_id"]) for event in found if event.type == "heard"]


# ---- who hears of a note, and where


async def test_each_candidate_who_may_listen_has_an_address_of_his_own(city: City, here: Node) -> None:
    shops = [await shop(city, here, name) for name in ("a", "b", "c")]
    _, said = await spoken(city, "voice")
    for agent, client in shops:
        offer = await client.hear("offer")
        assert readers(city, offer["order"]) == [f"shop:{agent.id}"]
        assert [each["id"] for each in offer["order"]["voice_notes"]] == [said.id]
        assert offer["say"]["en"] == "New voice call for help, less than 500 metres away, 180 yuan."
        again = await here.agent(city, agent)
        (listed,) = again.welcome["offers"]
        assert readers(city, listed) == [f"shop:{agent.id}"]
        assert listed["say"] == offer["say"]


async def test_candidates_who_may_not_listen_see_that_there_is_a_note(city: City, here: Node) -> None:
    _, client = await here.valet(city, "v")
    await spoken(city)
    (said,) = (await client.hear("offer"))["order"]["voice_notes"]
    assert (said["url"], said["expired"], len(said["waveform"])) == (None, False, 64)


async def test_a_note_that_is_added_is_told_to_all_whom_the_order_concerns(city: City, here: Node) -> None:
    """While it is open: candidates and the customer; while it is held: the holder and the customer alone."""
    me = Customer(f"{city.region}.me")
    customer = await here.enter(me.id, "customer")
    (winner, first), (_, second) = await shop(city, here, "a"), await shop(city, here, "b")
    order, _ = await spoken(city, "voice", customer=me)
    await here.settled(city)
    for client in (customer, first, second):
        assert await client.rest()
    await add(city, order, note(by=f"customer:{me.id}"), "customer")
    assert readers(city, (await customer.hear("order"))["order"]) == [f"customer:{me.id}"] * 2
    assert readers(city, (await first.hear("offer"))["order"]) == [f"shop:{winner.id}"] * 2
    assert len((await second.hear("offer"))["order"]["voice_notes"]) == 2
    assert readers(city, (await first.grab(order))["job"]) == [f"shop:{winner.id}"] * 2
    await second.hear("retract")
    await customer.hear("order")
    await add(city, order, note(shared=False, by=f"shop:{winner.id}"), "agent")
    assert readers(city, (await first.hear("job"))["order"]) == [f"shop:{winner.id}"] * 3
    told = (await customer.hear("order"))["order"]
    assert readers(city, told) == [f"customer:{me.id}"] * 3
    assert [each["by"] for each in told["voice_notes"]] == ["customer", "customer", "agent"]
    await here.settled(city)
    for client in (first, second, customer):
        await client.quiet()


async def test_the_desk_hears_of_a_note_on_an_order_that_waits_there(city: City, here: Node) -> None:
    dispatcher = await here.dispatcher(city)
    order, _ = await spoken(city, "voice")
    await escalate(city, order)
    assert readers(city, (await dispatcher.hear("desk"))["order"]) == ["dispatcher:d-1"]
    await add(city, order, note())
    told = await dispatcher.hear("desk")
    assert (told["event"], readers(city, told["order"])) == ("changed", ["dispatcher:d-1"] * 2)
    again = await here.dispatcher(city)
    assert readers(city, again.welcome["desk"][0]) == ["dispatcher:d-1"] * 2


async def test_what_was_said_to_a_holder_is_not_for_later_candidates(city: City, here: Node) -> None:
    (_, first), (other, second) = await shop(city, here, "a"), await shop(city, here, "b")
    order, said = await spoken(city, "voice")
    for client in (first, second):
        await client.hear("offer")
    fence = (await first.grab(order))["fence"]
    await second.hear("retract")
    await add(city, order, note(shared=False))
    await first.hear("job")
    await first.ask("release", "ok", order_id=order.id, fence=fence, reason="too far")
    offer = (await second.hear("offer"))["order"]
    assert [each["id"] for each in offer["voice_notes"]] == [said.id]
    again = await here.agent(city, other)
    assert [each["id"] for each in again.welcome["offers"][0]["voice_notes"]] == [said.id]


# ---- who has heard one


async def test_a_holder_has_heard_it(city: City, here: Node) -> None:
    agent, client = await here.valet(city, "v")
    order, said = await spoken(city)
    await client.hear("offer")
    version = (await client.grab(order))["job"]["version"]
    await client.ask("heard", "ok", order_id=order.id, note_id=said.id)
    assert (await client.hear("job"))["order"]["version"] == version + 1, "after the answer"
    await client.ask("heard", "ok", order_id=order.id, note_id=said.id)
    await client.say("heard", order_id=order.id, note_id=said.id)
    await here.settled(city)
    await client.quiet()
    assert await timeline(city, order) == [(f"valet:{agent.id}", said.id)], "once, however often he listens"


async def test_without_a_ref_only_a_fault_is_answered(city: City, here: Node) -> None:
    _, client = await here.valet(city, "v")
    order, said = await spoken(city)
    await client.hear("offer")
    await client.grab(order)
    await client.say("heard", order_id=order.id, note_id=said.id)
    await client.hear("job")
    await client.say("heard", order_id=order.id, note_id=str(ULID()))
    error = await client.hear("error")
    assert (error["code"], "ref" in error) == ("not_found", False)
    await client.quiet()


async def test_candidates_who_may_listen_have_heard_it(city: City, here: Node) -> None:
    customer = await here.enter(f"{city.region}.me", "customer")
    shops = [await shop(city, here, name) for name in ("a", "b")]
    order, said = await spoken(city, "voice", customer=Customer(f"{city.region}.me"))
    await customer.hear("order")
    for _, client in shops:
        await client.hear("offer")
        await client.ask("heard", "ok", order_id=order.id, note_id=said.id)
        await customer.hear("order")
    await here.settled(city)
    for _, client in shops:
        await client.quiet()
    assert await timeline(city, order) == [(f"shop:{agent.id}", said.id) for agent, _ in shops]


async def test_a_dispatcher_has_heard_it(city: City, here: Node) -> None:
    dispatcher = await here.dispatcher(city)
    order, said = await spoken(city, "voice")
    await escalate(city, order)
    await dispatcher.hear("desk")
    await dispatcher.ask("heard", "ok", order_id=order.id, note_id=said.id)
    assert (await dispatcher.hear("desk"))["event"] == "changed"
    await here.settled(city)
    await dispatcher.quiet()
    assert await timeline(city, order) == [("dispatcher:d-1", said.id)]


async def test_who_has_nothing_to_do_with_it_finds_no_note(city: City, here: Node) -> None:
    """A candidate who may not listen, one who was not offered it, a dispatcher of another region; and no such note."""
    _, candidate = await here.valet(city, "v")
    _, stranger = await here.valet(city, "w", skills=("beauty",))
    elsewhere = await here.enter("d-2", "dispatcher", token=token("d-2", "dispatcher", regions=["elsewhere"]))
    order, said = await spoken(city)
    await candidate.hear("offer")
    for client in (candidate, stranger, elsewhere):
        error = await client.ask("heard", "error", order_id=order.id, note_id=said.id)
        assert (error["code"], error["retryable"]) == ("not_found", False)
    dispatcher = await here.dispatcher(city)
    for wrong in ({"order_id": str(ULID()), "note_id": said.id}, {"order_id": order.id, "note_id": str(ULID())}):
        assert (await dispatcher.ask("heard", "error", **wrong))["code"] == "not_found"
    assert await timeline(city, order) == []


@pytest.mark.parametrize("role", ["customer", "service", "admin"])
async def test_others_may_not_say_so(city: City, here: Node, role: str) -> None:
    order, said = await spoken(city, customer=Customer(f"{city.region}.me"))
    client = await here.enter(f"{city.region}.me", role)
    error = await client.ask("heard", "error", order_id=order.id, note_id=said.id)
    assert error["code"] == "forbidden"
