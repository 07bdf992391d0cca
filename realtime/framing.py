"""The sans-I/O core of the `websockets` library, as far as we use it and where we differ.

`shake_hands` judges an upgrade request with a ServerProtocol that is thrown away: it and the request are
most of what a connection would cost in memory. `Framing` is the library's bare Protocol for all that follows.
Knows no transports, no sessions. Invariant: `bye` comes just before each close frame that is not an echo,
and nothing comes after a close frame.
"""

import http
import logging
import uuid
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

from websockets.datastructures import Headers, MultipleValuesError
from websockets.exceptions import NegotiationError
from websockets.extensions import Extension
from websockets.frames import CloseCode as RfcCloseCode
from websockets.frames import Frame
from websockets.frames import apply_mask as unmask  # type: ignore[attr-defined]  # in C, where the wheel has it
from websockets.http11 import Request, Response
from websockets.protocol import OPEN, Protocol, Side
from websockets.server import ServerProtocol
from websockets.streams import StreamReader
from websockets.typing import Origin, Subprotocol

from realtime.wire import CODECS, JSON, CloseCode, Codec, bye

# The library logs whole frames and headers at DEBUG, tokens and telephone numbers among them.
_LOGGER = logging.getLogger("realtime.framing")
_LOGGER.setLevel(logging.WARNING)

_MAX_CONTROL_PAYLOAD: Final = 125
_MAX_CLOSE_REASON: Final = 123
_NO_ID: Final = uuid.UUID(int=0)
_NO_EXTENSIONS: Final[list[Extension]] = []
_BETWEEN_FRAMES: Final = StreamReader.at_eof.__code__
"""Where the library's parser waits when it has all of the last frame and nothing of the next."""
_FIN, _MASKED = 0x80, 0x80


class Accepted(NamedTuple):
    response: bytes
    codec: Codec
    token: str | None
    """From `Authorization: Bearer`; judged at `hello`."""


class Refused(NamedTuple):
    response: bytes


def shake_hands(head: bytes, path: str, origins: frozenset[str] | None) -> Accepted | Refused:
    """Answer the head of an HTTP request, or what of it was sent when it grew too long.

    `origins` are those that a browser may come from, None for any; a client without `Origin` is no browser.
    """
    upgrade = _Upgrade(origins=None if origins is None else [*map(Origin, sorted(origins)), None], logger=_LOGGER)
    upgrade.receive_data(head)
    requests = upgrade.events_received()
    token: str | None = None
    if requests:
        request = requests[0]
        assert isinstance(request, Request)
        response, token = upgrade.judge(request, path)
        upgrade.send_response(response)
    elif not upgrade.eof_sent:
        too_large = http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        upgrade.send_response(upgrade.reject(too_large, "The head of the request is too long.\n"))
    answer = b"".join(upgrade.data_to_send())
    # The suspended parser and the protocol hold each other.
    upgrade.parser.close()
    if upgrade.state is not OPEN:
        return Refused(answer)
    return Accepted(answer, CODECS.get(upgrade.subprotocol or "", JSON), token)


class _Upgrade(ServerProtocol):
    def judge(self, request: Request, path: str) -> tuple[Response, str | None]:
        if request.path.partition("?")[0] != path:
            return self.reject(http.HTTPStatus.NOT_FOUND, f"The stream is at {path}.\n"), None
        try:
            token = _bearer_token(request.headers)
        except MultipleValuesError:
            return self.reject(http.HTTPStatus.BAD_REQUEST, "More than one Authorization header.\n"), None
        return self.accept(request), token

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """The client's first choice that we know; none offered is JSON (PROTOCOL §4)."""
        if not subprotocols:
            return None
        for offered in subprotocols:
            if offered in CODECS:
                return offered
        raise NegotiationError(f"no known subprotocol; expected one of {', '.join(CODECS)}")


def _bearer_token(headers: Headers) -> str | None:
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


_OUR_FAULT_CODES: Final = {
    RfcCloseCode.MESSAGE_TOO_BIG: (CloseCode.FRAME_TOO_LARGE, "the message is too large"),
    RfcCloseCode.INTERNAL_ERROR: (CloseCode.START_OVER, "internal error"),
}


class Framing(Protocol):
    """Both directions of one open WebSocket, as bytes and frames."""

    parser: Any  # a generator: where it waits says what it has

    def __init__(self, max_message: int) -> None:
        # A ping may come between the last two fragments, when the library has next to no room left.
        super().__init__(Side.SERVER, max_size=max_message + _MAX_CONTROL_PAYLOAD, logger=_LOGGER)
        self.codec: Codec = JSON
        # Shared by all connections: their own would cost each some 200 bytes.
        self.id = _NO_ID
        self.extensions = _NO_EXTENSIONS

    def whole_messages(self, data: bytes) -> list[bytes] | None:
        """The payloads of a chunk that is whole messages and nothing else, each in one frame of up to 64 KiB: next to
        all that clients send, at a quarter of what parsing costs. None: the library is to parse and to judge it."""
        if not self._between_messages():
            return None
        found, at, end, first = [], 0, len(data), _FIN | self.codec.opcode
        while at < end:
            if end - at < 8 or data[at] != first or data[at + 1] < _MASKED:
                return None
            length, mask = data[at + 1] - _MASKED, at + 2
            if length > 125:
                if length > 126:
                    return None
                length, mask = data[mask] << 8 | data[mask + 1], mask + 2
            start = mask + 4
            at = start + length
            if at > end or length > (self.max_message_size or 0):
                return None
            found.append(unmask(data[start:at], data[mask:start]))
        return found

    def _between_messages(self) -> bool:
        where = self.parser.gi_yieldfrom
        whole = where is not None and where.gi_code is _BETWEEN_FRAMES and self.current_size is None
        return whole and self.state is OPEN

    def frames_received(self) -> list[Frame]:
        # Requests and responses are the handshake's, which is over.
        return cast("list[Frame]", self.events_received())

    def send_bye(self, code: CloseCode, reason: str, reconnect_after_ms: int | None = None) -> None:
        """Queue `bye` and the close frame. The state must be OPEN."""
        self.writes.append(bye(code, reason, reconnect_after_ms).frame(self.codec))
        self.send_close(code, _close_reason(reason))

    def send_frame(self, frame: Frame) -> None:
        # The library goes on answering pings between its close frame and the peer's.
        if self.close_sent is None:
            super().send_frame(frame)

    def fail(self, code: RfcCloseCode | int, reason: str = "") -> None:
        """Called by the parser: end with our codes, as PROTOCOL §4 has them, instead of the RFC's."""
        if self.state is OPEN and code != RfcCloseCode.ABNORMAL_CLOSURE:
            code, reason = _OUR_FAULT_CODES.get(RfcCloseCode(code), (CloseCode.MALFORMED, reason))
            self.writes.append(bye(CloseCode(code), reason).frame(self.codec))
        super().fail(code, _close_reason(reason))

    def release(self) -> None:
        """Break the circle of parser and protocol, so that neither waits for the garbage collector."""
        self.receive_eof()
        self.parser.close()


def _close_reason(reason: str) -> str:
    """A control frame has room for 125 bytes, two of them the code."""
    return reason.encode()[:_MAX_CLOSE_REASON].decode(errors="ignore")
