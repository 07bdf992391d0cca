"""Voice notes taken in, listened to and swept: what stands in the storage, in PostgreSQL and in the order."""

import asyncio
import hashlib
from pathlib import Path

import pytest
from ulid import ULID

from dispatch.clock import now_ms
from dispatch.errors import Code, Refused, Unavailable
from dispatch.identity import Identity, Role
from dispatch.order import Order, Status
from dispatch.records.voice_notes import Stored
from dispatch.voice.note import MOST_NOTES, encode
from dispatch.voice.terms import DAY_MS, VoiceTerms
from tests.conftest import DISPATCHER, SERVICE, City
from tests.dispatch.looking import log_of, rows, script
from tests.dispatch.voice.buckets import Bucket, bucket
from tests.dispatch.voice.saying import RECORDING, SPEECH, Speaker, audio_in, notes_of, stored
from tests.sounds import speech

CUSTOMER = Identity("c-1", Role.CUSTOMER, None, 2**53)


async def _rows(speaker: Speaker, order_id: str) -> list[Stored]:
    found = await rows(
        speaker.city.dispatch, "SELECT id FROM voice_notes WHERE order_id = :id ORDER BY id", id=order_id
    )
    kept = [await speaker.city.dispatch.records.voice_notes.find(row.id) for row in found]
    return [row for row in kept if row is not None]


# --- with an order ----------------------------------------------------------------------------------------


async def test_an_order_has_its_note_from_the_first_event_on(speaker: Speaker) -> None:
    before = now_ms()
    order = await speaker.place(CUSTOMER)
    (said,) = order.voice_notes
    assert (order.kind, order.status) == ("voice", Status.OPEN)
    assert (said.mime, said.seconds, said.bytes, said.by) == ("audio/ogg", 2.34, len(SPEECH), "customer:c-1")
    assert (said.sha256, said.peaks) == (hashlib.sha256(SPEECH).hexdigest(), list(RECORDING.waveform))
    assert said.shared
    assert before <= said.at <= now_ms()
    assert said.kept_until_at == said.at + 30 * DAY_MS
    assert all(event.order.voice_notes == (said,) for event in await log_of(speaker.city, order.id))
    (row,) = await _rows(speaker, order.id)
    assert (row.id, row.attached, row.seconds_ms) == (said.id, True, 2340)
    assert audio_in(speaker.folder) == {row.path}
    assert (speaker.folder / row.path).read_bytes() == SPEECH


async def test_nothing_stored_is_named_after_anybody(speaker: Speaker) -> None:
    order = await speaker.place(CUSTOMER)
    (name,) = audio_in(speaker.folder)
    assert order.id not in name
    assert order.customer.id not in name


async def test_a_note_for_a_later_day_is_kept_from_then(speaker: Speaker) -> None:
    later = now_ms() + 10 * DAY_MS
    order = await speaker.place(scheduled_at=later)
    assert order.voice_notes[0].kept_until_at == later + 30 * DAY_MS


async def test_what_is_refused_leaves_nothing(speaker: Speaker) -> None:
    order_id = str(ULID())
    with pytest.raises(Refused) as refused:
        await speaker.place(kind="unheard-of", order_id=order_id)
    assert refused.value.code is Code.INVALID
    assert await _rows(speaker, order_id) == []
    assert audio_in(speaker.folder) == set()


async def test_the_same_request_again_keeps_the_first_upload(speaker: Speaker) -> None:
    """The first answer was lost; the client sends all of it again under its key."""
    order_id = str(ULID())
    first = await speaker.place(order_id=order_id, request="k1")
    again = await speaker.place(order_id=order_id, request="k1")
    assert again.voice_notes == first.voice_notes
    assert [row.id for row in await _rows(speaker, order_id)] == [first.voice_notes[0].id]
    assert len(audio_in(speaker.folder)) == 1


async def test_two_at_once_under_one_key_are_one(speaker: Speaker) -> None:
    order_id = str(ULID())
    found = await asyncio.gather(*(speaker.place(order_id=order_id, request="k1") for _ in range(4)))
    order = await speaker.city.dispatch.records.orders.find(order_id)
    assert order is not None
    assert {each.voice_notes for each in found} == {order.voice_notes}
    assert [row.id for row in await _rows(speaker, order_id)] == [order.voice_notes[0].id]
    assert len(audio_in(speaker.folder)) == 1


