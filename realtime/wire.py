"""The wire: close codes, the two codecs, and frames that are encoded once for all their receivers.

Knows no sockets and no rules of dispatch; the messages themselves are in `messages`.
Invariant: whatever bytes a client sends, `Codec.decode` returns a message within its bounds or raises
`Malformed` (the session ends) or `Invalid` (the session lives), and nothing else.
"""

import re
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, Literal, NoReturn

import msgspec
import orjson

from realtime.messages import (
    MAX_REF,
    Availability,
    ClientMessage,
    Decline,
    Grab,
    Heard,
    Hello,
    Ping,
    Position,
    Progress,
    Release,
    Seen,
    SetStatus,
    Step,
)

__all__ = [
    "CODECS",
    "JSON",
    "MSGPACK",
    "Availability",
    "ClientMessage",
    "CloseCode",
    "Codec",
    "Decline",
    "Grab",
    "Heard",
    "Hello",
    "Invalid",
    "Malformed",
    "Message",
    "Outbound",
    "Ping",
    "Position",
    "Progress",
    "Release",
    "Seen",
    "SetStatus",
    "Step",
    "bye",
]

Message = dict[str, Any]
"""What the server says: `{"type": …}` and the fields of PROTOCOL §4; msgspec structs may stand inside."""


class CloseCode(IntEnum):
    """PROTOCOL §4. Below 4500 the client comes back; from 4500 on not as it is."""

    DRAINING = 4000
    SLOW = 4001
    NO_PONG = 4002
    START_OVER = 4003
    TOO_MANY = 4004
    TOKEN_INVALID = 4500
    TOKEN_EXPIRED = 4501
    FORBIDDEN = 4502
    SUSPENDED = 4503
    REPLACED = 4504
    KICKED = 4505
    HELLO_EXPECTED = 4506
    MALFORMED = 4507
    FRAME_TOO_LARGE = 4509


class Malformed(Exception):
    """Not a message at all: close with 4507."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Invalid(Exception):
    """A message with a fault: answer `error`, code `invalid`. The text names the field.

    `type` is what the client called it, known or not; `ref` is None where it was absent or itself at fault.
    """

    def __init__(self, type: str, message: str, ref: str | None) -> None:
        super().__init__(message)
        self.type = type
        self.message = message
        self.ref = ref


class _Envelope(msgspec.Struct):
    """As much of a message as its fault's answer needs.

    Raw skips a value without building it: an array header of four bytes may announce 2**32 entries.
    """

    type: str
    ref: msgspec.Raw = msgspec.Raw(b"")


_KNOWN_TYPES: Final = frozenset(
    str(kind.__struct_config__.tag)
    for kind in (Hello, Position, SetStatus, Grab, Decline, Seen, Heard, Progress, Release, Ping)
)
_AT_PATH: Final = re.compile(r"(?P<what>.*) - at `\$\.?(?P<path>[^`]*)`", re.DOTALL)
_MAX_FAULT_TEXT: Final = 300
_MAX_TYPE_TEXT: Final = 64


class Codec:
    """One of the two subprotocols; use `JSON` or `MSGPACK`."""

    __slots__ = ("_decode", "_decode_envelope", "_decode_ref", "_encode", "name", "opcode", "subprotocol")

    name: Literal["json", "msgpack"]
    subprotocol: str
    opcode: int
    """Of the WebSocket frames it goes in: 1 is text, 2 is binary."""

    def __init__(self, name: Literal["json", "msgpack"]) -> None:
        self.name = name
        self.subprotocol = f"dispatch.v1.{name}"
        self.opcode = 1 if name == "json" else 2
        decoder: type[Any] = msgspec.json.Decoder if name == "json" else msgspec.msgpack.Decoder
        self._decode: Callable[[bytes], ClientMessage] = decoder(ClientMessage).decode
        self._decode_envelope: Callable[[bytes], _Envelope] = decoder(_Envelope).decode
        self._decode_ref: Callable[[msgspec.Raw], str] = decoder(str).decode
        self._encode: Callable[[Any], bytes] = _encode_json if name == "json" else msgspec.msgpack.Encoder().encode

    def decode(self, payload: bytes) -> ClientMessage:
        """One message of a client. Raises Malformed or Invalid."""
        try:
            return self._decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            fault = exc
        self._refuse(payload, fault)

    def encode(self, message: Message | msgspec.Struct) -> bytes:
        return self._encode(message)

    def _refuse(self, payload: bytes, fault: Exception) -> NoReturn:
        """Parse once more, only to tell a fault in a message from bytes that are none."""
        try:
            if self.name == "json":
                payload.decode()
            envelope = self._decode_envelope(payload)
        except UnicodeDecodeError as exc:
            raise Malformed("not UTF-8") from exc
        except RecursionError as exc:
            raise Malformed("nested too deeply") from exc
        except msgspec.ValidationError as exc:
            raise Malformed(f"not a map with a string `type`: {exc}") from exc
        except msgspec.MsgspecError as exc:
            raise Malformed(f"not {self.name}: {exc}") from exc
        if isinstance(fault, UnicodeDecodeError):
            raise Malformed("not UTF-8") from fault
        raise Invalid(envelope.type[:_MAX_TYPE_TEXT], _fault_text(envelope.type, fault), self._ref(envelope)) from fault

    def _ref(self, envelope: _Envelope) -> str | None:
        try:
            ref = self._decode_ref(envelope.ref)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        return ref if len(ref) <= MAX_REF else None


def _fault_text(type_: str, fault: Exception) -> str:
    if type_ not in _KNOWN_TYPES:
        return "type: there is no message of this type"
    text = str(fault)
    if at := _AT_PATH.fullmatch(text):
        text = f"{at['path']}: {at['what']}" if at["path"] else at["what"]
    return text[:_MAX_FAULT_TEXT]


def _encode_json(message: Any) -> bytes:
    return orjson.dumps(message, default=msgspec.to_builtins)


JSON: Final = Codec("json")
MSGPACK: Final = Codec("msgpack")
CODECS: Final = {codec.subprotocol: codec for codec in (JSON, MSGPACK)}


class Outbound:
    """A message on its way to any number of connections, encoded at most once a codec.

    A `sheddable` one may be left out for a client that does not keep up (a later one makes up for it).
    """

    __slots__ = ("_frames", "message", "sheddable")

    def __init__(self, message: Message, *, sheddable: bool = False) -> None:
        self.message = message
        self.sheddable = sheddable
        self._frames: dict[str, bytes] = {}

    def frame(self, codec: Codec) -> bytes:
        """The whole WebSocket frame, header and payload, unmasked as a server sends it."""
        frame = self._frames.get(codec.name)
        if frame is None:
            frame = self._frames[codec.name] = _framed(codec.opcode, codec.encode(self.message))
        return frame


def _framed(opcode: int, payload: bytes) -> bytes:
    """RFC 6455 §5.2: FIN and opcode, the length in its shortest form, the payload."""
    length = len(payload)
    first = 0x80 | opcode
    if length < 126:
        return bytes((first, length)) + payload
    if length < 65536:
        return bytes((first, 126)) + length.to_bytes(2, "big") + payload
    return bytes((first, 127)) + length.to_bytes(8, "big") + payload


def bye(code: CloseCode, reason: str, reconnect_after_ms: int | None = None) -> Outbound:
    """What everyone hears just before the server closes."""
    return Outbound({"type": "bye", "code": int(code), "reason": reason, "reconnect_after_ms": reconnect_after_ms})
