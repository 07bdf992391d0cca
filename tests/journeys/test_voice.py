"""By voice, with real speech: called, heard nearby, grabbed, answered; and what the desk takes over.

Uploads and playback go to one process, the stream is another's, the engine a third: whatever one of them says of a
note holds in the others. Every byte that somebody received is searched for what was not his to know.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx
import pytest

from loadtest import voice
from loadtest.audit import Staff, audit_server
from loadtest.checks.privacy import leaks
from loadtest.wire import Note, Refused
from tests import sounds
from tests.journeys.cluster import SECRET
from tests.journeys.roadside import WAIT_S, Party, Roadside, roadside, signature

FORMS = (*sounds.FORMS, "recorder", "fragments")


@pytest.fixture(scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Roadside]:
    async with roadside(tmp_path_factory.mktemp("roadside")) as found:
        yield found


@pytest.mark.parametrize("form", FORMS)
async def test_called_by_voice_heard_nearby_grabbed_and_answered(here: Roadside, form: str) -> None:
    await here.set_policy(120)
    turn = FORMS.index(form)
    winner, *listeners = (here.shops[(turn + n) % len(here.shops)] for n in range(3))
    losers = [shop for shop in here.shops if shop is not winner]
    caller, customer = await here.calls()
    sound = sounds.speech(form)

    order_id = (await voice.place(customer.http, caller.order(), sound))["id"]
    notes = await _offered_to_all(here, order_id, sounds.ENCODINGS[form].mime, sound)
    for shop in (winner, *listeners):
        assert await shop.listen(order_id, notes[shop.sub]) == sound
    assert await _heard(here, order_id) == {shop.sub for shop in (winner, *listeners)}

    verdict = await winner.session.grab(order_id)
    assert verdict["outcome"] == "won"
    job = verdict["job"]
    assert job["customer"]["phone"] == caller.phone
    assert (job["place"]["lat"], job["place"]["lon"]) == (caller.lat, caller.lon)
    here.winners[caller] = winner
    for loser in losers:
        await _is_told_no_more(loser, order_id, notes[loser.sub])

    answer = await _answered(winner, "agent", customer, order_id, sounds.speech(FORMS[turn - 1], 1.0))
    for step in ("en_route", "arrived", "working", "completed"):
        await winner.session.progress(order_id, verdict["fence"], step)
    await customer.session.until(lambda view: order_id not in view.orders, WAIT_S)

    assert await _types(here, order_id) == [
        "placed", "opened", "heard", "heard", "heard", "assigned", "noted",
        "progressed", "progressed", "progressed", "completed",
    ]  # fmt: skip
    _only_winners_know(here)
    await _nothing_stays_behind(here, [*notes.values(), answer])


async def test_nobody_grabs_and_the_desk_hears_it_and_closes_it_by_phone(here: Roadside) -> None:
    await here.set_policy(1)
    caller, customer = await here.calls()
    sound = sounds.speech("amr")
    order_id = (await voice.place(customer.http, caller.order(), sound))["id"]
    shown = await here.desk.session.until(lambda view: view.desk.get(order_id), WAIT_S)
    assert shown is not None
    assert shown["status"] == "escalated"
    (note,) = shown["voice_notes"]

    await here.desk.http.post(f"/v1/desk/{order_id}/take_up")
    assert await here.desk.listen(order_id, note) == sound
    answer = await _answered(here.desk, "desk", customer, order_id, sounds.speech("webm", 1.0))
    closed = await here.desk.http.post(f"/v1/orders/{order_id}/close", {"outcome": "helped by phone"})
    assert (closed["status"], closed["reason"]) == ("completed", "helped by phone")
    await customer.session.until(lambda view: order_id not in view.orders, WAIT_S)
    await here.desk.session.until(lambda view: order_id not in view.desk, WAIT_S)

    types = await _types(here, order_id)
    assert types == ["placed", "opened", "escalated", "taken_up", "heard", "noted", "closed"]
    heard = (await _timeline(here, order_id))[types.index("heard")]
    assert (heard["actor"], heard["data"]) == ({"role": "dispatcher", "id": "d-1"}, {"note_id": note["id"]})
    for shop in here.shops:
        await shop.session.until(lambda view: order_id not in view.offers, WAIT_S)
    _only_winners_know(here)
    await _nothing_stays_behind(here, [note, answer])
    assert (await audit_server(Staff.of(here.admin, SECRET)))[1] == []


async def _offered_to_all(here: Roadside, order_id: str, mime: str, sound: bytes) -> dict[str, Note]:
    """The note as each shop was told of it."""
    notes = {shop.sub: await shop.offered(order_id) for shop in here.shops}
    for note in notes.values():
        assert (note["mime"], note["sha256"], note["by"]) == (mime, voice.sha256(sound), "customer")
        assert note["seconds"] == pytest.approx(2.0, abs=0.15)
    return notes


async def _answered(speaker: Party, by: str, customer: Party, order_id: str, sound: bytes) -> Note:
    """The second note of the order, as its customer is told of it and hears it."""
    await voice.add(speaker.http, order_id, sound)
    note = (await customer.shown(order_id, notes=2))["voice_notes"][1]
    assert note["by"] == by
    assert await voice.download(customer.http, note) == sound
    return note


async def _heard(here: Roadside, order_id: str) -> set[str]:
    """Who said that he listened, as the desk sees it while the order is open."""
    found = (await here.desk.http.get(f"/v1/orders/{order_id}/candidates"))["items"]
    return {each["agent_id"] for each in found if each["heard_at"] is not None}


async def _is_told_no_more(loser: Party, order_id: str, note: Note) -> None:
    """His offer is gone, and he asks in every way that an app has."""
    await loser.session.until(lambda view: order_id not in view.offers, WAIT_S)
    assert (await loser.session.grab(order_id))["outcome"] == "taken"
    for url in (str(note["url"]), f"{note['url']}&format=mp3", f"/v1/voice-notes/{note['id']}"):
        assert (await loser.http.fetch(url)).status_code == httpx.codes.FORBIDDEN
    for path in ("/v1/orders", "/v1/hall", "/v1/jobs"):
        assert (await loser.http.fetch(path)).status_code == httpx.codes.OK
    assert (await loser.http.fetch(f"/v1/orders/{order_id}")).status_code == httpx.codes.NOT_FOUND
    with pytest.raises(Refused, match="not_found"):
        await loser.session.heard(order_id, note["id"])
    with pytest.raises(Refused, match="not_found"):
        await voice.add(loser.http, order_id, sounds.speech("wav", 1.0))


def _only_winners_know(here: Roadside) -> None:
    """Of all calls so far."""
    for caller in here.callers:
        for shop in here.shops:
            found = caller.found_in(shop.received)
            if here.winners.get(caller) is shop:
                assert len(found) >= 7, "what the winner knows is found in each codec"
            else:
                assert found == [], f"{shop.sub} knows of {caller.id}"


async def _nothing_stays_behind(here: Roadside, notes: Iterable[Note]) -> None:
    """In logs, metrics and names of files: nothing private of any caller, and no key to a note."""
    left = await here.left_behind()
    assert leaks(left, [signature(note) for note in notes]) == []
    for caller in here.callers:
        assert caller.found_in(left) == []


async def _timeline(here: Roadside, order_id: str) -> list[dict[str, Any]]:
    return [each async for each in here.desk.http.pages(f"/v1/orders/{order_id}/timeline")]


async def _types(here: Roadside, order_id: str) -> list[str]:
    events = await _timeline(here, order_id)
    assert [each["version"] for each in events] == list(range(1, len(events) + 1))
    return [each["type"] for each in events]
