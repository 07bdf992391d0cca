"""What the floor spends on a request and its reply.

Owns the two frames, of the size of a grab and its verdict. Invariant: the requests come
from the clients that ask the server, in the bursts in which they ask it.
"""

import time
from typing import Any

import msgspec

from loadtest.rig.herds import FLOOR, Herds
from loadtest.rig.usage import Cost

_ORDER = "01M3253JTGE1Y4N0W2K7C8B5QX"
REQUEST = {"type": "grab", "ref": _ORDER[-8:], "order_id": _ORDER}
REPLY = {"type": "verdict", "ref": _ORDER[-8:], "order_id": _ORDER, "outcome": "taken"}


def encoded(message: dict[str, Any], codec: str) -> str:
    """One character a byte, as the line carries it."""
    packed = msgspec.json.encode(message) if codec == "json" else msgspec.msgpack.encode(message)
    return packed.decode("latin-1")


async def bursts(crowd: Herds, rounds: int, at_once: int) -> Cost:
    """Each group asks with all hands at once, so many times; `at_once` groups at a time."""
    await crowd.floor_answers(encoded(REPLY, crowd.codec))
    before, began = crowd.floor_usage(), time.monotonic()
    asked = await crowd.ask_all(FLOOR, encoded(REQUEST, crowd.codec), rounds, at_once)
    spent, lasted = crowd.floor_usage().since(before), time.monotonic() - began
    await crowd.counted(FLOOR)
    return Cost(spent.total, asked, lasted)
