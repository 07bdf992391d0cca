"""Sessions of agents without a hub, and what they are told, in short."""

from typing import Any

from dispatch.identity import Identity, Role
from dispatch.records.agents import Agent
from geo.crs import Crs
from geo.point import Point
from realtime.session import (
    AgentSession,
    OfferBook,
)
from realtime.wire import Outbound
from tests.realtime.log import SHOWING, Log

HOME = Point(31.2304, 121.4737)


def told(messages: list[Outbound]) -> list[tuple[Any, ...]]:
    """What each says, in short."""
    return [_short(message.message) for message in messages]


def _short(message: dict[str, Any]) -> tuple[Any, ...]:
    match message["type"]:
        case "offer" | "job" | "order":
            return message["type"], message["order"]["id"], message["order"]["version"]
        case "desk":
            return "desk", message["event"], message["order"]["id"]
        case kind:
            return kind, message["order_id"], message["reason"]


def agent_session(
    book: OfferBook, agent_id: str = "v-1", crs: Crs = Crs.WGS84, session_id: str = "s-1"
) -> AgentSession:
    agent = Agent(
        id=agent_id, role="valet", region="r", name="Wang", phone="+8613900000001", skills=("towing",), capacity=1,
        home=HOME, suspended=False,
    )  # fmt: skip
    return AgentSession(session_id, Identity(agent_id, Role.VALET, None, 0), crs, agent, book)


def begin(session: AgentSession, log: Log, **present: Any) -> dict[str, Any]:
    lists = session.lists(log.present(**present), SHOWING)
    assert session.resume() == []
    return lists
