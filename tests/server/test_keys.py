"""Keys that change while the server runs: a file that is rewritten, a set that is published anew.

Time is the sources' own: cooling is set to nothing, or to more than a test takes.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dispatch.errors import Code, Refused, Unavailable
from dispatch.identity import Algorithm, Verifier
from dispatch.keyring import Key
from server.key_forms import KeysFault
from server.keys import MOST_KID, MOST_WANTED, FetchedRing, KeyFile, KeySet, Trust, followed
from tests.server.publishing import PATIENCE, Publisher, jwk, pem, publisher, signed

__all__ = ["publisher"]

OLD, NEW = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
OLD_JWK, NEW_JWK = jwk(OLD.public_key(), "old"), jwk(NEW.public_key(), "new")
LONG = 3600.0


def _takes(verifier: Verifier, private: Ed25519PrivateKey, kid: str | None = None) -> bool:
    try:
        return verifier.verify(signed(private, kid)).sub == "v-1"
    except Refused as exc:
        assert exc.code is Code.UNAUTHENTICATED
        return False


async def _until_taken(verifier: Verifier, private: Ed25519PrivateKey, kid: str) -> None:
    """What a client does that is told to come again."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                assert verifier.verify(signed(private, kid)).sub == "v-1"
            except Unavailable:
                await asyncio.sleep(0.01)  # another process' turn: no event tells
            else:
                return


# --- a file -------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "keys.pem"
    _write(found, OLD)
    return found


def _write(path: Path, *keys: Ed25519PrivateKey) -> None:
    path.write_bytes(b"".join(pem(key.public_key()) for key in keys))


def _spoil(path: Path, written: bytes | None) -> None:
    if written is None:
        path.unlink()
    else:
        path.write_bytes(written)


async def test_a_file_that_changes_is_read_again(path: Path) -> None:
    keys = KeyFile(path, Algorithm.EDDSA)
    verifier = Trust(Algorithm.EDDSA, None, key_file=path).verifier(keys)
    assert (_takes(verifier, OLD), _takes(verifier, NEW)) == (True, False)
    _write(path, OLD, NEW)
    await keys.look()
    assert not _takes(verifier, NEW), "it may be half written"
    await keys.look()
    assert (_takes(verifier, OLD), _takes(verifier, NEW)) == (True, True)
    _write(path, NEW)
    await keys.look()
    await keys.look()
    assert (_takes(verifier, OLD), _takes(verifier, NEW)) == (False, True)
    assert keys.state == "ok"


