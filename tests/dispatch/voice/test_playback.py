"""Who may listen now, what he is given, and the copy in MP3."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from dispatch.errors import Code, Refused
from dispatch.identity import Identity, Role
from dispatch.order import Order, Status
from dispatch.records.agents import Agent
from dispatch.voice.playback import MP3
from dispatch.voice.terms import VoiceTerms
from tests.conftest import DISPATCHER, SERVICE, City
from tests.dispatch.looking import escalated, policy
from tests.dispatch.voice.saying import SPEECH, Speaker, audio_in, notes_of
from tests.sounds import speech

CUSTOMER = Identity("c-1", Role.CUSTOMER, None, 2**53)


def _who(agent: Agent) -> Identity:
    return Identity(agent.id, Role(agent.role), None, 2**53)


async def _code(speaker: Speaker, who: Identity | None, reader: str, note_id: str) -> Code | None:
    """None: he may."""
    try:
        assert await speaker.hear(who, reader, note_id) == SPEECH
    except Refused as refused:
        return refused.code
    return None


async def _may(speaker: Speaker, who: Identity, order: Order, which: int = 0) -> bool:
    """With his token, and with a signed address alone."""
    note_id = order.voice_notes[which].id
    found = {await _code(speaker, each, who.actor, note_id) for each in (who, None)}
    assert found in ({None}, {Code.FORBIDDEN})
    return found == {None}


async def _kind(city: City, listen: str) -> str:
    return await policy(city, listen=listen)


async def _valet(city: City, name: str) -> Agent:
    return await city.valet(name, skills=("maintenance", f"{city.region}.kind"))


async def test_parties_of_the_order_listen_whatever_the_policy(speaker: Speaker) -> None:
    holder, other = await _valet(speaker.city, "v1"), await _valet(speaker.city, "v2")
    order = await speaker.place(kind=await _kind(speaker.city, "after"))
    assert not await _may(speaker, _who(holder), order)
    order = await speaker.city.dispatch.desk.assign(DISPATCHER, order, holder.id, force=True)
    order = await speaker.add(CUSTOMER, order)
    for which in (0, 1):
        for who in (CUSTOMER, DISPATCHER, SERVICE, Identity("a-1", Role.ADMIN, None, 2**53), _who(holder)):
            assert await _may(speaker, who, order, which), who
        for who in (Identity("c-2", Role.CUSTOMER, None, 2**53), _who(other)):
            assert not await _may(speaker, who, order, which), who
    order = await speaker.city.dispatch.jobs.progress(_who(holder), order, order.fence, Status.COMPLETED, None)
    assert await _may(speaker, _who(holder), order)
    assert not await _may(speaker, _who(other), order)


async def test_staff_of_another_region_do_not(speaker: Speaker) -> None:
    """As far as a token says; a signed address was given to him by whoever checked that."""
    order = await speaker.place()
    elsewhere = Identity("d-2", Role.DISPATCHER, frozenset({"elsewhere"}), 2**53)
    assert await _code(speaker, elsewhere, elsewhere.actor, order.voice_notes[0].id) is Code.FORBIDDEN


async def test_a_candidate_listens_while_his_offer_lives(speaker: Speaker) -> None:
    city = speaker.city
    first, second, third = [await _valet(city, name) for name in ("v1", "v2", "v3")]
    order = await speaker.place(kind=await _kind(city, "before"))
    assert all([await _may(speaker, _who(agent), order) for agent in (first, second, third)])
    await city.dispatch.people.decline(_who(second), city.region, order.id, "")
    assert not await _may(speaker, _who(second), order)
    await city.agent("v3", skills=third.skills, suspended=True)
    assert not await _may(speaker, _who(third), order)
    stranger = await city.valet("v4")
    assert not await _may(speaker, _who(stranger), order)
    await escalated(city, order)
    assert not await _may(speaker, _who(first), order)
    assert await _may(speaker, DISPATCHER, order)


async def test_an_offer_that_somebody_else_took_is_over(speaker: Speaker) -> None:
    city = speaker.city
    winner, loser = await _valet(city, "v1"), await _valet(city, "v2")
    order = await speaker.place(kind=await _kind(city, "before"))
    assert await _may(speaker, _who(loser), order)
    await city.dispatch.claims.grab(city.region, order.id, winner.id)
    assert not await _may(speaker, _who(loser), order)
    assert await _may(speaker, _who(winner), order)


async def test_what_was_said_to_a_holder_is_not_for_the_next_candidates(speaker: Speaker) -> None:
    city = speaker.city
    holder, other = await _valet(city, "v1"), await _valet(city, "v2")
    order = await speaker.place(kind=await _kind(city, "before"))
    order = await city.dispatch.desk.assign(DISPATCHER, order, holder.id, force=True)
    order = await speaker.add(_who(holder), order)
    order = await city.dispatch.jobs.release(_who(holder), order, order.fence, "x")
    assert await _may(speaker, _who(other), order)
    assert not await _may(speaker, _who(other), order, 1)
    assert not await _may(speaker, _who(holder), order), "he gave it back"


async def test_unknown_notes_and_nobody(speaker: Speaker) -> None:
    order = await speaker.place()
    assert await _code(speaker, SERVICE, SERVICE.actor, "unknown") is Code.NOT_FOUND
    for reader in ("", "nobody:x", "valet", ":"):
        assert await _code(speaker, None, reader, order.voice_notes[0].id) is Code.FORBIDDEN


async def test_what_is_given_is_what_was_said(speaker: Speaker) -> None:
    order = await speaker.place()
    (said,) = order.voice_notes
    audio = await speaker.notes.open(CUSTOMER, CUSTOMER.actor, said.id)
    assert (audio.mime, audio.size, audio.sha256) == (said.mime, said.bytes, said.sha256)
    assert audio.filename == f"voice-note-{said.id}.ogg"
    assert b"".join([piece async for piece in audio.read(100, 5000)]) == SPEECH[100:5000]


async def test_audio_that_somebody_removed_is_told_as_lost(speaker: Speaker) -> None:
    order = await speaker.place()
    (name,) = audio_in(speaker.folder)
    (speaker.folder / name).unlink()
    assert await _code(speaker, CUSTOMER, CUSTOMER.actor, order.voice_notes[0].id) is Code.NOT_FOUND


async def test_a_sweep_that_was_faster_is_told_as_such(speaker: Speaker) -> None:
    """Between the opening and the first piece."""
    order = await speaker.place(CUSTOMER)
    audio = await speaker.notes.open(CUSTOMER, CUSTOMER.actor, order.voice_notes[0].id)
    await speaker.city.dispatch.desk.cancel(SERVICE, order, "x")
    await speaker.notes.sweep(now=order.voice_notes[0].kept_until_at)
    with pytest.raises(Refused) as refused:
        await anext(audio.read(0, audio.size))
    assert (refused.value.code, refused.value.message) == (Code.NOT_FOUND, "the note has expired")


# --- as MP3 -----------------------------------------------------------------------------------------------


async def test_an_mp3_is_made_once_and_kept(speaker: Speaker) -> None:
    order = await speaker.place(speech=speech("ogg"))
    (said,) = order.voice_notes
    asking = (speaker.hear(CUSTOMER, CUSTOMER.actor, said.id, mp3=True) for _ in range(5))
    found = await asyncio.gather(*asking)
    assert len(set(found)) == 1
    (name,) = audio_in(speaker.folder) - {f"{said.id[:5]}/{said.id}"}
    kept = speaker.folder / name
    assert kept.read_bytes() == found[0]
    made_at = kept.stat().st_mtime_ns
    audio = await speaker.notes.open(CUSTOMER, CUSTOMER.actor, said.id, mp3=True)
    assert (audio.mime, audio.size, audio.filename) == (MP3, len(found[0]), f"voice-note-{said.id}.mp3")
    assert audio.sha256 not in (said.sha256, hashlib.sha256(SPEECH).hexdigest())
    assert kept.stat().st_mtime_ns == made_at


async def test_what_is_mp3_already_is_given_as_it_is(speaker: Speaker) -> None:
    content = speech("mp3")
    async with speaker.notes.spool() as spool:
        spool.write(content)
        recording = await speaker.notes.inspect(spool)
        order = await speaker.notes.place(
            CUSTOMER, "voice", speaker.draft(), spool, recording, region=None, order_id="mp3-already", request=""
        )
    assert await speaker.hear(CUSTOMER, CUSTOMER.actor, order.voice_notes[0].id, mp3=True) == content
    assert len(audio_in(speaker.folder)) == 1


async def test_without_ffmpeg_there_is_no_mp3(city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    speaker = Speaker(city, notes_of(city.dispatch, VoiceTerms(spool_dir=tmp_path / "voice-spool")))
    order = await speaker.place()
    (said,) = order.voice_notes
    with pytest.raises(Refused) as refused:
        await speaker.hear(CUSTOMER, CUSTOMER.actor, said.id, mp3=True)
    assert refused.value.code is Code.NOT_ACCEPTABLE
    assert await speaker.hear(CUSTOMER, CUSTOMER.actor, said.id) == SPEECH
    await speaker.notes.close()


async def test_what_can_not_be_made_into_mp3_keeps_nothing(speaker: Speaker) -> None:
    """`SPEECH` is none, and was not inspected."""
    order = await speaker.place()
    with pytest.raises(Refused):
        await speaker.hear(CUSTOMER, CUSTOMER.actor, order.voice_notes[0].id, mp3=True)
    assert len(audio_in(speaker.folder)) == 1
