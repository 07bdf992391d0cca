"""One accepted socket: bytes to messages and back, and how it ends.

An asyncio.Protocol around `framing`; no task, queue or timer of its own: what all connections of a listener
share is the `Switchboard`. Knows no rules of dispatch and nobody's name: that is the handler's, which finds
its session in `peer`.
Invariants: `lost` is called exactly once for each `opened`; after the close frame nothing is written.
"""

import asyncio
import enum
from typing import Final, cast

from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.protocol import OPEN

from realtime.admission import Standing
from realtime.framing import Framing, Refused, shake_hands
from realtime.switchboard import Switchboard
from realtime.wire import JSON, CloseCode, Codec, Invalid, Malformed, Outbound

MAX_HEAD: Final = 16384
"""Bytes of an upgrade request; the library alone would take a megabyte."""

_WRITE_AT: Final = 65536
"""So much for one connection is not held back until the end of the turn."""


class _Phase(enum.Enum):
    SHAKING = enum.auto()
    """Bytes are the head of an HTTP request."""
    OPEN = enum.auto()
    CLOSING = enum.auto()
    """A close frame or an end of input went one way; frames are still read, messages no longer."""
    GONE = enum.auto()
    """Refused or lost; whatever still comes is ignored."""


class Connection(asyncio.Protocol):
    """The handler may read all public attributes, set `greeted` and `peer`, and call `send` and `close`."""

    __slots__ = (
        "_board",
        "_framing",
        "_gathered",
        "_heard_at",
        "_out",
        "_phase",
        "_pinged_at",
        "_since",
        "_speaks",
        "_standing",
        "_transport",
        "_waiting",
        "address",
        "codec",
        "greeted",
        "opened_at",
        "peer",
    )

    _transport: asyncio.Transport
    address: str
    opened_at: float
    """Of the handshake, on the loop's clock."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self._framing = Framing(board.limits.max_message)
        self._phase = _Phase.SHAKING
        # An unfinished head or an unfinished message.
        self._gathered: bytearray | None = None
        # What waits for the end of this loop turn, and its size. Mostly it is one frame, which then needs no list.
        self._out: bytes | list[bytes] | None = None
        self._waiting = 0
        # Whether data frames may follow: the framing's state, without a look at the framing.
        self._speaks = False
        self._pinged_at = 0.0
        self.codec: Codec = JSON
        self.peer: object | None = None
        self.greeted = False

    # ---- what the handler uses

    @property
    def unsent_bytes(self) -> int:
        """What the kernel has not taken, and what waits for the end of this loop turn."""
        return self._transport.get_write_buffer_size() + self._waiting

    def send(self, outbound: Outbound) -> None:
        """Say something, together with whatever else this loop turn has to say; in vain once closing.

        A sheddable message is left out when half of the allowance is used, so that those which must not be
        missed still find room.
        """
        if not self._speaks:
            return
        frame = outbound.frame(self.codec)
        if outbound.sheddable and self.unsent_bytes + len(frame) > self._board.limits.max_unsent // 2:
            self._board.counters.shed += 1
            return
        self._board.counters.sent += 1
        self._queue(frame)

    def send_at_once(self, outbound: Outbound) -> None:
        """The same for what thousands are told in this turn: not held back, where nothing else is. To come back to
        each of them at the end of the turn would cost more than it saves."""
        transport, frame = self._transport, outbound.frame(self.codec)
        keeps_up = self._out is None and not transport.get_write_buffer_size() and not transport.is_closing()
        if keeps_up and self._speaks and len(frame) <= self._board.limits.max_unsent // 2:
            self._board.counters.sent += 1
            transport.write(frame)
        else:
            self.send(outbound)

    def close(self, code: CloseCode, reason: str, reconnect_after_ms: int | None = None) -> None:
        """Say `bye` and close; what was sent before still goes out, what comes in is ignored."""
        if self._phase is _Phase.SHAKING:
            if self._gathered is not None:
                self._turn_away()
            else:
                self._phase = _Phase.GONE
                self._transport.abort()
        elif self._phase is _Phase.OPEN and self._framing.state is OPEN:
            self._framing.send_bye(code, reason, reconnect_after_ms)
            self._begin_closing()
            self._queue_framing()

    def recognise(self) -> None:
        """The handler knows who it is: no stranger any more, for what the listener has room for."""
        self._standing = Standing.KNOWN
        self._board.admission.recognise()

    # ---- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        board = self._board
        self._transport = cast(asyncio.Transport, transport)
        self.address = _address(transport.get_extra_info("peername"))
        self.opened_at = board.loop.time()
        self._since = board.time()
        self._heard_at = board.now
        board.add(self)
        self._standing = board.admission.come(_host(self.address), self.opened_at)
        if self._standing is Standing.CUT:
            self._phase = _Phase.GONE
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._board.now
        if self._phase is _Phase.SHAKING:
            data = self._shake(data)
        if not data or self._phase is _Phase.GONE:
            return
        messages = self._framing.whole_messages(data)
        if messages is None:
            self._parse(data)
            return
        for payload in messages:
            if self._phase is _Phase.OPEN:
                self._hand_on(payload)

    def eof_received(self) -> None:
        if self._phase is not _Phase.GONE:
            self._framing.receive_eof()
        self._settle()
        # The transport closes itself when this returns.
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        opened = self._phase in (_Phase.OPEN, _Phase.CLOSING)
        self._phase = _Phase.GONE
        self._gathered = None
        self._framing.release()
        self._board.remove(self)
        self._board.admission.gone(self._standing, _host(self.address))
        if opened:
            self._board.counters.lost += 1
            self._board.handler.lost(self)

    # ---- what the switchboard and the listener call

    def flush(self) -> None:
        """Hand everything that waits to the transport in one piece, unless the client is too slow for it."""
        out, self._out, self._waiting = self._out, None, 0
        transport = self._transport
        if out is None or transport.is_closing():
            return
        payload = out if isinstance(out, bytes) else b"".join(out)
        buffered = transport.get_write_buffer_size()
        if buffered and self._too_slow(buffered, len(payload)):
            return
        transport.write(payload)
        if self._phase is not _Phase.OPEN and self._framing.eof_sent:
            # Half-closed only: with input unread, a full close would reset the connection and the client
            # might lose the `bye`. The client closes now, or the sweep does.
            transport.write_eof()

    def check(self, now: float) -> None:
        """The terms, once a sweep: hello, heartbeat, pong; and those who do not go are put out."""
        limits = self._board.limits
        if self._phase is _Phase.OPEN:
            if not self.greeted:
                if now - self._since >= limits.hello_seconds:
                    self.close(CloseCode.HELLO_EXPECTED, "no hello in time")
            elif self._heard_at < self._pinged_at:
                if now - self._pinged_at >= limits.pong_seconds:
                    self.close(CloseCode.NO_PONG, "no answer to a ping")
            elif now - self._heard_at >= limits.heartbeat_seconds:
                self._pinged_at = now
                self._framing.send_ping(b"")
                self._queue_framing()
        else:
            patience = limits.hello_seconds if self._phase is _Phase.SHAKING else limits.close_seconds
            if now - self._since >= patience:
                self._transport.abort()

    # ---- inside

    def _shake(self, data: bytes) -> bytes:
        """Take more of the head; returns what followed it."""
        if self._standing is Standing.TURNED_AWAY:
            self._turn_away()
            return b""
        head = self._gathered = self._gathered or bytearray()
        searched = max(0, len(head) - 3)
        head += data
        end = head.find(b"\r\n\r\n", searched, MAX_HEAD)
        if end < 0 and len(head) <= MAX_HEAD:
            return b""
        self._gathered = None
        cut = end + 4 if end >= 0 else MAX_HEAD
        limits, counters = self._board.limits, self._board.counters
        answer = shake_hands(bytes(head[:cut]), limits.path, limits.origins)
        self._since = self._board.time()
        if isinstance(answer, Refused):
            counters.refused += 1
            self._phase = _Phase.GONE
            self._transport.write(answer.response)
            self._transport.write_eof()
            return b""
        counters.opened += 1
        self._phase = _Phase.OPEN
        self._speaks = True
        self.codec = self._framing.codec = answer.codec
        self.opened_at = self._board.loop.time()
        self._transport.write(answer.response)
        self._board.handler.opened(self, answer.token)
        return bytes(head[cut:])

    def _turn_away(self) -> None:
        board = self._board
        board.counters.refused += 1
        self._phase = _Phase.GONE
        self._gathered = None
        self._since = board.time()
        self._transport.write(board.admission.refusal())
        self._transport.write_eof()

    def _parse(self, data: bytes) -> None:
        framing = self._framing
        framing.receive_data(data)
        self._queue_framing()
        self._speaks = self._speaks and framing.state is OPEN
        for frame in framing.frames_received():
            # Messages that arrived together with the client's close frame still count; after ours none does.
            if self._phase is not _Phase.OPEN:
                break
            if frame.opcode in DATA_OPCODES:
                self._take(frame)
        self._settle()

    def _take(self, frame: Frame) -> None:
        """One data frame: join fragments, check kind and size, hand on the message."""
        if frame.opcode is not Opcode.CONT and frame.opcode != self.codec.opcode:
            self.close(CloseCode.MALFORMED, f"{frame.opcode.name.lower()} frame in a {self.codec.name} session")
            return
        payload = bytes(frame.data)
        if self._gathered is not None or not frame.fin:
            gathered = self._gathered = self._gathered or bytearray()
            gathered += payload
            if not frame.fin:
                return
            payload, self._gathered = bytes(gathered), None
        self._hand_on(payload)

    def _hand_on(self, payload: bytes) -> None:
        board = self._board
        if len(payload) > board.limits.max_message:
            self.close(CloseCode.FRAME_TOO_LARGE, "the message is too large")
            return
        try:
            message = self.codec.decode(payload)
        except Malformed as fault:
            self.close(CloseCode.MALFORMED, fault.reason)
        except Invalid as fault:
            board.counters.invalid += 1
            board.handler.invalid(self, fault)
        else:
            board.counters.received += 1
            board.handler.received(self, message)

    def _settle(self) -> None:
        """After input: the other side, or a fault in its frames, may have begun the closing."""
        if self._phase is _Phase.OPEN and self._framing.state is not OPEN:
            self._begin_closing()
        self._queue_framing()

    def _begin_closing(self) -> None:
        framing = self._framing
        self._phase = _Phase.CLOSING
        self._speaks = False
        self._gathered = None
        self._since = self._board.time()
        if framing.close_sent is not None and not framing.close_rcvd_then_sent:
            self._board.counters.closed[CloseCode(framing.close_sent.code)] += 1

    def _queue(self, frame: bytes) -> None:
        out = self._out
        if out is None:
            self._out = frame
            self._board.flush_soon(self)
        elif isinstance(out, bytes):
            self._out = [out, frame]
        else:
            out.append(frame)
        self._waiting += len(frame)
        if self._waiting > _WRITE_AT:
            self.flush()

    def _queue_framing(self) -> None:
        """What the framing has to say for itself: pings, pongs, `bye` and the close frame."""
        for piece in self._framing.data_to_send():
            self._queue(piece)

    def _too_slow(self, buffered: int, more: int) -> bool:
        """Whether the client is cut instead of being sent still more.

        One message larger than the allowance is let through when nothing else waits: to cut the client for it
        would only make him come back for the same message.
        """
        board = self._board
        board.counters.fullest = max(buffered, board.counters.fullest)
        if self._speaks and buffered + more > board.limits.max_unsent:
            self.close(CloseCode.SLOW, "you do not read fast enough")
            return True
        return False


def _host(address: str) -> str:
    return address.rpartition(":")[0]


def _address(peername: tuple[str, int] | tuple[str, int, int, int] | None) -> str:
    if peername is None:
        return "unknown"
    host, port = peername[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
