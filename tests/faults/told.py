"""What the sessions of agents were told on the stream, held against PROTOCOL §4 and the timelines.

Owns two rules: a `retract` reaches only whom the offer stood with; an offer reaches each whose session lived on. What
clients show at the end is compared elsewhere. Pure. Invariant: whoever was told the present (`welcome`, `snapshot`)
after something happened can not complain that he was not told of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from loadtest.judge import Event, Fault
from tests.faults.notebook import Heard

SECOND_NS = 1_000_000_000
SETTLED_NS = 2 * SECOND_NS
"""A session that was welcomed within this time of an event may have been shown it in `welcome`."""
PATIENCE_NS = 20 * SECOND_NS
"""A session that lived on for so long has heard what there was to hear."""
_SHOWS_AN_OFFER = frozenset({"offer", "welcome:offers", "snapshot:offers"})
_OVER = ("won", "taken", "gone", "refused declined", "refused suspended")


@dataclass(slots=True)
class Session:
    """What one connection of one app heard, in its order."""

    who: str
    heard: list[Heard] = field(default_factory=list)

    @property
    def from_ns(self) -> int:
        return self.heard[0].at

    @property
    def until_ns(self) -> int:
        """A `bye` may come from the next connection, which was not let in, or from a node that hung."""
        return max(each.at for each in self.heard if each.type != "bye")

    @property
    def last_present_ns(self) -> int:
        return max(each.at for each in self.heard if each.type in ("welcome", "snapshot"))


def sessions(told: Iterable[Heard]) -> list[Session]:
    """Verdicts by HTTP (session 0) belong to none."""
    found: dict[tuple[str, int], Session] = {}
    for each in told:
        if each.session:
            found.setdefault((each.who, each.session), Session(each.who)).heard.append(each)
    return list(found.values())


def strange_retracts(every: Iterable[Session]) -> Iterator[Fault]:
    """Told to somebody with whom the offer did not stand."""
    for session in every:
        standing: set[str] = set()
        for each in session.heard:
            match each.type:
                case "welcome" | "snapshot":
                    standing.clear()
                case kind if kind in _SHOWS_AN_OFFER:
                    standing.add(each.order_id)
                case "retract":
                    if each.order_id not in standing:
                        yield Fault("strange retract", each.order_id, f"{each.who} was told `{each.word}`")
                    standing.discard(each.order_id)
                case "job":
                    standing.discard(each.order_id)
                case "verdict" if each.word.startswith(_OVER):
                    standing.discard(each.order_id)


def untold(
    every: Iterable[Session],
    agent_of: Mapping[str, str],
    timelines: Mapping[str, Sequence[Event]],
    monotonic_minus_wall_ns: int,
    closed: Sequence[tuple[int, int]] = (),
) -> Iterator[Fault]:
    """An offer stands in the timeline, the agent's session lived on, was not told the present, and never heard of it.

    `agent_of`: app → agent. Where Redis' clock was moved the caller leaves the orders out. `closed`: when Redis was in
    trouble, by the monotonic clock, ns; who may have missed something then is told the present, but only afterwards.
    """
    offered = _offered(timelines, monotonic_minus_wall_ns)
    for session in every:
        heard_of = {each.order_id for each in session.heard}
        for order_id, at in offered.get(agent_of.get(session.who, ""), ()):
            since = max((until for begun, until in closed if begun < at + PATIENCE_NS and at < until), default=at)
            lived_on = session.from_ns + SETTLED_NS < at and since < session.until_ns - PATIENCE_NS
            if lived_on and order_id not in heard_of and session.last_present_ns < at:
                yield Fault("untold", order_id, f"{session.who} was offered it and not told")


def _offered(timelines: Mapping[str, Sequence[Event]], shift_ns: int) -> dict[str, list[tuple[str, int]]]:
    """Agent → (order, when by our monotonic clock)."""
    found: dict[str, list[tuple[str, int]]] = {}
    for order_id, timeline in timelines.items():
        for event in timeline:
            for agent_id in event.data.get("agents") or ():
                found.setdefault(agent_id, []).append((order_id, event.at * 1_000_000 + shift_ns))
    return found
