"""§4: faults in messages: which end the connection, and which are answered while the session lives.

Speaks the subprotocol of the run, and breaks it on purpose; what the frames of a message say is the other modules'
matter. Left out: 4004, for PROTOCOL names no rate, and 4001, which takes megabytes.
"""

from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import Broken, error, has, same
from loadtest.checks.line import Line
from loadtest.wire import SUBPROTOCOL, decode, encode

MOST_BYTES = 64 * 1024


# --- what ends the connection -------------------------------------------------------------------------


@clause("§4", "a frame that can not be parsed closes with 4507")
async def not_parseable(corner: Corner) -> None:
    line = await corner.customer()
    await line.send_raw("{not json" if line.codec == "json" else b"\xc1")
    await line.closed(4507)


@clause("§4", "a frame of the wrong kind for the subprotocol closes with 4507")
async def wrong_kind(corner: Corner) -> None:
    line = await corner.customer()
    await line.send_raw(encode({"type": "ping"}, "msgpack" if line.codec == "json" else "json"))
    await line.closed(4507)


@clause("§4", "a message without `type` closes with 4507")
async def no_type(corner: Corner) -> None:
    line = await corner.customer()
    await line.send({"ref": "1"})
    await line.closed(4507)


@clause("§4", "a bad hello closes with 4507: a position off the map", position={"lat": 91, "lon": 0})
@clause("§4", "a bad hello closes with 4507: an unknown status", status="asleep")
@clause("§4", "a bad hello closes with 4507: an unknown crs", crs="mars")
@clause("§4", "a bad hello closes with 4507: an unknown field", mood="good")
async def bad_hello(corner: Corner, **hello: Any) -> None:
    agent_id = await corner.put_agent("v", await corner.kind())
    line = await _opened(corner, "valet", agent_id)
    await line.send({"type": "hello", **hello})
    await line.closed(4507)


@clause("§4", "anything before hello closes with 4506", message={"type": "ping"})
@clause("§4", "a position before hello closes with 4506", message={"type": "position", "lat": 0, "lon": 0})
async def before_hello(corner: Corner, message: dict[str, Any]) -> None:
    line = await _opened(corner, "customer", corner.name("c"))
    await line.send(message)
    await line.closed(4506)


@clause("§4", "nothing within 5 s closes with 4506")
async def no_hello(corner: Corner) -> None:
    line = await _opened(corner, "customer", corner.name("c"))
    await line.closed(4506)


@clause("§4", "a message over 64 KiB closes with 4509")
async def too_large(corner: Corner) -> None:
    line = await corner.customer()
    await line.send_raw(_padded(line, MOST_BYTES + 1))
    await line.closed(4509)


@clause("§4", "a message over 64 KiB in fragments closes with 4509")
async def too_large_in_fragments(corner: Corner) -> None:
    line = await corner.customer()
    await line.send_raw(_fragments(_padded(line, MOST_BYTES + 1), 4))
    await line.closed(4509)


def _padded(line: Line, size: int) -> Any:
    """A message of that many bytes, in the fault that it has a field too many."""
    empty = len(encode({"type": "ping", "padding": ""}, line.codec))
    # MessagePack writes the length of a longer string in more bytes.
    more = 0 if line.codec == "json" else (2 if size <= 0xFFFF + empty else 4)
    frame = encode({"type": "ping", "padding": "x" * (size - empty - more)}, line.codec)
    same(len(frame), size, "the test's own frame, bytes")
    return frame


def _fragments(frame: Any, count: int) -> list[Any]:
    size = len(frame) // count + 1
    return [frame[i : i + size] for i in range(0, len(frame), size)]


async def _opened(corner: Corner, role: str, sub: str) -> Line:
    line = corner.line(role, sub)
    await line.open()
    return line


# --- what the session survives ------------------------------------------------------------------------


@clause("§4", "`invalid`, and the session lives: an unknown type", message={"type": "dance"})
@clause("§4", "`invalid`, and the session lives: an unknown field", message={"type": "ping", "mood": "good"})
@clause("§4", "`invalid`, and the session lives: a missing field", message={"type": "grab"})
@clause("§4", "`invalid`, and the session lives: a field of the wrong form", message={"type": "grab", "order_id": 7})
@clause(
    "§4", "`invalid`, and the session lives: an unknown step",
    message={"type": "progress", "order_id": "01M8112R2M0000000000000000", "fence": 1, "step": "asleep"},
)  # fmt: skip
@clause("§4", "`invalid`, and the session lives: an unknown status", message={"type": "status", "status": "asleep"})
async def survived(corner: Corner, message: dict[str, Any]) -> None:
    agent = await corner.valet("v", await corner.kind())
    await agent.refused(message, "invalid")
    await agent.ping()