async def test_who_goes_away_cuts_nothing_in_two(speaker: Speaker) -> None:
    """He is cancelled at every turn of the loop on the way: what stands is whole, or nothing."""
    for turns in range(0, 60, 6):
        order_id = str(ULID())
        placing = asyncio.create_task(speaker.place(order_id=order_id))
        for _ in range(turns):
            await asyncio.sleep(0)
        placing.cancel()
        await asyncio.gather(placing, return_exceptions=True)
        await _under_way_ends(speaker)
        order = await speaker.city.dispatch.records.orders.find(order_id)
        notes = order.voice_notes if order else ()
        assert [(row.id, row.attached) for row in await _rows(speaker, order_id)] == [(said.id, True) for said in notes]
        assert len(notes) == (1 if order else 0)


async def _under_way_ends(speaker: Speaker) -> None:
    if speaker.notes._under_way:
        await asyncio.wait(speaker.notes._under_way)


async def test_a_storage_that_is_away_leaves_no_order(speaker: Speaker, tmp_path: Path) -> None:
    (tmp_path / "voice").write_bytes(b"no folder")
    order_id = str(ULID())
    with pytest.raises(Unavailable):
        await speaker.place(order_id=order_id)
    assert await speaker.city.dispatch.records.orders.find(order_id) is None
    assert await _rows(speaker, order_id) == []
    (tmp_path / "voice").unlink()
    assert (await speaker.place(order_id=order_id)).voice_notes, "once it is back"