@pytest.mark.parametrize("written", [b"", b"half", b"x" * (1024 * 1024 + 1), None])
async def test_a_file_that_became_wrong_takes_no_key_away(
    path: Path, written: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = KeyFile(path, Algorithm.EDDSA)
    verifier = Verifier(keys.ring, algorithm=Algorithm.EDDSA)
    _spoil(path, written)
    for _ in range(4):
        await keys.look()
        assert _takes(verifier, OLD)
    told = capsys.readouterr()
    assert (told.out + told.err).count("keys_not_read") == 1, "said once"
    _write(path, NEW)
    await keys.look()
    await keys.look()
    assert (_takes(verifier, OLD), _takes(verifier, NEW)) == (False, True)


async def test_a_file_is_followed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.keys.LOOK_S", 0.01)
    keys = KeyFile(path, Algorithm.EDDSA)
    verifier = Verifier(keys.ring, algorithm=Algorithm.EDDSA)
    async with followed(keys), asyncio.timeout(PATIENCE):
        _write(path, NEW)
        while not _takes(verifier, NEW):  # noqa: ASYNC110 - no event tells when it looked
            await asyncio.sleep(0.01)


def test_a_start_with_a_wrong_file_is_none(tmp_path: Path) -> None:
    with pytest.raises(KeysFault, match=r"none\.pem: No such file"):
        KeyFile(tmp_path / "none.pem", Algorithm.EDDSA)


# --- a key set ----------------------------------------------------------------------------------------


@asynccontextmanager
async def _following(publisher: Publisher, *, cool_s: float = 0.0, refresh_s: float = LONG) -> AsyncIterator[KeySet]:
    keys = KeySet(publisher.url, Algorithm.EDDSA, cool_s=cool_s, refresh_s=refresh_s)
    async with followed(keys):
        yield keys


async def test_a_set_is_fetched_at_start_and_not_for_each_token(publisher: Publisher) -> None:
    publisher.publish(OLD_JWK)
    async with _following(publisher) as keys:
        verifier = Trust(Algorithm.EDDSA, None, key_set_url=publisher.url).verifier(keys)
        await _until_taken(verifier, OLD, "old")
        assert keys.state == "ok"
        assert _takes(verifier, OLD), "it need not name its key"
        assert not _takes(verifier, NEW, "old")
        assert not _takes(verifier, NEW)
    assert publisher.asked == 1


async def test_until_the_set_is_here_everybody_is_asked_to_come_again(publisher: Publisher) -> None:
    publisher.hold()
    publisher.publish(OLD_JWK)
    async with _following(publisher) as keys:
        verifier = Verifier(keys.ring, algorithm=Algorithm.EDDSA)
        assert keys.state == "the keys of tokens are being fetched"
        for kid in ("old", None):
            with pytest.raises(Unavailable):
                verifier.verify(signed(OLD, kid))
        with pytest.raises(Refused, match="alg"):
            verifier.verify("eyJhbGciOiJub25lIn0.e30.")
        await publisher.until_asked(1)
        publisher.go_on()
        await _until_taken(verifier, OLD, "old")


async def test_a_server_that_starts_before_its_publisher_waits_for_it(publisher: Publisher) -> None:
    publisher.status, publisher.body = "503 Service Unavailable", b""
    async with _following(publisher) as keys:
        verifier = Verifier(keys.ring, algorithm=Algorithm.EDDSA)
        await publisher.until_asked(3)
        assert keys.state == "the keys of tokens can not be fetched: the answer was HTTP 503"
        with pytest.raises(Unavailable):
            verifier.verify(signed(OLD, "old"))
        publisher.status = "200 OK"
        publisher.publish(OLD_JWK)
        await _until_taken(verifier, OLD, "old")
        assert keys.state == "ok"


async def test_a_key_that_was_just_published_is_looked_for(publisher: Publisher) -> None:
    publisher.publish(OLD_JWK)
    async with _following(publisher) as keys:
        verifier = Verifier(keys.ring, algorithm=Algorithm.EDDSA)
        await _until_taken(verifier, OLD, "old")
        publisher.publish(OLD_JWK, NEW_JWK)
        with pytest.raises(Unavailable, match="looked for"):
            verifier.verify(signed(NEW, "new"))
        assert _takes(verifier, OLD, "old"), "meanwhile"
        await _until_taken(verifier, NEW, "new")
        assert _takes(verifier, OLD, "old")
        assert publisher.asked == 2
        publisher.publish(NEW_JWK)
        await _ask_anew(verifier, publisher)
        assert (_takes(verifier, NEW, "new"), _takes(verifier, NEW)) == (True, True)
        assert not _takes(verifier, OLD), "it was taken away"


async def _ask_anew(verifier: Verifier, publisher: Publisher) -> None:
    """Have a set fetched, and wait until it is here."""
    asked = publisher.asked
    with pytest.raises(Unavailable):
        verifier.verify(signed(NEW, f"nobody's {asked}"))
    await publisher.until_asked(asked + 1)
    ring = verifier._ring
    async with asyncio.timeout(PATIENCE):
        while f"nobody's {asked}" in ring.wanted:  # type: ignore[attr-defined]  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_set_is_fetched_again_in_time(publisher: Publisher) -> None:
    publisher.publish(OLD_JWK)
    async with _following(publisher, refresh_s=0.02):
        await publisher.until_asked(4)


async def test_a_publisher_that_is_away_takes_no_key_away(
    publisher: Publisher, capsys: pytest.CaptureFixture[str]
) -> None:
    publisher.publish(OLD_JWK)
    async with _following(publisher, cool_s=0.01, refresh_s=0.01) as keys:
        verifier = Verifier(keys.ring, algorithm=Algorithm.EDDSA)
        await _until_taken(verifier, OLD, "old")
        for body in (b"{}", b'{"keys": []}', b"<html>"):  # back, but broken
            publisher.body = body
            await publisher.until_asked(publisher.asked + 2)
            assert _takes(verifier, OLD, "old")
        await publisher.go_away()
        with pytest.raises(Unavailable):
            verifier.verify(signed(NEW, "new"))
        assert _takes(verifier, OLD, "old")
        assert keys.state == "ok"
        await publisher.start()
        publisher.publish(NEW_JWK)
        await _until_taken(verifier, NEW, "new")
        assert not _takes(verifier, OLD)
    told = capsys.readouterr()
    assert (told.out + told.err).count("it holds no public key") == 1, "said once"


async def test_an_unknown_key_is_refused_once_it_was_looked_for(publisher: Publisher) -> None:
    publisher.publish(OLD_JWK)
    async with _following(publisher, cool_s=1.0) as keys:
        verifier = Verifier(keys.ring, algorithm=Algorithm.EDDSA)
        await _until_taken(verifier, OLD, "old")
        for _ in range(100):
            with pytest.raises(Unavailable):
                verifier.verify(signed(NEW, "new"))
        await publisher.until_asked(2)
        async with asyncio.timeout(PATIENCE):
            while "new" in keys.ring.wanted:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.001)
        for _ in range(10):
            with pytest.raises(Refused, match="key is unknown"):
                verifier.verify(signed(NEW, "new"))
    first, second = publisher.asked_at  # one for all, and no other while it cools
    assert second - first > 0.5


