"""One connection of a session: its upgrade, its `hello`, and what its end means.

Owns the mapping of every way in which a connection can fail or end onto a `Goodbye`. Keeps no state between
connections but what the next `hello` has to say; knows neither views nor questions.
"""

from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from loadtest.wire import SUBPROTOCOL, Codec, Message

LOST = 1006
LONGEST_FRAME = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Goodbye:
    """How a connection ended. No code: it was lost."""

    code: int | None
    reason: str = ""


@dataclass(slots=True)
class Hello:
    """Who comes, and what he last said of himself; a session that comes back says it again."""

    token: str
    token_in_hello: bool
    position: tuple[float, float] | None
    status: str | None
    crs: str | None

    def headers(self) -> dict[str, str]:
        return {} if self.token_in_hello else {"Authorization": f"Bearer {self.token}"}

    def message(self) -> Message:
        position = None if self.position is None else {"lat": self.position[0], "lon": self.position[1]}
        token = self.token if self.token_in_hello else None
        said = {"token": token, "position": position, "status": self.status, "crs": self.crs}
        return {"type": "hello"} | {name: value for name, value in said.items() if value is not None}


def opening(url: str, codec: Codec, hello: Hello) -> open_websocket:
    return open_websocket(
        url,
        subprotocols=[Subprotocol(SUBPROTOCOL[codec])],
        additional_headers=hello.headers(),
        compression=None,
        proxy=None,
        close_timeout=2,
        max_size=LONGEST_FRAME,
    )


def ended(socket: ClientConnection) -> Goodbye:
    return Goodbye(None if socket.close_code == LOST else socket.close_code, socket.close_reason or "")


def refused_upgrade(refusal: InvalidStatus) -> Goodbye:
    """A refused upgrade says the same as a close: 4xx do not come back, 5xx is an accident."""
    status = refusal.response.status_code
    code = {401: 4500, 403: 4502, 408: None, 429: None}.get(status, 4507 if 400 <= status < 500 else None)
    return Goodbye(code, f"HTTP {status} on the upgrade")
