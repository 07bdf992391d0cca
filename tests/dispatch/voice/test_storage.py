"""Objects by URL: in a folder, in a bucket, and what is said when there is no room or nothing there."""

import asyncio
import io
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dispatch.errors import Unavailable
from dispatch.voice.storage import PIECE_BYTES, Missing, Storage, checked
from tests.dispatch.voice.buckets import SECRET, Bucket, bucket
from tests.dispatch.voice.saying import audio_in
from tests.dispatch.voice.test_spool import files_of_at_most

NAME = "01M3Z/01M3Z0000000000000000000AB"
CONTENT = bytes(range(256)) * 1200


@pytest.fixture
async def far(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bucket]:
    async with bucket() as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture(params=["file", "s3"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path, far: Bucket) -> Storage:
    return Storage((tmp_path / "voice").as_uri() if request.param == "file" else "s3://notes/voice")


@pytest.fixture
async def local(tmp_path: Path) -> Storage:
    found = Storage((tmp_path / "voice").as_uri())
    await found.check()
    return found


async def _read(storage: Storage, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in storage.read(NAME, start, end)])


async def test_what_is_put_is_there_whole(storage: Storage) -> None:
    await storage.put(NAME, io.BytesIO(CONTENT))
    assert await storage.size(NAME) == len(CONTENT)
    assert await _read(storage, 0, len(CONTENT)) == CONTENT


@pytest.mark.parametrize(("start", "end"), [(0, 1), (100, 70_000), (len(CONTENT) - 1, len(CONTENT)), (5, 5)])
async def test_a_part_is_read(storage: Storage, start: int, end: int) -> None:
    await storage.put(NAME, io.BytesIO(CONTENT))
    assert await _read(storage, start, end) == CONTENT[start:end]


async def test_it_comes_in_small_pieces(storage: Storage) -> None:
    await storage.put(NAME, io.BytesIO(CONTENT))
    pieces = [len(piece) async for piece in storage.read(NAME, 0, len(CONTENT))]
    assert sum(pieces) == len(CONTENT)
    assert max(pieces) <= PIECE_BYTES


async def test_what_is_deleted_is_gone_and_may_be_deleted_again(storage: Storage) -> None:
    await storage.put(NAME, io.BytesIO(CONTENT))
    await storage.delete(NAME)
    await storage.delete(NAME)
    with pytest.raises(Missing):
        await storage.size(NAME)
    with pytest.raises(Missing):
        await _read(storage, 0, 5)


async def test_what_was_put_first_is_replaced(storage: Storage) -> None:
    for content in (CONTENT, b"short"):
        await storage.put(NAME, io.BytesIO(content))
    assert await storage.size(NAME) == 5


async def test_many_are_put_at_once(storage: Storage) -> None:
    names = [f"01M3Z/{number}" for number in range(20)]
    await asyncio.gather(*(storage.put(name, io.BytesIO(name.encode() * 999)) for name in names))
    assert {await storage.size(name) for name in names} == {len(name) * 999 for name in names}


# --- a folder ---------------------------------------------------------------------------------------------


async def test_the_folder_is_made_for_our_eyes_only(local: Storage, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "voice").stat().st_mode) == 0o700


async def test_no_folder_stays_that_holds_nothing(local: Storage, tmp_path: Path) -> None:
    await local.put(NAME, io.BytesIO(CONTENT))
    await local.delete(NAME)
    assert list((tmp_path / "voice").iterdir()) == []


async def test_folders_come_and_go_under_many_hands(local: Storage, tmp_path: Path) -> None:
    """One deletes the last object of a folder while another puts the next one there."""

    async def come_and_go(number: int) -> None:
        for _ in range(10):
            await local.put(f"01M3Z/{number}", io.BytesIO(CONTENT))
            await local.delete(f"01M3Z/{number}")

    await asyncio.gather(*(come_and_go(number) for number in range(6)))
    assert audio_in(tmp_path / "voice") == set()


async def test_a_folder_that_stands_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o750)
    storage = Storage((tmp_path / "shared").as_uri())
    await storage.put(NAME, io.BytesIO(CONTENT))
    assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o750
    assert audio_in(tmp_path / "shared") == {NAME}


