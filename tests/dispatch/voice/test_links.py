"""Addresses of voice notes: good for one note, one reader and five minutes, and for nobody who was not given one."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.errors import Code, Refused
from dispatch.voice.links import LIFE_MS, Links

KEY = bytes(range(32))
LINKS = Links(KEY)
NOTE, READER, NOW = "01M3250TDGY1AVZRQ2C9VNXC0G", "customer:c-9", 1790000000000
IDS = st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True)


def parts(url: str) -> tuple[str, str, int, str]:
    """Note, reader, until, signature: as a player sends them back."""
    split = urlsplit(url)
    query = {name: value for name, [value] in parse_qs(split.query, strict_parsing=True).items()}
    assert query.keys() == {"reader", "until", "signature"}
    return split.path.rpartition("/")[2], query["reader"], int(query["until"]), query["signature"]


def test_what_an_address_looks_like() -> None:
    url = Links(KEY, "https://api.example.com/").url(NOTE, READER, NOW)
    head, _, signature = url.rpartition("&signature=")
    until = NOW + LIFE_MS
    assert head == f"https://api.example.com/v1/voice-notes/{NOTE}?reader=customer:c-9&until={until}"
    assert len(signature) == 43, "256 bits in base64url, unpadded"
    assert LINKS.url(NOTE, READER, NOW).startswith(f"/v1/voice-notes/{NOTE}?")


@given(IDS, st.sampled_from(["valet", "shop", "customer"]), IDS, st.integers(0, 2**53))
def test_an_address_is_good_as_it_was_given(note_id: str, role: str, sub: str, now_ms: int) -> None:
    found = parts(LINKS.url(note_id, f"{role}:{sub}", now_ms))
    assert found[:3] == (note_id, f"{role}:{sub}", now_ms + LIFE_MS)
    LINKS.check(*found, now_ms)
    LINKS.check(*found, now_ms + LIFE_MS - 1)


def test_it_is_good_for_five_minutes() -> None:
    assert LIFE_MS == 300_000
    with pytest.raises(Refused, match="run out") as caught:
        LINKS.check(*parts(LINKS.url(NOTE, READER, NOW)), NOW + LIFE_MS)
    assert caught.value.code is Code.FORBIDDEN


@pytest.mark.parametrize(
    "altered",
    [
        ("01M3250TDGY1AVZRQ2C9VNXC0H", READER, 0, ""),
        (NOTE, "customer:c-90", 0, ""),
        (NOTE, "valet:c-9", 0, ""),
        (NOTE, READER, 1, ""),
        (NOTE, READER, -1, ""),
        (NOTE, READER, 0, "A"),
        (f"{NOTE}\ncustomer", "c-9", 0, ""),
    ],
    ids=["another note", "another reader", "another role", "later", "earlier", "longer", "parts moved"],
)
def test_what_was_altered_is_not_ours(altered: tuple[str, str, int, str]) -> None:
    note_id, reader, later_ms, more = altered
    _, _, until_at, signature = parts(LINKS.url(NOTE, READER, NOW))
    with pytest.raises(Refused, match="not one of ours") as caught:
        LINKS.check(note_id, reader, until_at + later_ms, signature + more, NOW)
    assert caught.value.code is Code.FORBIDDEN


def test_every_character_of_the_signature_counts() -> None:
    note_id, reader, until_at, signature = parts(LINKS.url(NOTE, READER, NOW))
    for i, each in enumerate(signature):
        # The last one bears two bits that are no part of the digest: another there is refused as well.
        for other in {"A", "B", "b"} - {each}:
            with pytest.raises(Refused):
                LINKS.check(note_id, reader, until_at, signature[:i] + other + signature[i + 1 :], NOW)


@given(st.text(max_size=60), st.text(max_size=20), st.integers(-(2**70), 2**70))
def test_whatever_comes_is_refused_and_breaks_nothing(signature: str, reader: str, until_at: int) -> None:
    with pytest.raises(Refused):
        LINKS.check(NOTE, reader, until_at, signature, NOW)


def test_half_a_character_is_refused() -> None:
    with pytest.raises(Refused):
        LINKS.check(NOTE, READER, NOW, "\ud800", NOW)
    with pytest.raises(Refused):
        LINKS.check(NOTE, "\ud800", NOW, "x", NOW)


def test_another_deployments_key_makes_other_addresses() -> None:
    with pytest.raises(Refused):
        LINKS.check(*parts(Links(bytes(32)).url(NOTE, READER, NOW)), NOW)


def test_a_short_key_is_none() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Links(bytes(31))


def test_neither_key_nor_signature_is_told_in_a_fault() -> None:
    with pytest.raises(Refused) as caught:
        LINKS.check(NOTE, READER, NOW, "mine", NOW)
    right = parts(LINKS.url(NOTE, READER, NOW - LIFE_MS))[3]
    assert right not in str(caught.value)
    assert KEY.hex() not in repr(LINKS)
