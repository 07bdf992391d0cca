"""The AsyncAPI 3.0 document of the stream, made of the structs that validate (`messages`) and of those that the
tests hold every answer against (`answers`).

Pure. Owns who says what to whom, and what answers it; writes down no field by itself. Invariant: a message without
an example, a word on its answers or its roles does not pass: everything is looked up by type.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from dispatch.identity import AGENTS, Role
from dispatch.json_schemas import Schema, components, schema
from realtime import examples
from realtime.answers import ServerMessage
from realtime.messages import ClientMessage
from realtime.wire import CODECS, CloseCode, Codec

_AGENTS = tuple(sorted(role.value for role in AGENTS))
_EVERYBODY = tuple(role.value for role in Role)
_LISTED = (*_AGENTS, Role.DISPATCHER.value, Role.CUSTOMER.value)

_ASKED: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "hello": (_EVERYBODY, ("welcome", "error", "bye")),
    "position": (_AGENTS, ("error",)),
    "status": (_AGENTS, ("ok", "error")),
    "grab": (_AGENTS, ("verdict", "error")),
    "decline": (_AGENTS, ("ok", "error")),
    "seen": (_AGENTS, ("error",)),
    "heard": ((*_AGENTS, Role.DISPATCHER.value), ("ok", "error")),
    "progress": (_AGENTS, ("ok", "error")),
    "release": (_AGENTS, ("ok", "error")),
    "ping": (_EVERYBODY, ("pong", "error")),
}
"""Who may say it, and what may answer it; `position`, `seen` and a `heard` without `ref` are answered when they have a
fault only."""

_TOLD: Mapping[str, Sequence[str]] = {
    "welcome": _EVERYBODY,
    "snapshot": _LISTED,
    "offer": _AGENTS,
    "retract": _AGENTS,
    "verdict": _AGENTS,
    "job": _AGENTS,
    "unjob": _AGENTS,
    "order": (Role.CUSTOMER.value,),
    "track": (Role.CUSTOMER.value,),
    "desk": (Role.DISPATCHER.value,),
    "notice": _EVERYBODY,
    "ok": (*_AGENTS, Role.DISPATCHER.value),
    "pong": _EVERYBODY,
    "error": _EVERYBODY,
    "bye": _EVERYBODY,
}
_ANSWERS = frozenset({"welcome", "verdict", "ok", "pong", "error"})
"""Told to whoever asked only."""

_CLOSES: Mapping[CloseCode, str] = {
    CloseCode.DRAINING: "The server is going down",
    CloseCode.SLOW: "More than 256 KiB were unsent",
    CloseCode.NO_PONG: "A ping was not answered in time",
    CloseCode.START_OVER: "The server can not go on with this session; a new one can",
    CloseCode.TOO_MANY: "Too many messages",
    CloseCode.TOKEN_INVALID: "The token is not valid, or there is none",
    CloseCode.TOKEN_EXPIRED: "The token has expired",
    CloseCode.FORBIDDEN: "Not for this token; an agent that no operator has put, too",
    CloseCode.SUSPENDED: "The agent is suspended",
    CloseCode.REPLACED: "A newer session of the same one took its place",
    CloseCode.KICKED: "An operator ended the session",
    CloseCode.HELLO_EXPECTED: "The first message was another, or none came within 5 s",
    CloseCode.MALFORMED: "A frame that is no message, or a bad `hello`",
    CloseCode.FRAME_TOO_LARGE: "A message over 64 KiB",
}
_FIRST_FINAL_CODE = 4500
_MEDIA = {"json": "application/json", "msgpack": "application/vnd.msgpack"}

_ABOUT = """Offers, grabs and jobs as they happen.

The first message is `hello`, the first answer `welcome`, which holds the present; after that a session hears of one
order in the order of its versions. While a command of its own on an order is unanswered, what concerns that order
waits behind the answer. Positions are WGS-84 unless `crs` of `hello` says otherwise, both ways. A client ignores
fields and message types that it does not know; the server refuses fields that it does not know. After a close with a
code that says `reconnect` in `x-close-codes`, come back after `reconnect_after_ms` of `bye`, else after a full-jitter
back-off from 0.5 s to 20 s. What is over a rate limit is answered with an `error`, code `rate_limited`, and not carried
out; who goes on is closed with 4004. The HTTP interface is described by `/openapi.json`."""
_TOKEN = """In the `Authorization` header of the upgrade or, for browsers, which can not set it, as `token` of `hello`.
Claims: `sub` (the id), `role`, `aud` = `valet-dispatch`, `exp`, `iat`, and optionally `regions` (absent: all)."""
_CODEC = """Both subprotocols carry the same messages with the same fields; without an offered one it is JSON. Frames of
the other kind than the subprotocol's close the session."""


