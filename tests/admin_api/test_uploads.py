"""Forms with a file: taken apart however the bytes arrive, refused where they are wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect
from starlette.types import Message, Scope

from admin_api import uploads
from admin_api.problems import NotParseable
from admin_api.uploads import MOST_DOCUMENT_BYTES, Parts, Uploads, _Body
from dispatch.assembly import Dispatch
from dispatch.errors import Code, Refused, Unavailable

BOTH, ALONE = Parts("audio", "order"), Parts("audio")
EDGE = "edge"
Part = tuple[str, bytes]
AUDIO: Part = ('name="audio"; filename="a.ogg"\r\nContent-Type: audio/ogg', b"OggS\r\n--edg\r\n-edge\r--edge\r\n\0")
ORDER: Part = ('name="order"', b'{"kind":"voice"}')


def form(*parts: Part, end: bytes = b"--edge--\r\n") -> bytes:
    told = (
        b"--edge\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (head.encode(), body) for head, body in parts
    )
    return b"".join(told) + end


def taken(body: bytes, parts: Parts = BOTH, piece_bytes: int = 1 << 20) -> tuple[bytes, bytes]:
    """The file and the document."""
    kept: list[bytes] = []
    found = _Body(parts, EDGE, kept.append)
    for start in range(0, len(body), piece_bytes):
        found.feed(body[start : start + piece_bytes])
    return b"".join(kept), found.end()


# --- without a socket ---------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [form(AUDIO, ORDER), form(ORDER, AUDIO)], ids=["audio first", "order first"])
@pytest.mark.parametrize("piece_bytes", [1, 2, 7, 1 << 20])
def test_the_order_of_parts_and_the_size_of_pieces_do_not_count(body: bytes, piece_bytes: int) -> None:
    assert taken(body, piece_bytes=piece_bytes) == (AUDIO[1], ORDER[1])


@given(st.binary(max_size=300), st.integers(1, 40))
def test_the_file_is_kept_byte_for_byte(audio: bytes, piece_bytes: int) -> None:
    assert taken(form(("name=audio", audio)), ALONE, piece_bytes) == (audio, b"")


@pytest.mark.parametrize("piece_bytes", [1, 3, 1 << 20])
def test_what_stands_around_the_parts_is_passed_over(piece_bytes: int) -> None:
    body = b"preamble\r\n" + form(AUDIO, ORDER, end=b"--edge--\r\nepilogue\r\n--edge\r\n")
    assert taken(body, piece_bytes=piece_bytes) == (AUDIO[1], ORDER[1])


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        (form(AUDIO), "order", "is required"),
        (form(ORDER), "audio", "is required"),
        (form(end=b"--edge--"), "audio", "is required"),
        (form(AUDIO, AUDIO, ORDER), "audio", "is given twice"),
        (form(ORDER, ORDER, AUDIO), "order", "is given twice"),
        (form(AUDIO, ORDER, ('name="plate"', b"x")), "plate", "is not a known part"),
        (form((f'name="{"n" * 1000}"', b"x")), "n" * 200, "is not a known part"),
    ],
)
def test_a_wrong_set_of_parts_is_named(body: bytes, path: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        taken(body)
    assert not isinstance(refused.value, NotParseable)
    assert [tuple(fault) for fault in refused.value.faults] == [(path, message)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        form(AUDIO, ORDER, end=b""),
        form(AUDIO, ORDER)[:-40],
        form(AUDIO, ORDER).replace(b"form-data", b"attachment"),
        form(AUDIO, ORDER).replace(b"Content-Disposition", b"Content Disposition"),
        form(AUDIO, ORDER).replace(b"\r\n", b"\n"),
        form((f'name="audio"\r\nX-Long: {"x" * 5000}', b"")),
        form(('name="audio"' + 9 * "\r\nX-Many: x", b"")),
        form(('name="audio"\r\nContent-Length: 5', b"1234")),
        form(("filename=a", b"")),
        form(("name=", b"")),
        form(("name=audio", b"")).replace(b"audio", b"\xff"),
    ],
)
def test_what_is_no_form_is_400(body: bytes) -> None:
    with pytest.raises(NotParseable):
        taken(body)


def test_a_document_that_is_too_large_is_refused_at_once() -> None:
    body = _Body(BOTH, EDGE, lambda piece: None)
    with pytest.raises(Refused, match="order: is larger than 65536 bytes") as refused:
        body.feed(form(('name="order"', bytes(MOST_DOCUMENT_BYTES + 1)), end=b""))
    assert refused.value.code is Code.TOO_LARGE
    just = form(('name="order"', bytes(MOST_DOCUMENT_BYTES)), AUDIO)
    assert len(taken(just)[1]) == MOST_DOCUMENT_BYTES


# --- from a client ------------------------------------------------------------------------------------


def scope(content_type: str | None = "multipart/form-data; boundary=edge", **headers: str) -> Scope:
    told = headers if content_type is None else headers | {"content-type": content_type}
    return {
        "type": "http",
        "headers": [(name.replace("_", "-").encode(), text.encode()) for name, text in told.items()],
    }


class Client:
    """Sends these pieces; goes away after the last if that is not the end."""

    def __init__(self, *pieces: bytes, whole: bool = True) -> None:
        self._pieces = list(pieces)
        self._whole = whole
        self.asked = 0

    async def receive(self) -> Message:
        self.asked += 1
        if not self._pieces:
            return {"type": "http.disconnect"}
        piece = self._pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self._pieces) or not self._whole}


@pytest.fixture
async def gate(dispatch: Dispatch) -> AsyncIterator[Uploads]:
    yield Uploads(dispatch.notes)


async def test_what_arrived_is_there_for_as_long_as_it_is_needed(gate: Uploads) -> None:
    client = Client(*(bytes([each]) for each in form(AUDIO, ORDER)))
    async with gate.arriving(BOTH, scope(), client.receive) as upload:
        assert upload.document == ORDER[1]
        assert upload.spool.bytes == len(AUDIO[1])
        with upload.spool.again() as file:
            assert file.read() == AUDIO[1]
        file = upload.spool.file
    assert file.closed


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary="ends with a space "',
        f"multipart/form-data; boundary={'b' * 71}",
        "multipart/mixed; boundary=edge",
    ],
)
async def test_another_type_of_body_is_not_read(gate: Uploads, content_type: str | None) -> None:
    client = Client(form(AUDIO, ORDER))
    with pytest.raises(NotParseable, match="Content-Type must be multipart/form-data with a boundary"):
        async with gate.arriving(BOTH, scope(content_type), client.receive):
            pass
    assert client.asked == 0


async def test_a_body_that_says_that_it_is_too_large_is_not_read(gate: Uploads, dispatch: Dispatch) -> None:
    client = Client(form(AUDIO, ORDER))
    too_many = dispatch.notes.terms.most_bytes + 200_000
    with pytest.raises(Refused) as refused:
        async with gate.arriving(BOTH, scope(content_length=str(too_many)), client.receive):
            pass
    assert (refused.value.code, client.asked) == (Code.TOO_LARGE, 0)


@pytest.mark.parametrize("where", ["audio", "preamble", "epilogue"])
async def test_a_body_that_is_too_large_is_not_read_to_its_end(gate: Uploads, dispatch: Dispatch, where: str) -> None:
    piece = bytes(100_000)
    begin = {"audio": form(ORDER, ('name="audio"', b""), end=b"")[:-2], "preamble": b"", "epilogue": form(ORDER, AUDIO)}
    client = Client(begin[where], *[piece] * 100)
    with pytest.raises(Refused) as refused:
        async with gate.arriving(BOTH, scope(), client.receive):
            pass
    assert refused.value.code is Code.TOO_LARGE
    assert client.asked <= dispatch.notes.terms.most_bytes // len(piece) + 4


async def test_who_goes_away_in_the_middle_is_answered_nothing(gate: Uploads) -> None:
    with pytest.raises(ClientDisconnect):
        async with gate.arriving(BOTH, scope(), Client(form(AUDIO, ORDER)[:60], whole=False).receive):
            pass


@pytest.mark.parametrize("seconds", ["MOST_SECONDS", "SILENT_SECONDS"])
async def test_who_sends_nothing_more_does_not_keep_his_place(
    dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch, seconds: str
) -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(uploads, "AT_ONCE", 1)
    monkeypatch.setattr(uploads, seconds, 0.05)
    gate = Uploads(dispatch.notes)
    with pytest.raises(Unavailable, match="did not arrive"):
        async with gate.arriving(BOTH, scope(), receive):
            pass
    async with gate.arriving(BOTH, scope(), Client(form(AUDIO, ORDER)).receive) as upload:
        assert upload.document


async def test_so_many_at_a_time_and_the_others_wait_unread(
    dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "AT_ONCE", 1)
    gate, second = Uploads(dispatch.notes), Client(form(AUDIO, ORDER))

    async def arrive() -> bytes:
        async with gate.arriving(BOTH, scope(), second.receive) as upload:
            return upload.document

    async with gate.arriving(BOTH, scope(), Client(form(AUDIO, ORDER)).receive):
        waiting = asyncio.create_task(arrive())
        for _ in range(10):
            await asyncio.sleep(0)
        assert second.asked == 0
    assert await waiting == ORDER[1]


async def test_one_party_takes_no_more_than_a_few_places(gate: Uploads) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(uploads.MOST_OF_ONE):
            client = Client(form(AUDIO, ORDER))
            await stack.enter_async_context(gate.arriving(BOTH, scope(), client.receive, "customer:c-1"))
        one_more = Client(form(AUDIO, ORDER))
        with pytest.raises(Refused, match="under way") as refused:
            await stack.enter_async_context(gate.arriving(BOTH, scope(), one_more.receive, "customer:c-1"))
        assert (refused.value.code, refused.value.retryable, one_more.asked) == (Code.RATE_LIMITED, True, 0)
        for party in ("customer:c-2", None):
            client = Client(form(AUDIO, ORDER))
            await stack.enter_async_context(gate.arriving(BOTH, scope(), client.receive, party))
    async with gate.arriving(BOTH, scope(), one_more.receive, "customer:c-1") as upload:
        assert upload.document