async def test_unknown_keys_do_not_have_the_publisher_asked_more_often(publisher: Publisher) -> None:
    publisher.publish(OLD_JWK)
    async with _following(publisher, cool_s=LONG) as keys:
        verifier = Verifier(keys.ring, algorithm=Algorithm.EDDSA)
        await _until_taken(verifier, OLD, "old")
        for i in range(MOST_WANTED + 10):
            with pytest.raises(Unavailable):
                keys.ring.fitting(f"unknown {i}")
        assert len(keys.ring.wanted) == MOST_WANTED
        with pytest.raises(Refused, match="key is unknown"):
            keys.ring.fitting("k" * (MOST_KID + 1))
        assert keys.ring.asked.is_set()
    assert publisher.asked == 1


async def test_a_key_wanted_while_a_fetch_is_under_way_waits_for_the_next(publisher: Publisher) -> None:
    publisher.publish(OLD_JWK)
    async with _following(publisher) as keys:
        verifier = Verifier(keys.ring, algorithm=Algorithm.EDDSA)
        await _until_taken(verifier, OLD, "old")
        publisher.hold()
        with pytest.raises(Unavailable):
            verifier.verify(signed(OLD, "other"))
        await publisher.until_asked(2)  # and the answer is made, without the new key
        publisher.publish(OLD_JWK, NEW_JWK)
        with pytest.raises(Unavailable):
            verifier.verify(signed(NEW, "new"))
        publisher.go_on()
        await _until_taken(verifier, NEW, "new")
        assert publisher.asked == 3


async def test_what_was_wanted_since_the_fetch_began_still_is() -> None:
    ring, here, began = FetchedRing(), Key(OLD.public_key(), "old"), time.monotonic()
    for kid in ("before", None):
        with pytest.raises(Unavailable, match="not here yet"):
            ring.fitting(kid)
    assert (ring.wanted, ring.asked.is_set()) == (frozenset(), False), "it is being fetched anyway"
    ring.refill((here,), frozenset(), began)
    for kid in ("early", "late", "old"):
        with suppress(Unavailable):
            ring.fitting(kid)
    ring.refill((here,), frozenset({"early"}), began)
    assert (ring.wanted, ring.asked.is_set()) == (frozenset({"late"}), True)
    with pytest.raises(Refused):
        ring.fitting("early")
    ring.refill((here, Key(NEW.public_key(), "late")), frozenset(), began)
    assert (ring.wanted, ring.asked.is_set()) == (frozenset(), False)
    assert [key.kid for key in ring.fitting("late")] == ["late"]


def test_secrets_need_no_source() -> None:
    trust = Trust(Algorithm.HS256, None, secrets=("s" * 32,))
    assert trust.source() is None