def document() -> Schema:
    asked, told = _by_type(ClientMessage), _by_type(ServerMessage)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Valet dispatch: the stream", "version": "1", "description": _ABOUT},
        "defaultContentType": "application/json",
        "servers": {"stream": _server()},
        "channels": {"stream": _channel([*asked, *told])},
        "operations": _received(asked) | _sent(told),
        "components": {
            "messages": _messages(asked, examples.CLIENT, {kind: roles for kind, (roles, _) in _ASKED.items()})
            | _messages(told, examples.SERVER, _TOLD),
            "schemas": components(asked.values(), told.values()),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": _TOKEN}
            },
        },
    }


def _by_type(forms: Any) -> dict[str, Any]:
    return {str(form.__struct_config__.tag): form for form in get_args(forms)}


def _server() -> Schema:
    return {
        "host": "{host}",
        "protocol": "ws",
        "protocolVersion": "13",
        "description": "TLS, if any, is ended by a proxy in front: then `wss`.",
        "variables": {"host": {"default": "127.0.0.1:8001", "description": "Host and port"}},
        "security": [{"$ref": "#/components/securitySchemes/token"}],
    }


def _channel(kinds: Iterable[str]) -> Schema:
    return {
        "address": "/v1/stream",
        "title": "The stream",
        "description": _CODEC,
        "servers": [{"$ref": "#/servers/stream"}],
        "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in kinds},
        "bindings": {
            "ws": {
                "method": "GET",
                "headers": {
                    "type": "object",
                    "properties": {
                        "Authorization": {"type": "string", "pattern": "^[Bb]earer ", "description": _TOKEN},
                        "Sec-WebSocket-Protocol": {
                            "type": "string",
                            "description": "First known of",
                            "enum": [*CODECS],
                        },
                    },
                },
                "bindingVersion": "0.1.0",
            }
        },
        "x-subprotocols": {name: _subprotocol(codec) for name, codec in CODECS.items()},
        "x-close-codes": {str(code.value): _close_code(code) for code in CloseCode},
    }


def _subprotocol(codec: Codec) -> Schema:
    return {
        "contentType": _MEDIA[codec.name],
        "frames": "text" if codec.opcode == 1 else "binary",
        "default": codec.name == "json",
    }


def _close_code(code: CloseCode) -> Schema:
    return {
        "name": code.name.lower(),
        "description": _CLOSES[code],
        "reconnect": code < _FIRST_FINAL_CODE,
    }


# --- messages and operations --------------------------------------------------------------------------


def _messages(forms: Mapping[str, Any], shown: examples.Examples, roles: Mapping[str, Sequence[str]]) -> Schema:
    return {kind: _message(kind, form, shown[kind], roles[kind]) for kind, form in forms.items()}


def _message(kind: str, form: Any, shown: Mapping[str, Any], roles: Sequence[str]) -> Schema:
    told: Schema = {
        "name": kind,
        "title": kind,
        "payload": schema(form),
        "examples": [{"name": _name(kind, title), "summary": title, "payload": each} for title, each in shown.items()],
        "x-roles": list(roles),
    }
    if "ref" in form.__struct_fields__:
        told["correlationId"] = {
            "description": "Any text of the client's; the answer carries it",
            "location": "$message.payload#/ref",
        }
    return told


def _name(kind: str, title: str) -> str:
    words = "".join(each if each.isalnum() else " " for each in title).title().split()
    return kind + "".join(words)


def _received(asked: Mapping[str, Any]) -> Schema:
    return {f"receive_{kind}": _operation("receive", kind) | {"reply": _reply(_ASKED[kind][1])} for kind in asked}


def _sent(told: Mapping[str, Any]) -> Schema:
    """What comes without being asked for; answers stand with what they answer."""
    return {f"send_{kind}": _operation("send", kind) for kind in told if kind not in _ANSWERS}


def _operation(action: str, kind: str) -> Schema:
    """From the server's side, as AsyncAPI 3 has it."""
    return {
        "action": action,
        "title": kind,
        "channel": {"$ref": "#/channels/stream"},
        "messages": [_of_channel(kind)],
    }


def _reply(kinds: Iterable[str]) -> Schema:
    return {"channel": {"$ref": "#/channels/stream"}, "messages": [_of_channel(kind) for kind in kinds]}


def _of_channel(kind: str) -> Schema:
    return {"$ref": f"#/channels/stream/messages/{kind}"}
