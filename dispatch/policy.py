"""The terms on which a kind of order is dispatched (PROTOCOL §6).

Pure. A policy is an operator's document; `Terms` are what one script call is given of it. Invariant: a
policy that passed `parse` can open, widen and escalate an order without a further check.
"""

from typing import Annotated, Any, Literal, get_args

import msgspec

from dispatch.errors import InvariantBroken, invalid
from dispatch.identity import ID_PATTERN
from dispatch.order import HELD, Status

AgentRole = Literal["valet", "shop"]
Listen = Literal["before", "after"]
HeldStatus = Literal["assigned", "en_route", "arrived", "working"]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=31_536_000)]
Fen = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000_000)]
HALF_THE_WORLD_M = 20_040_000


class Round(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Offer to the nearest `limit` eligible agents within `radius_m`, for `seconds`."""

    radius_m: Annotated[int, msgspec.Meta(ge=1, le=HALF_THE_WORLD_M)]
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    seconds: Seconds
    bonus_fen: Fen = 0


StallSeconds = Annotated[
    dict[HeldStatus, Seconds], msgspec.Meta(extra_json_schema={"propertyNames": {"enum": list(get_args(HeldStatus))}})
]
Rounds = Annotated[tuple[Round, ...], msgspec.Meta(min_length=1, max_length=20)]


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    kind: str
    audience: Annotated[tuple[AgentRole, ...], msgspec.Meta(min_length=1, max_length=2)]
    rounds: Rounds
    desk_seconds: Seconds = 900.0
    lead_seconds: Annotated[float, msgspec.Meta(ge=0, le=31_536_000)] = 1800.0
    stall_seconds: StallSeconds = {}
    hall_radius_m: Annotated[int, msgspec.Meta(ge=0, le=HALF_THE_WORLD_M)] = 0
    private_details: Annotated[tuple[str, ...], msgspec.Meta(max_length=100)] = ()
    listen: Listen = "after"
    """Whether candidates may listen to voice notes before they hold the order, or only see that there are some."""

    @property
    def desk_ms(self) -> int:
        return _ms(self.desk_seconds)

    @property
    def lead_ms(self) -> int:
        return _ms(self.lead_seconds)


class Terms(msgspec.Struct, frozen=True):
    """One round, as a script takes it. `stall` maps a held status to its time limit in ms."""

    round: int
    rounds: int
    radius_m: int
    limit: int
    duration_ms: int
    bonus_fen: int
    audience: str
    stall: str
    desk_ms: int


def parse(kind: str, body: Any) -> Policy:
    """A policy from a request body; raises `Refused` (invalid). The body may repeat `kind`."""
    if not ID_PATTERN.fullmatch(kind):
        raise invalid("kind", "must match [A-Za-z0-9._:-]{1,64}")
    if isinstance(body, dict):
        if body.get("kind", kind) != kind:
            raise invalid("kind", "differs from the kind in the path")
        body = {"listen": default_listen(kind)} | body | {"kind": kind}
    policy = msgspec.convert(body, Policy)
    if len(set(policy.audience)) != len(policy.audience):
        raise invalid("audience", "names a role twice")
    return policy


def default_listen(kind: str) -> Listen:
    """What holds where the policy does not say: the body of a `voice` order is its note."""
    return "before" if kind == "voice" else "after"


def terms(policy: Policy, number: int, plan: str = "") -> Terms | None:
    """The terms of round `number` (from 1), of the policy or of the order's own `plan` (JSON of rounds).

    None when there is no such round: the order escalates.
    """
    rounds = msgspec.json.decode(plan, type=Rounds) if plan else policy.rounds
    if number > len(rounds):
        return None
    current = rounds[number - 1]
    return Terms(
        round=number,
        rounds=len(rounds),
        radius_m=current.radius_m,
        limit=current.limit,
        duration_ms=_ms(current.seconds),
        bonus_fen=current.bonus_fen,
        audience=",".join(policy.audience),
        stall=stall_text(policy),
        desk_ms=policy.desk_ms,
    )


def opening(policy: Policy, plan: str = "") -> bytes:
    """The terms of round 1, packed as the scripts take them."""
    first = terms(policy, 1, plan)
    if first is None:
        raise InvariantBroken(f"policy {policy.kind} has no round")
    return msgspec.msgpack.encode(first)


def stall_text(policy: Policy) -> str:
    """`status:ms` pairs that a script can look a status up in without decoding."""
    return ",".join(
        f"{status.value}:{_ms(policy.stall_seconds[status.value])}"
        for status in HELD
        if status.value in policy.stall_seconds
    )


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _default(kind: str, audience: tuple[AgentRole, ...], radius_m: int, *, private: tuple[str, ...]) -> Policy:
    return Policy(
        kind=kind,
        audience=audience,
        rounds=(
            Round(radius_m=radius_m, limit=20, seconds=15.0),
            Round(radius_m=2 * radius_m, limit=50, seconds=20.0, bonus_fen=500),
            Round(radius_m=4 * radius_m, limit=100, seconds=30.0, bonus_fen=1500),
        ),
        stall_seconds={Status.ASSIGNED.value: 300.0, Status.EN_ROUTE.value: 3600.0},
        private_details=private,
        listen=default_listen(kind),
    )


_VALETS: tuple[AgentRole, ...] = ("valet",)
_SHOPS: tuple[AgentRole, ...] = ("shop",)
_BOTH: tuple[AgentRole, ...] = ("valet", "shop")

DEFAULTS = tuple(
    _default(kind, audience, radius_m, private=("plate", "phone", "vin"))
    for kind, audience, radius_m in (
        ("maintenance", _VALETS, 3000),
        ("beauty", _BOTH, 3000),
        ("insurance", _SHOPS, 5000),
        ("parts", _SHOPS, 5000),
        ("rental", _SHOPS, 5000),
        ("used_car", _SHOPS, 10000),
        ("towing", _BOTH, 3000),
        ("chauffeur", _VALETS, 3000),
        ("voice", _SHOPS, 5000),
    )
)
"""The policies of a fresh database: one for each kind of PROTOCOL §1."""
