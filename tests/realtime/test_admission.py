"""Who may connect at all: the counts, and what one who is turned away sees on his socket."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from dispatch import metrics
from realtime.admission import MOST_TOLD, Admission, Room, Standing
from realtime.limits import Limit
from tests.conftest import City
from tests.realtime.nodes import node
from tests.realtime.stream import PATIENCE, House, listening, on_both_loops, raw_client, request_head

HOST = "192.0.2.1"
ROOMS = st.builds(Room, connections=st.integers(0, 4), strangers=st.integers(0, 3), of_one_address=st.integers(0, 3))
STEPS = st.lists(st.tuples(st.sampled_from(["come", "recognise", "go"]), st.integers(0, 9)), max_size=60)


def refused(why: str) -> float:
    value: float = metrics.REFUSED.labels(why)._value.get()
    return value


@given(ROOMS, STEPS)
def test_there_are_never_more_than_there_is_room_for(room: Room, steps: list[tuple[str, int]]) -> None:
    admission = Admission(room)
    here: list[tuple[Standing, str]] = []
    for step, number in steps:
        if step == "come":
            host = f"host-{number % 2}"
            here.append((admission.come(host, 0.0), host))
        elif here:
            standing, host = here.pop(number % len(here))
            if step == "go":
                admission.gone(standing, host)
            elif standing is Standing.STRANGER:
                admission.recognise()
                here.append((Standing.KNOWN, host))
            else:
                here.append((standing, host))
        admitted = [each for each in here if each[0] in (Standing.STRANGER, Standing.KNOWN)]
        strangers = [each for each in here if each[0] is Standing.STRANGER]
        for most, found in (
            (room.connections, len(admitted)),
            (room.strangers, len(strangers)),
            *((room.of_one_address, sum(each[1] == f"host-{i}" for each in admitted)) for i in range(2)),
        ):
            assert not most or found <= most
    for standing, host in here:
        admission.gone(standing, host)
    assert not admission._addresses
    assert admission.come(HOST, 0.0) is Standing.STRANGER, "nothing is left of those who went"


def test_new_ones_a_second() -> None:
    admission = Admission(Room(new=Limit(2, 3)))
    before = refused("new_connections")
    found = [admission.come(HOST, 100.0) for _ in range(5)]
    assert found == [Standing.STRANGER] * 3 + [Standing.TURNED_AWAY] * 2
    assert refused("new_connections") == before + 2
    assert [admission.come(HOST, 101.0) for _ in range(3)] == [Standing.STRANGER] * 2 + [Standing.TURNED_AWAY]


def test_only_so_many_are_told_at_a_time() -> None:
    admission = Admission(Room(connections=1))
    admission.come(HOST, 0.0)
    assert {admission.come(HOST, 0.0) for _ in range(MOST_TOLD)} == {Standing.TURNED_AWAY}
    assert admission.come(HOST, 0.0) is Standing.CUT
    admission.gone(Standing.TURNED_AWAY, HOST)
    assert admission.come(HOST, 0.0) is Standing.TURNED_AWAY


def test_they_are_not_all_told_to_come_again_at_the_same_time() -> None:
    admission = Admission(Room())
    waits = {admission.refusal().split(b"Retry-After: ")[1].split(b"\r\n")[0] for _ in range(100)}
    assert {int(wait) for wait in waits} == set(range(1, 11))


async def turned_away(house: House) -> None:
    with pytest.raises(InvalidStatus) as told:
        await connect(house.url)
    assert told.value.response.status_code == 503
    assert int(told.value.response.headers["Retry-After"]) >= 1


@on_both_loops
async def test_one_too_many_is_told_in_place_of_the_handshake() -> None:
    before = refused("connections")
    async with listening(room=Room(connections=1)) as house:
        async with connect(house.url) as client:
            await house.handler.next("opened")
            await turned_away(house)
            assert house.handler.silent
            await client.send('{"type":"ping","ref":"a"}')
            assert json.loads(await client.recv()) == {"type": "pong", "ref": "a"}
            await house.handler.next("received")
        await house.handler.next("lost")
        assert (house.listener.counters.refused, refused("connections")) == (1, before + 1)
        async with connect(house.url):
            await house.handler.next("opened")


@on_both_loops
async def test_a_stranger_takes_the_room_until_he_is_gone() -> None:
    async with listening(room=Room(strangers=1)) as house:
        async with connect(house.url):
            await house.handler.next("opened")
            await turned_away(house)
        await house.handler.next("lost")
        async with connect(house.url):
            await house.handler.next("opened")


@on_both_loops
async def test_who_comes_while_the_others_are_sent_away_is_turned_away() -> None:
    before = refused("draining")
    async with listening() as house, connect(house.url):
        await house.handler.next("opened")
        house.listener._board.admission.close()
        await turned_away(house)
        assert refused("draining") == before + 1


@on_both_loops
async def test_of_one_address() -> None:
    async with listening(room=Room(of_one_address=2)) as house, connect(house.url), connect(house.url):
        await turned_away(house)


@on_both_loops
async def test_who_is_turned_away_and_does_not_close_is_cut() -> None:
    async with (
        listening(room=Room(connections=1), close_seconds=0.05, hello_seconds=60) as house,
        connect(house.url),
        raw_client(house) as client,
    ):
        client.write(request_head() + b"more")
        assert "503" in await client.head()
        assert b"another node" in await client.rest()
        await house.handler.next("opened")
        client.write(b"and more")
        async with asyncio.timeout(PATIENCE):
            await house.listener.close_all()


@on_both_loops
async def test_who_is_turned_away_and_says_nothing_is_cut() -> None:
    room = Room(connections=1)
    async with listening(room=room, hello_seconds=0.5) as house, connect(house.url), raw_client(house) as client:
        assert await client.rest() == b""


@on_both_loops
async def test_more_than_can_be_told_are_cut_at_once() -> None:
    room = Room(connections=1)
    async with listening(room=room, hello_seconds=60) as house, connect(house.url):
        house.listener._board.admission._standings[Standing.TURNED_AWAY] = MOST_TOLD
        async with raw_client(house) as client:
            assert await client.rest() == b""
        house.listener._board.admission._standings[Standing.TURNED_AWAY] = 0


async def test_who_was_welcomed_is_no_stranger(city: City) -> None:
    async with node(city.dispatch, room=Room(strangers=1)) as here:
        await here.valet(city, "a")
        await here.valet(city, "b")
        waiting = await here.connect()
        with pytest.raises(InvalidStatus):
            await here.connect()
        await waiting.vanish()
        await here.until(lambda: here.hub.lost_count == 1)
        await here.valet(city, "c")