@clause("§4", "`invalid`, and the session lives: a position beyond latitude 85", lat=85.1, lon=0.0)
@clause("§4", "`invalid`, and the session lives: a position beyond longitude 180", lat=0.0, lon=180.5)
async def off_the_map(corner: Corner, lat: float, lon: float) -> None:
    agent = await corner.valet("v", await corner.kind())
    await agent.send({"type": "position", "lat": lat, "lon": lon})
    error(await agent.hear("error"), "invalid")
    await agent.ping()


@clause("§4", "a fault in a message without a ref is answered by an `error` without one")
async def without_ref(corner: Corner) -> None:
    agent = await corner.valet("v", await corner.kind())
    await agent.send({"type": "status", "status": "asleep"})
    await agent.hear("error", where=lambda each: "ref" not in each)


@clause("§4", "a message of 64 KiB is not too large")
async def just_not_too_large(corner: Corner) -> None:
    line = await corner.customer()
    await line.send_raw(_padded(line, MOST_BYTES))
    error(await line.hear("error"), "invalid")
    await line.ping()


@clause("§4", "the fragments of a message are joined")
async def fragments(corner: Corner) -> None:
    line = await corner.customer()
    await line.send_raw(_fragments(encode({"type": "ping", "ref": "in fragments"}, line.codec), 3))
    same((await line.hear("pong"))["ref"], "in fragments", "ref")


# --- the subprotocol ----------------------------------------------------------------------------------


@clause("§4", "who offers no subprotocol is spoken to in JSON")
async def no_subprotocol(corner: Corner) -> None:
    line = corner.line("customer", corner.name("c"))
    async with connect(line.url, additional_headers=line.hello.headers(), proxy=None) as socket:
        await socket.send(encode(line.hello.message(), "json"))
        frame = await socket.recv()
        same(decode(frame)["type"], "welcome", "the first message")
        same((socket.subprotocol, isinstance(frame, str)), (None, True), "the subprotocol, and a text frame")


@clause("§4", "who offers several subprotocols gets one that the server knows")
async def several_subprotocols(corner: Corner) -> None:
    line = corner.line("customer", corner.name("c"))
    known = SUBPROTOCOL[line.codec]
    offered = [Subprotocol("dispatch.v9.xml"), Subprotocol(known)]
    async with connect(line.url, subprotocols=offered, additional_headers=line.hello.headers(), proxy=None) as socket:
        same(socket.subprotocol, known, "the subprotocol")


@clause("§4", "only unknown subprotocols are refused with HTTP 400")
async def unknown_subprotocols(corner: Corner) -> None:
    line = corner.line("customer", corner.name("c"))
    offered = [Subprotocol("dispatch.v9.xml")]
    try:
        async with connect(line.url, subprotocols=offered, additional_headers=line.hello.headers(), proxy=None):
            raise Broken("HTTP 400 on the upgrade", "the upgrade succeeded")
    except InvalidStatus as refusal:
        same(refusal.response.status_code, 400, "the status of the upgrade")


# --- who may say what ---------------------------------------------------------------------------------

AGENTS_MESSAGES: dict[str, dict[str, Any]] = {
    "grab": {"order_id": "01M8112R2M0000000000000000"},
    "decline": {"order_id": "01M8112R2M0000000000000000"},
    "progress": {"order_id": "01M8112R2M0000000000000000", "fence": 1, "step": "working"},
    "release": {"order_id": "01M8112R2M0000000000000000", "fence": 1, "reason": "no tools"},
    "status": {"status": "paused"},
}


@clause("§4", "a customer who says what only agents may hears `forbidden`, and the session lives", role="customer")
@clause("§4", "a dispatcher who says what only agents may hears `forbidden`, and the session lives", role="dispatcher")
async def agents_only(corner: Corner, role: str) -> None:
    line = await corner.join(role, corner.name(role))
    for kind, more in AGENTS_MESSAGES.items():
        await line.refused({"type": kind, **more}, "forbidden")
    await line.ping()


@clause("§4", "before it closes a connection the server says `bye`, with code, reason and reconnect_after_ms")
async def bye(corner: Corner) -> None:
    line = await corner.customer()
    await line.send({"ref": "no type"})
    await line.closed(4507)
    has(line.heard[-1], {"type": "bye", "code": 4507}, "the last message")
