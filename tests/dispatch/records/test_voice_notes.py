"""Rows of audio: which are given to sweepers, to how many, and for how long."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from dispatch.assembly import Dispatch
from dispatch.order import Order
from dispatch.records import Database
from dispatch.records.voice_notes import SWEEPING_MS, Stored, VoiceNotes
from tests.conftest import SERVICE, City
from tests.dispatch.looking import rows
from tests.dispatch.voice.saying import note, stored

NOW = 1_000_000


@pytest.fixture
async def kept(dispatch: Dispatch) -> AsyncIterator[VoiceNotes]:
    """No other test's rows are taken here, and none of these there."""
    await rows(dispatch, "DELETE FROM voice_notes RETURNING id")
    yield dispatch.records.voice_notes
    await rows(dispatch, "DELETE FROM voice_notes RETURNING id")


async def _row(kept: VoiceNotes, order_id: str = "none", *, attached: bool = False, **changes: int) -> Stored:
    row = replace(stored(note(), order_id), **changes)
    await kept.add(row)
    if attached:
        await kept.attach(row.id)
    return replace(row, attached=attached)


async def _ended(city: City) -> Order:
    return await city.dispatch.desk.cancel(SERVICE, await city.place(), "x")


async def test_a_row_is_as_it_was_added(kept: VoiceNotes) -> None:
    row = await _row(kept)
    assert await kept.find(row.id) == row
    assert await kept.find("another") is None


async def test_loose_rows_are_taken_when_they_are_old(kept: VoiceNotes) -> None:
    old = await _row(kept, created_at=NOW - 2)
    await _row(kept, created_at=NOW - 1)
    await _row(kept, attached=True, created_at=NOW - 2)
    assert await kept.take_loose(NOW - 1, 9, NOW) == [old]


async def test_what_one_took_nobody_else_gets_for_a_while(kept: VoiceNotes) -> None:
    old = await _row(kept, created_at=0)
    assert await kept.take_loose(NOW, 9, NOW) == [old]
    assert await kept.take_loose(NOW, 9, NOW + SWEEPING_MS - 1) == []
    assert await kept.take_loose(NOW, 9, NOW + SWEEPING_MS) == [old]


async def test_many_who_take_at_once_share_them(kept: VoiceNotes, dispatch: Dispatch) -> None:
    """Each over connections of its own, as processes do."""
    wanted = {(await _row(kept, created_at=0)).id for _ in range(20)}
    databases = [Database(dispatch.records.database.url) for _ in range(4)]
    taking = [VoiceNotes(database).take_loose(NOW, 5, NOW) for database in databases for _ in range(2)]
    taken = [row.id for found in await asyncio.gather(*taking) for row in found]
    while more := await kept.take_loose(NOW, 5, NOW):
        taken += [row.id for row in more]
    assert len(taken) == 20
    assert set(taken) == wanted
    for database in databases:
        await database.close()


async def test_audio_outlives_its_time_until_its_order_has_ended(kept: VoiceNotes, city: City) -> None:
    ended, live = await _ended(city), await city.place()
    over = await _row(kept, ended.id, attached=True, kept_until_at=NOW)
    await _row(kept, ended.id, attached=True, kept_until_at=NOW + 1)
    await _row(kept, live.id, attached=True, kept_until_at=NOW)
    await _row(kept, ended.id, kept_until_at=NOW)
    assert await kept.take_outlived(9, NOW) == [over]


async def test_what_has_expired_is_not_taken_again(kept: VoiceNotes, city: City) -> None:
    over = await _row(kept, (await _ended(city)).id, attached=True, kept_until_at=NOW)
    await kept.expire(over.id, NOW)
    assert await kept.take_outlived(9, NOW) == []
    assert await kept.find(over.id) == replace(over, expired_at=NOW)


async def test_what_an_order_has_is_not_dropped(kept: VoiceNotes) -> None:
    loose, attached = await _row(kept), await _row(kept, attached=True)
    for row in (loose, attached):
        await kept.drop(row.id)
    assert (await kept.find(loose.id), await kept.find(attached.id)) == (None, attached)


async def test_the_key_of_addresses_is_the_same_for_all(dispatch: Dispatch) -> None:
    other = Database(dispatch.records.database.url)
    found = await VoiceNotes(other).link_key()
    assert found == await dispatch.records.voice_notes.link_key()
    assert len(found) == 32
    assert len(set(found)) > 1
    await other.close()