async def test_a_folder_with_spaces_in_its_name(tmp_path: Path) -> None:
    storage = Storage((tmp_path / "voice notes 语音").as_uri())
    await storage.put(NAME, io.BytesIO(CONTENT))
    assert audio_in(tmp_path / "voice notes 语音") == {NAME}


async def test_a_full_disk_keeps_nothing_half(local: Storage, tmp_path: Path) -> None:
    with files_of_at_most(10_000), pytest.raises(Unavailable) as told:
        await local.put(NAME, io.BytesIO(CONTENT))
    assert audio_in(tmp_path / "voice") == set()
    assert str(tmp_path) not in told.value.message
    await local.put(NAME, io.BytesIO(CONTENT))
    assert audio_in(tmp_path / "voice") == {NAME}


async def test_a_folder_that_was_taken_away_is_not_made_again(local: Storage, tmp_path: Path) -> None:
    """It may be a disk that is not mounted: what were written below it then would be lost to sight."""
    os.rename(tmp_path / "voice", tmp_path / "away")
    await _is_away(local, str(tmp_path))
    assert not (tmp_path / "voice").exists()
    os.rename(tmp_path / "away", tmp_path / "voice")
    await local.put(NAME, io.BytesIO(CONTENT))


async def test_a_file_in_place_of_the_folder(local: Storage, tmp_path: Path) -> None:
    (tmp_path / "voice").rmdir()
    (tmp_path / "voice").write_bytes(b"")
    await _is_away(local, str(tmp_path))


async def _is_away(storage: Storage, secret: str) -> None:
    for work in (storage.put(NAME, io.BytesIO(CONTENT)), storage.size(NAME), storage.delete(NAME), storage.check()):
        with pytest.raises(Unavailable) as told:
            await work
        assert secret not in told.value.message
    with pytest.raises(Unavailable):
        await _read(storage, 0, 5)


async def test_what_a_killed_server_was_writing_goes_with_the_rest(local: Storage, tmp_path: Path) -> None:
    await local.put(NAME, io.BytesIO(CONTENT))
    (tmp_path / "voice" / f"{NAME}#1").write_bytes(b"half")
    await local.delete(NAME)
    assert audio_in(tmp_path / "voice") == set()


# --- a bucket ---------------------------------------------------------------------------------------------


async def test_a_bucket_is_spoken_to_in_signed_http(far: Bucket) -> None:
    storage = Storage("s3://notes/some/prefix")
    await storage.put(NAME, io.BytesIO(CONTENT))
    assert far.objects == {f"/notes/some/prefix/{NAME}": CONTENT}
    assert await _read(storage, 10, 20) == CONTENT[10:20]
    assert [(asked.method, asked.headers.get("range")) for asked in far.asked] == [
        ("PUT", None),
        ("GET", "bytes=10-19"),
    ]


async def test_a_bucket_is_there_also_when_it_is_empty(far: Bucket) -> None:
    await Storage("s3://notes").check()


async def test_a_wrong_key_is_refused(far: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(Unavailable) as told:
        await Storage("s3://notes").put(NAME, io.BytesIO(CONTENT))
    assert "wrong" not in told.value.message
    assert far.objects == {}


async def test_a_full_bucket_keeps_nothing(far: Bucket) -> None:
    far.full = True
    with pytest.raises(Unavailable):
        await Storage("s3://notes").put(NAME, io.BytesIO(CONTENT))
    assert far.objects == {}


async def test_a_bucket_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens at its port any more."""
    async with bucket() as gone:
        for name, value in gone.environment.items():
            monkeypatch.setenv(name, value)
    await _is_away(Storage("s3://notes/voice"), SECRET)


# --- addresses of storages --------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["file:///srv/voice", "s3://bucket", "s3://bucket/prefix"])
def test_good_urls(url: str) -> None:
    assert checked(url) == url


@pytest.mark.parametrize(
    "url", ["", "voice", "/srv/voice", "file://host/srv", "file:voice", "memory:///", "ftp://secret@h/x", "s3://"]
)
def test_what_is_no_url_of_a_storage(url: str) -> None:
    with pytest.raises(ValueError) as told:
        checked(url)
    assert "secret" not in str(told.value)
    assert "\n" not in str(told.value)


def test_to_check_an_url_makes_no_folder(tmp_path: Path) -> None:
    Storage(checked((tmp_path / "voice").as_uri()))
    assert list(tmp_path.iterdir()) == []
