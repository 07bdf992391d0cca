"""A clause's own corner of the world: a spot, people and orders that no other clause knows of.

Owns the setting up of what a check needs and the tidying afterwards. Knows how to ask for things, not what must
come of it. Invariants: everybody and everything here bears a name of its own, and the servers are used in turn;
when the clause is done its orders are ended, its lines are closed, and no line heard anything out of form or order.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import httpx

from loadtest.checks.expect import PATIENCE_SECONDS, Broken, eventually, same
from loadtest.checks.line import Line, fence
from loadtest.checks.world import World, square
from loadtest.connection import Hello
from loadtest.rest import Http
from loadtest.tokens import mint
from loadtest.wire import TERMINAL, Order, Refused, Unavailable

START_OVER = 4003
METRES_A_DEGREE = 111_195.0
# Away from whoever stands at the spot.
MARKER_M = 12_000.0
SHORT = {"rounds": [{"radius_m": 3000, "limit": 20, "seconds": 1, "bonus_fen": 0}]}
CUSTOMER_NAME, CUSTOMER_PHONE, ADDRESS, PLATE = "Li Xiaolong", "+8613812345678", "1 Example Road", "沪A12345"


class Corner:
    def __init__(self, world: World, number: int, *, apart: bool = False) -> None:
        self.world = world
        self.spot = world.next_spot(apart)
        self.region = self.spot.region
        self.lines: list[Line] = []
        self._prefix = f"conf-{world.run}-{number}"
        self._orders: list[str] = []
        self._ended: set[str] = set()
        self._profiles: dict[str, dict[str, Any]] = {}
        self._extras = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._leave()
        except Exception as untidy:
            if error is None:
                raise
            error.add_note(f"{untidy}")
        if kind is None:
            faults = [f"{line.sub}: {fault}" for line in self.lines for fault in (*line.faults, *line.view.disorder)]
            if faults:
                raise Broken("messages in form and order", "; ".join(faults[:5]))

    def afterwards(self, tidying: Awaitable[Any]) -> None:
        """Awaited when the clause is done, last come first served."""

        async def tidy() -> None:
            await tidying

        self._extras.push_async_callback(tidy)

    # Names and places

    def name(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def at(self, north_m: float = 0.0) -> dict[str, float]:
        return {"lat": self.spot.lat + north_m / METRES_A_DEGREE, "lon": self.spot.lon}

    async def own_region(self) -> str:
        """From now on this corner lies in a region of its own, as far as a marker goes."""
        region = self.name("region")
        south, west = self.spot.lat - 0.2, self.spot.lon - 0.2
        await self.world.admin().put(f"/v1/regions/{region}", square(south, west, south + 0.4, west + 0.4))
        self.region = region
        self.afterwards(self.drop_region(region))
        return region

    # Who asks

    def token(self, role: str, sub: str, **more: Any) -> str:
        return mint(self.world.secret, role, sub, **more)

    def http(self, role: str, sub: str | None = None, server: int | None = None) -> Http:
        return self.world.http(self.token(role, self.name(role) if sub is None else sub), server)

    @property
    def service(self) -> Http:
        return self.http("service")

    @property
    def admin(self) -> Http:
        return self.http("admin")

    @property
    def dispatcher(self) -> Http:
        return self.http("dispatcher")

    @property
    def patient(self) -> Http:
        """A service that asks again what is called retryable, as a region may be that was put a moment ago."""
        return self.world.http(self.token("service", "conf-patient"), patience_seconds=PATIENCE_SECONDS)

    def of(self, line: Line, role: str = "valet") -> Http:
        """The HTTP side of who speaks on the line."""
        return self.http(role, line.sub)

    async def raw(self, method: str, path: str, token: str | None = None, **request: Any) -> httpx.Response:
        """One request as it stands, and its whole answer; without a token none is sent, but by `headers`."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await self.world.request(method, path, headers=headers | request.pop("headers", {}), **request)

    # Policies, people, lines

    async def kind(self, **terms: Any) -> str:
        return await self.world.kind(**terms)

    async def put_agent(self, name: str, *kinds: str, role: str = "valet", **profile: Any) -> str:
        agent_id = self.name(name)
        body = {
            "role": role, "region": self.region, "name": f"Name of {name}", "phone": "+8613900000001",
            "skills": list(kinds), "capacity": 1, **profile,
        }  # fmt: skip
        self._profiles[agent_id] = body
        await self.world.admin().put(f"/v1/agents/{agent_id}", body)
        return agent_id

    async def valet(self, name: str, *kinds: str, north_m: float = 0.0, **profile: Any) -> Line:
        """Put, connected, and standing there."""
        agent_id = await self.put_agent(name, *kinds, **profile)
        return await self.join("valet", agent_id, north_m=north_m)

    async def shop(self, name: str, *kinds: str, north_m: float = 0.0, **profile: Any) -> Line:
        agent_id = await self.put_agent(name, *kinds, role="shop", home=self.at(north_m), **profile)
        return await self.join("shop", agent_id)

    async def customer(self, name: str = "c") -> Line:
        return await self.join("customer", self.name(name))

    async def desk(self, name: str = "desk") -> Line:
        """A dispatcher of this region only."""
        sub = self.name(name)
        return await self.join("dispatcher", sub, token=self.token("dispatcher", sub, regions=[self.region]))

    async def join(self, role: str, sub: str, **hello: Any) -> Line:
        """Connected and welcomed; whoever is told to start over does, as any client."""
        while True:
            line = self.line(role, sub, **hello)
            await line.open()
            try:
                await line.greet()
                return line
            except Broken:
                if not line.over or (await line.goodbye()).code != START_OVER:
                    raise

    def line(
        self,
        role: str,
        sub: str,
        *,
        token: str | None = None,
        north_m: float | None = None,
        position: tuple[float, float] | None = None,
        status: str | None = None,
        crs: str | None = None,
        token_in_hello: bool = False,
        server: int | None = None,
    ) -> Line:
        """Not yet opened; valets stand `north_m` of the spot."""
        if north_m is not None:
            position = (self.at(north_m)["lat"], self.spot.lon)
        hello = Hello(token or self.token(role, sub), token_in_hello, position, status, crs)
        url = self.world.servers[self.world.next_server() if server is None else server].ws_url
        line = Line(url.rstrip("/") + "/v1/stream", sub, self.world.codec, hello)
        self.lines.append(line)
        return line

    # Orders

    def order(self, kind: str, north_m: float = 0.0, **fields: Any) -> dict[str, Any]:
        """The body of a POST."""
        return {
            "kind": kind,
            "place": {**self.at(north_m), "address": ADDRESS},
            "customer": {"id": self.name("c"), "name": CUSTOMER_NAME, "phone": CUSTOMER_PHONE},
            "details": {"plate": PLATE, "note": "flat tyre"},
            **fields,
        }

    async def place(self, kind: str, north_m: float = 0.0, *, by: Http | None = None, **fields: Any) -> Order:
        return self.keep(await (by or self.service).post("/v1/orders", self.order(kind, north_m, **fields)))

    def keep(self, order: Order) -> Order:
        """To be ended when the clause is done."""
        self._orders.append(order["id"])
        return order

    async def held(self, line: Line, kind: str, **fields: Any) -> Order:
        """An order that the agent of the line grabbed."""
        return await line.win((await self.place(kind, **fields))["id"])

    async def escalated(self, kind: str | None = None, **fields: Any) -> Order:
        """An order that nobody grabbed; it takes the second of its only round."""
        watch = await self.customer(f"watch{len(self.lines)}")
        customer = {"id": watch.sub, "name": CUSTOMER_NAME, "phone": CUSTOMER_PHONE}
        order = await self.place(kind or await self.kind(**SHORT), customer=customer, **fields)
        return await watch.told(order["id"], status="escalated")

    async def advance(self, line: Line, job: Order, status: str) -> None:
        """The holder goes there in one step; `assigned` is where he is."""
        if status != "assigned":
            await line.progress(job, status)

    async def read(self, order_id: str) -> Order:
        found: Order = await self.service.get(f"/v1/orders/{order_id}")
        return found

    async def timeline(self, order_id: str) -> list[dict[str, Any]]:
        return [each async for each in self.dispatcher.pages(f"/v1/orders/{order_id}/timeline")]

    async def event(self, told: Order) -> dict[str, Any]:
        """The timeline's entry of what was told; what the clock did may be told before it is written."""
        events = await eventually(
            lambda: self.timeline(told["id"]), lambda each: len(each) >= told["version"], f"{told['version']} events"
        )
        return events[told["version"] - 1]

    async def act(self, order_id: str, command: str, body: dict[str, Any] | None = None, **how: Any) -> Any:
        """A command on an order, by a dispatcher."""
        answer = await self.dispatcher.post(f"/v1/orders/{order_id}/{command}", body, **how)
        if answer["status"] in TERMINAL:
            self._ended.add(order_id)
        return answer

    async def candidates(self, order_id: str) -> dict[str, dict[str, Any]]:
        """The nearest two hundred, by agent."""
        answer = await self.dispatcher.get(f"/v1/orders/{order_id}/candidates", limit=200)
        return {each["agent_id"]: each for each in answer["items"]}

    async def in_order(self, *lines: Line) -> None:
        """What came to pass before this call was told to these agents by now, if it is told to them at all: each is
        given and taken a job of his own, of which he hears after it."""
        await asyncio.gather(*(self._mark(line) for line in lines))

    async def _mark(self, line: Line) -> None:
        marker = await self.place(await self.kind(), MARKER_M)
        await self.act(marker["id"], "assign", {"agent_id": line.sub, "force": True})
        await line.hear("job", marker["id"])
        await self.act(marker["id"], "cancel", {"reason": "a marker"})
        await line.hear("unjob", marker["id"])

    async def in_order_at(self, desk: Line) -> None:
        """The same for a dispatcher: an order of his region is escalated after whatever came before."""
        marker = await self.abandoned()
        await desk.desk("escalated", marker["id"])

    async def abandoned(self, kind: str | None = None) -> Order:
        """An order at the desk at once: its holder, who is not even connected, arrived and left."""
        agent_id = await self.put_agent(f"gone{len(self._orders)}")
        order = await self.place(kind or await self.kind(), MARKER_M)
        job = await self.act(order["id"], "assign", {"agent_id": agent_id, "force": True})
        await self.act(order["id"], "progress", {"fence": fence(job), "step": "arrived"})
        left: Order = await self.act(order["id"], "release", {"fence": fence(job), "reason": "no tools"})
        return left

    # Leaving

    async def _leave(self) -> None:
        await asyncio.gather(*(self._say_goodbye(line) for line in self.lines))
        known = {each["id"] for line in self.lines for each in line.ended()} | self._ended
        await asyncio.gather(*(self._end(order_id) for order_id in self._orders if order_id not in known))
        await self._extras.aclose()

    async def drop_region(self, region: str) -> None:
        for agent_id, body in self._profiles.items():
            if body.get("region") == region:
                await self.world.admin().put(f"/v1/agents/{agent_id}", body | {"region": self.spot.region})
        await self.world.admin().delete(f"/v1/regions/{region}")

    async def _say_goodbye(self, line: Line) -> None:
        """An agent who stays reachable for a while is not to be offered what comes next."""
        if line.is_open and line.view.agent is not None:
            await line.send({"type": "status", "status": "paused"})
        await line.close()

    async def _end(self, order_id: str) -> None:
        try:
            await self.patient.post(f"/v1/orders/{order_id}/cancel", {"reason": "the clause is done"})
        except Refused as refusal:
            same(refusal.code, "conflict", f"the cancelling of order {order_id}")
        except Unavailable as exc:
            raise Broken(f"order {order_id} to be cancelled", str(exc)) from exc
