"""Three parties with everything that a cell of the table is about: the asker's own, another's in his region, and one
of another region. Every order has a voice note. Everything private bears a word that can be looked for in whatever
the server says.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson
from ulid import ULID

from dispatch.assembly import Dispatch
from dispatch.clock import now_ms
from dispatch.identity import AGENTS, Identity, Role
from dispatch.notice import Notice
from dispatch.order import Customer, Order, Spot, Status
from dispatch.records.agents import Agent
from dispatch.state import Draft
from geo.point import Point
from tests.conftest import SERVICE, City, new_city
from tests.dispatch.voice.saying import RECORDING, SPEECH
from tests.roles.table import RELATIONS, ROLES

ANYBODY = Identity("d-0", Role.DISPATCHER, None, 2**53)
NORTH_M = {"own": 100.0, "another": 200.0, "far": 300.0}


@dataclass(frozen=True)
class Side:
    """One party: a customer, a valet, a shop, and a kind of order that only these two are offered."""

    relation: str
    city: City
    kind: str
    customer: Customer
    valet: Agent
    shop: Agent
    dispatcher: Identity

    @property
    def place(self) -> Point:
        return self.city.at(NORTH_M[self.relation])

    @property
    def address(self) -> str:
        return f"address of {self.relation}"

    @property
    def plate(self) -> str:
        return f"plate of {self.relation}"

    def agent(self, role: Role) -> Agent:
        return self.shop if role is Role.SHOP else self.valet

    @property
    def private(self) -> set[str]:
        """What only a full view of its orders holds."""
        place = orjson.dumps(self.place.lat).decode()
        return {str(self.customer.name), str(self.customer.phone), self.address, self.plate, place}

    def secrets(self) -> set[str]:
        return self.private | self.secrets_of(self.valet) | self.secrets_of(self.shop)

    def secrets_of(self, agent: Agent) -> set[str]:
        return {agent.name, str(agent.phone)}


@dataclass
class Stage:
    dispatch: Dispatch
    sides: dict[str, Side] = field(default_factory=dict)

    def identity(self, role: Role) -> Identity:
        """Who asks in the cells of a role. Staff's tokens are for his region."""
        own = self.sides["own"]
        if role in AGENTS:
            return Identity(own.agent(role).id, role, None, 2**53)
        if role is Role.CUSTOMER:
            return Identity(own.customer.id, role, None, 2**53)
        if role is Role.DISPATCHER:
            return own.dispatcher
        return Identity(f"{own.city.region}.{role}", role, frozenset({own.city.region}), 2**53)

    def hidden(self, role: Role, relation: str, expected: str) -> set[str]:
        """What may not be in the answer of a cell."""
        allowed = {"own"} if role in AGENTS or role is Role.CUSTOMER else {"own", "another"}
        hidden: set[str] = set().union(*(self.sides[each].secrets() for each in RELATIONS if each not in allowed))
        if role in AGENTS:
            hidden |= self.sides["own"].secrets_of(self.sides["own"].agent(_other(role)))
        if expected not in ("full", "shown", "none", "won"):
            hidden |= self.sides[relation].secrets()
        return hidden

    # --- what stands ready -----------------------------------------------------------------------------

    async def order(self, relation: str, ready: str, role: Role) -> Order:
        """`offered`, `held` by the role's agent (a valet for those who are none), or `escalated`."""
        side = self.sides[relation]
        order = await self.place(side)
        if ready == "offered":
            return order
        order = await self.grab(order, side.agent(role))
        if ready == "held":
            return order
        order = await self.dispatch.jobs.progress(ANYBODY, order, order.fence, Status.ARRIVED, None)
        order = await self.dispatch.jobs.release(ANYBODY, order, order.fence, "ill")
        assert order.status is Status.ESCALATED
        return await self.dispatch.desk.take_up(side.dispatcher, order)

    async def place(self, side: Side) -> Order:
        draft = Draft(
            customer=side.customer,
            place=Spot(side.place, side.address),
            destination=None,
            details={"plate": side.plate, "note": "flat tyre"},
            price_fen=18000,
            bonus_fen=0,
            scheduled_at=None,
        )
        notes, order_id = self.dispatch.notes, str(ULID())
        async with notes.spool() as spool:
            spool.write(SPEECH)
            order = await notes.place(
                SERVICE, side.kind, draft, spool, RECORDING, region=None, order_id=order_id, request=""
            )
        assert order.offered == 2
        return order

    async def grab(self, order: Order, agent: Agent) -> Order:
        verdict = await self.dispatch.claims.grab(order.region, order.id, agent.id)
        assert verdict.order is not None, verdict
        return verdict.order

    async def notice(self, relation: str, role: Role, until_at: int) -> Notice:
        """Own: for his role in his region; another's: for another role; far: for his role in another region."""
        region = self.sides[relation].city.region
        roles = tuple(each for each in ROLES if each is not role) if relation == "another" else (role,)
        notice = Notice(
            id=str(ULID()),
            title="Rain",
            body="The tunnel is closed",
            level="info",
            roles=roles,
            region=region,
            near=None,
            radius_m=None,
            until_at=until_at,
            at=now_ms(),
            author="admin:a-0",
        )
        return await self.dispatch.notices.post(Identity("a-0", Role.ADMIN, None, 2**53), notice)


def _other(role: Role) -> Role:
    return Role.SHOP if role is Role.VALET else Role.VALET


def leaked(text: str, hidden: Iterable[str]) -> list[str]:
    return sorted(secret for secret in hidden if secret in text)


async def build(dispatch: Dispatch) -> Stage:
    stage, here, elsewhere = Stage(dispatch), await new_city(dispatch), await new_city(dispatch)
    for i, (relation, city) in enumerate(zip(RELATIONS, (here, here, elsewhere), strict=True)):
        kind = f"{city.region}.{relation}"
        await dispatch.catalog.put_policy(kind, policy())
        stage.sides[relation] = Side(
            relation=relation,
            city=city,
            kind=kind,
            customer=Customer(f"{city.region}.c-{relation}", f"customer {relation}", f"+86138{i:08}"),
            valet=await _agent(city, "valet", relation, kind, f"+86139{i:08}"),
            shop=await _agent(city, "shop", relation, kind, f"+86137{i:08}"),
            dispatcher=Identity(f"d-{relation}", Role.DISPATCHER, frozenset({city.region}), 2**53),
        )
    return stage


def policy() -> dict[str, object]:
    rounds = [{"radius_m": 3000, "limit": 20, "seconds": 3600}]
    return {"audience": ["valet", "shop"], "rounds": rounds, "hall_radius_m": 5000, "private_details": ["plate"]}


async def _agent(city: City, role: str, relation: str, kind: str, phone: str) -> Agent:
    """He is there, with room for all orders of the table."""
    agent = await city.dispatch.people.put(
        Agent(
            id=f"{city.region}.{role}-{relation}",
            role=role,
            region=city.region,
            name=f"{role} {relation}",
            phone=phone,
            skills=(kind,),
            capacity=1000,
            home=city.at(),
            suspended=False,
        )
    )
    await city.enter(agent)
    return agent
