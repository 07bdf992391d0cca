"""Every example of a client's message is said in a real session, as it stands but for the token and the order's id,
and is answered as the AsyncAPI document says.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from realtime import examples
from realtime.asyncapi import document
from tests.conftest import City
from tests.realtime.nodes import Client, node, spoken, token

SAID = [
    (kind, title, codec)
    for kind, shown in examples.CLIENT.items()
    if kind != "hello"
    for title in shown
    for codec in ("json", "msgpack")
]
_JOBS = ("heard", "progress", "release")


def answers(kind: str) -> set[str]:
    """By which the server says yes."""
    reply = document()["operations"][f"receive_{kind}"]["reply"]
    return {each["$ref"].rpartition("/")[2] for each in reply["messages"]} - {"error", "bye"}


@pytest.mark.parametrize(("kind", "title", "codec"), SAID, ids=" ".join)
async def test_an_example_is_accepted(city: City, kind: str, title: str, codec: str) -> None:
    example = examples.CLIENT[kind][title]
    async with node(city.dispatch) as here:
        client = await here.agent(city, await city.agent("v"), codec=codec)
        order, said = await spoken(city)
        await client.hear("offer")
        if kind in _JOBS:
            assert (await client.grab(order))["fence"] == example.get("fence", 1)
        await client.say(**_about(order.id, example, said.id))
        yes = answers(kind)
        if yes:
            answer = await client.hear(*yes)
            assert answer.get("ref") == example.get("ref")
            assert answer.get("outcome", "won") == "won"
        if follows := {"heard": "job", "progress": "job", "release": "unjob"}.get(kind):
            await client.hear(follows)
        assert await client.rest() == []


def _about(order_id: str, example: Mapping[str, Any], note_id: str = "") -> dict[str, Any]:
    real: dict[str, Any] = {"order_id": order_id, "order_ids": [order_id], "note_id": note_id}
    fields = {"kind" if name == "type" else name: value for name, value in example.items()}
    return fields | {name: real[name] for name in real.keys() & fields.keys()}


@pytest.mark.parametrize("codec", ["json", "msgpack"])
@pytest.mark.parametrize("title", examples.CLIENT["hello"])
async def test_an_example_of_hello_is_welcome(city: City, title: str, codec: str) -> None:
    example = examples.CLIENT["hello"][title]
    agent = await city.agent("v")
    said = token(agent.id, "valet")
    header = {} if "token" in example else {"additional_headers": {"Authorization": f"Bearer {said}"}}
    async with node(city.dispatch) as here:
        client: Client = await here.connect(codec, **header)
        await client.say(**_about("", {**example, **({"token": said} if "token" in example else {})}))
        assert answers("hello") == {"welcome"}
        assert (await client.hear("welcome"))["agent"]["id"] == agent.id