async def test_a_full_bucket_leaves_nothing(city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bucket() as far:
        far.full = True
        speaker, order_id = _with_bucket(city, tmp_path, monkeypatch, far), str(ULID())
        with pytest.raises(Unavailable):
            await speaker.place(order_id=order_id)
        assert await city.dispatch.records.orders.find(order_id) is None
        assert (await _rows(speaker, order_id), far.objects) == ([], {})
        far.full = False
        order = await speaker.place(order_id=order_id)
        assert await speaker.hear(CUSTOMER, CUSTOMER.actor, order.voice_notes[0].id) == SPEECH
        assert list(far.objects.values()) == [SPEECH]
        await speaker.notes.close()


async def test_whether_a_bucket_that_went_away_has_it_is_for_the_sweep_to_see(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bucket() as far:
        speaker, order_id = _with_bucket(city, tmp_path, monkeypatch, far), str(ULID())
    with pytest.raises(Unavailable):
        await speaker.place(order_id=order_id)
    assert await city.dispatch.records.orders.find(order_id) is None
    assert [row.attached for row in await _rows(speaker, order_id)] == [False]
    await speaker.notes.close()


def _with_bucket(city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, far: Bucket) -> Speaker:
    for name, value in far.environment.items():
        monkeypatch.setenv(name, value)
    return Speaker(city, notes_of(city.dispatch, VoiceTerms(storage_url="s3://notes", spool_dir=tmp_path / "spool")))


# --- added to one -----------------------------------------------------------------------------------------


async def test_holder_customer_and_desk_add_and_others_do_not(speaker: Speaker) -> None:
    city = speaker.city
    agent, other = await city.valet("v1"), await city.valet("v2")
    order = await city.dispatch.desk.assign(DISPATCHER, await city.place(), agent.id, force=True)
    said = []
    for who in (CUSTOMER, Identity(agent.id, Role.VALET, None, 2**53), DISPATCHER, SERVICE):
        order = await speaker.add(who, order)
        said.append(who.actor)
    assert [note.by for note in order.voice_notes] == said
    assert not any(note.shared for note in order.voice_notes)
    for who, code in (
        (Identity(other.id, Role.VALET, None, 2**53), Code.NOT_FOUND),
        (Identity("c-2", Role.CUSTOMER, None, 2**53), Code.NOT_FOUND),
        (Identity("d-1", Role.DISPATCHER, frozenset({"elsewhere"}), 2**53), Code.NOT_FOUND),
        (Identity("a-1", Role.ADMIN, None, 2**53), Code.FORBIDDEN),
    ):
        await _refused(speaker, who, order, code)
    assert len(audio_in(speaker.folder)) == len(await _rows(speaker, order.id)) == 4


async def _refused(speaker: Speaker, who: Identity, order: Order, code: Code) -> None:
    with pytest.raises(Refused) as refused:
        await speaker.add(who, order)
    assert refused.value.code is code


async def test_by_whom_is_told_in_one_word(speaker: Speaker) -> None:
    agent = await speaker.city.valet("v1")
    order = await speaker.city.dispatch.desk.assign(DISPATCHER, await speaker.city.place(), agent.id, force=True)
    for who in (CUSTOMER, Identity(agent.id, Role.VALET, None, 2**53), DISPATCHER, SERVICE):
        order = await speaker.add(who, order)
    events = (await log_of(speaker.city, order.id))[-4:]
    assert [event.detail["by"] for event in events] == ["customer", "agent", "desk", "service"]


async def test_too_late_leaves_nothing(speaker: Speaker) -> None:
    """It was cancelled while the note was on its way: the script says so."""
    order = await speaker.city.place()
    await speaker.city.dispatch.desk.cancel(SERVICE, order, "x")
    await _refused(speaker, CUSTOMER, order, Code.CONFLICT)
    assert await _rows(speaker, order.id) == []
    assert audio_in(speaker.folder) == set()


async def test_one_too_many_leaves_nothing(speaker: Speaker) -> None:
    order = await speaker.city.place()
    for _ in range(MOST_NOTES):
        order = await speaker.add(CUSTOMER, order)
    await _refused(speaker, CUSTOMER, order, Code.CONFLICT)
    assert len(audio_in(speaker.folder)) == len(await _rows(speaker, order.id)) == MOST_NOTES


async def test_the_same_addition_again_keeps_the_first(speaker: Speaker) -> None:
    order = await speaker.city.place()
    first = await speaker.add(CUSTOMER, order, request="k1")
    again = await speaker.add(CUSTOMER, order, request="k1")
    assert again.voice_notes == first.voice_notes
    assert len(audio_in(speaker.folder)) == len(await _rows(speaker, order.id)) == 1


# --- what it is -------------------------------------------------------------------------------------------


async def test_speech_is_known_and_text_is_not(speaker: Speaker) -> None:
    async with speaker.notes.spool() as spool:
        spool.write(speech("ogg"))
        recording = await speaker.notes.inspect(spool)
    assert (recording.mime, round(recording.seconds)) == ("audio/ogg", 2)
    for content in (b"", b"no audio at all"):
        async with speaker.notes.spool() as spool:
            spool.write(content)
            with pytest.raises(Refused) as refused:
                await speaker.notes.inspect(spool)
        assert [fault.path for fault in refused.value.faults] == ["audio"]


# --- a process that died in the middle --------------------------------------------------------------------


async def _left_by_a_crash(speaker: Speaker, step: str) -> Order | str:
    """The steps of keeping, up to one; then nothing more. Returns the order, or its id when there is none."""
    notes, records, order_id = speaker.notes, speaker.city.dispatch.records, str(ULID())
    async with notes.spool() as spool:
        spool.write(SPEECH)
        said = notes._note(CUSTOMER, spool, RECORDING, None, shared=True)
        row = stored(said, order_id)
        await records.voice_notes.add(row)
        if step == "row":
            return order_id
        with spool.again() as file:
            await notes.storage.put(row.path, file)
    if step == "stored":
        return order_id
    intake = speaker.city.dispatch.intake
    return await intake.place(
        SERVICE, "voice", speaker.draft(), region=None, order_id=order_id, request="", notes=(said,)
    )


@pytest.mark.parametrize("step", ["row", "stored"])
async def test_what_no_order_came_to_have_is_removed_in_time(speaker: Speaker, step: str) -> None:
    order_id = await _left_by_a_crash(speaker, step)
    assert isinstance(order_id, str)
    await speaker.notes.sweep()
    assert len(await _rows(speaker, order_id)) == 1, "it may be under way"
    await speaker.notes.sweep(now=now_ms() + 2 * 3600 * 1000)
    assert await _rows(speaker, order_id) == []
    assert audio_in(speaker.folder) == set()


async def test_what_an_order_has_is_kept_though_nobody_said_so(speaker: Speaker) -> None:
    order = await _left_by_a_crash(speaker, "placed")
    assert isinstance(order, Order)
    await speaker.notes.sweep(older_than_ms=-1)
    (row,) = await _rows(speaker, order.id)
    assert row.attached
    assert await speaker.hear(CUSTOMER, CUSTOMER.actor, row.id) == SPEECH


async def test_what_only_redis_knows_is_kept(speaker: Speaker) -> None:
    """The event stands in the log, and did not come to PostgreSQL yet."""
    city = speaker.city
    order = await city.place()
    async with speaker.notes.spool() as spool:
        spool.write(SPEECH)
        said = speaker.notes._note(CUSTOMER, spool, RECORDING, None, shared=False)
        row = stored(said, order.id)
        await city.dispatch.records.voice_notes.add(row)
        with spool.again() as file:
            await speaker.notes.storage.put(row.path, file)
    said_by = {"by": "customer", "actor": CUSTOMER.actor, "agent_id": ""}
    await script(city, "note", order_id=order.id, unshared=encode(said), shared=encode(said), most=9, **said_by)
    assert await city.dispatch.records.orders.find(order.id) == order
    assert await speaker.hear(CUSTOMER, CUSTOMER.actor, said.id) == SPEECH
    await speaker.notes.sweep(older_than_ms=-1)
    assert [row.attached for row in await _rows(speaker, order.id)] == [True]


async def test_a_put_that_was_killed_in_the_middle_goes_with_its_row(speaker: Speaker) -> None:
    order_id = await _left_by_a_crash(speaker, "row")
    assert isinstance(order_id, str)
    (row,) = await _rows(speaker, order_id)
    await speaker.notes.storage.check()
    half = speaker.folder / f"{row.path}#1"
    half.parent.mkdir()
    half.write_bytes(b"half")
    await speaker.notes.sweep(older_than_ms=-1)
    assert audio_in(speaker.folder) == set()


# --- the end of its time ----------------------------------------------------------------------------------


async def _expired(speaker: Speaker, order: Order) -> int:
    """Sweeps when its time is over."""
    return await speaker.notes.sweep(now=order.voice_notes[0].kept_until_at)


async def test_audio_goes_when_its_time_is_over_and_the_note_stays(speaker: Speaker) -> None:
    order = await speaker.place(CUSTOMER)
    (name,) = audio_in(speaker.folder)
    (speaker.folder / f"{name}.mp3").write_bytes(b"as MP3")
    order = await speaker.city.dispatch.desk.cancel(SERVICE, order, "x")
    await speaker.notes.sweep(now=order.voice_notes[0].kept_until_at - 1)
    assert len(audio_in(speaker.folder)) == 2
    assert await _expired(speaker, order) == 1
    assert await _expired(speaker, order) == 0
    assert audio_in(speaker.folder) == set()
    (row,) = await _rows(speaker, order.id)
    assert row.expired_at is not None
    with pytest.raises(Refused) as refused:
        await speaker.hear(CUSTOMER, CUSTOMER.actor, row.id)
    assert (refused.value.code, refused.value.message) == (Code.NOT_FOUND, "the note has expired")
    assert len(order.voice_notes) == 1


async def test_audio_of_an_unfinished_order_is_kept(speaker: Speaker) -> None:
    order = await speaker.place(CUSTOMER)
    assert await _expired(speaker, order) == 0
    assert await speaker.hear(CUSTOMER, CUSTOMER.actor, order.voice_notes[0].id) == SPEECH


async def test_a_short_retention_is_over_at_once(city: City, tmp_path: Path) -> None:
    """Before any sweep came: the audio is there, and is not played."""
    notes = notes_of(city.dispatch, VoiceTerms(spool_dir=tmp_path / "voice-spool", retention_ms=0))
    speaker = Speaker(city, notes)
    order = await speaker.place(CUSTOMER)
    await city.dispatch.desk.cancel(SERVICE, order, "x")
    with pytest.raises(Refused) as refused:
        await speaker.hear(CUSTOMER, CUSTOMER.actor, order.voice_notes[0].id)
    assert refused.value.message == "the note has expired"
    assert len(audio_in(speaker.folder)) == 1
    await notes.close()


async def test_sweepers_do_not_get_in_each_others_way(speaker: Speaker) -> None:
    order = await speaker.place(CUSTOMER)
    for _ in range(3):
        order = await speaker.add(CUSTOMER, order)
    await speaker.city.dispatch.desk.cancel(SERVICE, order, "x")
    at = max(note.kept_until_at for note in order.voice_notes)
    done = await asyncio.gather(*(speaker.notes.sweep(now=at) for _ in range(4)))
    assert sum(done) == 4
    assert audio_in(speaker.folder) == set()
