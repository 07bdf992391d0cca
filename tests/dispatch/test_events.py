"""Entries of a region's log, as readers decode them; that scripts write them so stands in test_transitions."""

import re

import msgspec
import pytest

from dispatch.events import ENTRY, Event, Type
from dispatch.scripts import FOLDER
from dispatch.state import new_state
from tests.conftest import City
from tests.dispatch.drafts import draft
from tests.dispatch.looking import redis, script

STATE = new_state("towing", draft(), 5) | {"version": "3"}
BODY = {"at": 7, "actor": "valet:v-1", "epoch": "2", "data": {"agent_id": "v-1"}, "state": STATE}
FIELDS = {
    b"n": b"12",
    b"type": b"assigned",
    b"order": b"01J",
    b"version": b"3",
    b"to": b"a.b,c:d",
    b"holder": b"v-1",
    b"was": b"",
    b"customer": b"c-1",
    b"desk": b"1",
    b"body": msgspec.msgpack.encode(BODY),
}


def _event(**changes: bytes) -> Event:
    return Event("nyc", FIELDS | {name.encode(): value for name, value in changes.items()})


def test_the_outer_fields_say_whom_it_concerns() -> None:
    event = _event()
    assert (event.region, event.n, event.type, event.order_id, event.version) == ("nyc", 12, Type.ASSIGNED, "01J", 3)
    assert (event.to, event.holder, event.was, event.customer, event.desk) == (("a.b", "c:d"), "v-1", "", "c-1", True)
    assert (_event(to=b"").to, _event(desk=b"").desk) == ((), False)


def test_a_type_that_only_a_newer_server_knows_is_read() -> None:
    event = _event(type=b"polished")
    assert (event.type, event.tells_all, event.order.version) == ("polished", False, 3)
    assert [_event(type=kind.encode()).tells_all for kind in ("assigned", "corrected")] == [True, False]


def test_the_body_holds_the_rest() -> None:
    event = _event()
    assert (event.at, event.actor, event.epoch, event.detail) == (7, "valet:v-1", 2, {"agent_id": "v-1"})
    assert (event.state, event.order.id, event.order.region, event.order.version) == (STATE, "01J", "nyc", 3)


def test_an_empty_table_of_lua_comes_as_a_list() -> None:
    assert _event(body=msgspec.msgpack.encode(BODY | {"data": []})).detail == {}


def test_a_reader_that_skips_an_entry_does_not_pay_for_its_body() -> None:
    assert _event(body=b"\xc1").holder == "v-1"
    with pytest.raises(msgspec.DecodeError):
        _ = _event(body=b"\xc1").order


@pytest.mark.parametrize("field", sorted(set(ENTRY) - {"before"}))
def test_each_field_is_needed(field: str) -> None:
    with pytest.raises(KeyError):
        Event("nyc", {name: value for name, value in FIELDS.items() if name != field.encode()})


def test_an_entry_of_an_older_server_does_not_say_what_came_before() -> None:
    assert (_event().before, _event(before=b"7-1").before) == ("", "7-1")


def test_scripts_name_no_event_that_readers_do_not_know() -> None:
    named = set()
    for path in FOLDER.iterdir():
        if path.name.endswith(".lua"):
            lua = path.read_text(encoding="utf-8")
            named |= set(re.findall(r"\bcommit\(\w+, '(\w+)'", lua)) | set(re.findall(r"\bsignal\('(\w+)'", lua))
            named |= set(re.findall(r"\bstart_round\(.*?, (?:true|false), '(\w+)'", lua))
            named |= set(re.findall(r"and '(\w+)' or '(\w+)', actor", lua)[0] if "actor, {step" in lua else ())
    assert named == set(Type) - {Type.ADOPTED}


async def test_scripts_write_the_fields_that_readers_need(city: City) -> None:
    await city.place()
    agent = await city.agent("v")
    await script(city, "depart", agent_id=agent.id)
    entries = await redis(city, "XRANGE", f"log:{{{city.region}}}", "-", "+")
    assert {tuple(sorted(flat[::2])) for _, flat in entries} == {tuple(sorted(name.encode() for name in ENTRY))}
