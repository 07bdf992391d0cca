"""The stream's side of the table: one session a role, what it says, and what it hears of three parties' orders."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed

from dispatch.clock import now_ms
from dispatch.identity import AGENTS, Identity, Role
from dispatch.order import Order, Status
from tests.realtime.nodes import Client, Message, Node, token
from tests.realtime.stream import PATIENCE
from tests.roles.stage import ANYBODY, Side, Stage
from tests.roles.table import RELATIONS, ROLES, Cell

HOUR_MS = 3_600_000


class Ear:
    """A session that keeps all it hears."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.heard: list[Message] = [client.welcome]
        self._refs = 0
        self._changed = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def until(self, wanted: Callable[[Message], bool]) -> Message:
        """The first message heard that is wanted; waits for it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                changed = self._changed
                found = next((message for message in self.heard if wanted(message)), None)
                if found is not None:
                    return found
                await changed.wait()

    async def ask(self, kind: str, **fields: Any) -> Message:
        self._refs += 1
        ref = f"r-{self._refs}"
        await self.client.say(kind, ref=ref, **fields)
        return await self.until(lambda message: message.get("ref") == ref)

    async def tell(self, kind: str, **fields: Any) -> list[Message]:
        """Something that has no answer; what was heard until the next `pong`."""
        already = len(self.heard)
        await self.client.say(kind, **fields)
        await self.ask("ping")
        return [message for message in self.heard[already:] if message["type"] == "error"]

    async def end(self) -> None:
        await self.client.stream.close()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            try:
                message = json.loads(await self.client.stream.recv())
            except ConnectionClosed:
                return
            self.heard.append(message)
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()


def token_of(who: Identity) -> str:
    return token(who.sub, who.role.value, regions=None if who.regions is None else sorted(who.regions))


@asynccontextmanager
async def ears(stage: Stage, node: Node) -> AsyncIterator[dict[Role, Ear]]:
    """One session a role."""
    found: dict[Role, Ear] = {}
    try:
        for role in ROLES:
            who = stage.identity(role)
            found[role] = Ear(await node.enter(who.sub, role.value, token=token_of(who)))
        yield found
    finally:
        for ear in found.values():
            await ear.end()


# --- what a role says ---------------------------------------------------------------------------------


async def hello(stage: Stage, node: Node, cell: Cell) -> str:
    """`welcome`, or the code of the close."""
    who, side = stage.identity(cell.role), stage.sides[cell.relation]
    said = token_of(who)
    if cell.relation == "another":  # an agent of the other role
        other = stage.sides["own"].agent(Role.SHOP if cell.role is Role.VALET else Role.VALET)
        said = token(other.id, cell.role.value)
    elif cell.relation == "far":
        said = token(who.sub, cell.role.value, regions=[side.city.region])
    client = await node.connect()
    await client.say("hello", token=said)
    first: Message = json.loads(await client.stream.recv())
    await client.stream.close()
    return str(first["code"]) if first["type"] == "bye" else str(first["type"])


async def said(stage: Stage, node: Node, ear: Ear, cell: Cell) -> str:
    """What the answer to a message was, in the words of the table."""
    if cell.ready == "-":
        return await _of_nobody(stage, ear, cell)
    order = await stage.order(cell.relation, cell.ready, cell.role)
    if cell.relation == "own" and cell.role in AGENTS:
        await ear.until(lambda message: message.get("order", {}).get("id") == order.id)
    if cell.subject == "seen":
        return await _seen(stage, node, ear, order, cell)
    fields: dict[str, dict[str, object]] = {
        "grab": {},
        "decline": {},
        "progress": {"fence": 1, "step": "en_route"},
        "release": {"fence": 1, "reason": "ill"},
        "heard": {"note_id": order.voice_notes[0].id},
    }
    return _word(await ear.ask(cell.subject, order_id=order.id, **fields[cell.subject]))


async def _of_nobody(stage: Stage, ear: Ear, cell: Cell) -> str:
    if cell.subject == "position":
        point = stage.sides["own"].city.at()
        errors = await ear.tell("position", lat=point.lat, lon=point.lon)
        return _word(errors[0]) if errors else "quiet"
    return _word(await ear.ask(cell.subject, **({"status": "available"} if cell.subject == "status" else {})))


async def _seen(stage: Stage, node: Node, ear: Ear, order: Order, cell: Cell) -> str:
    errors = await ear.tell("seen", order_ids=[order.id])
    if errors:
        return _word(errors[0])
    await node.hub._gathering._send_marks()
    policy = await stage.dispatch.catalog.policy(order.kind)
    candidates = await stage.dispatch.roster.candidates(order, policy, 100, None)
    me = stage.identity(cell.role).sub
    return "marked" if any(each.agent_id == me and each.seen_at for each in candidates) else "quiet"


def _word(answer: Message) -> str:
    match answer["type"]:
        case "error":
            return str(answer["code"])
        case "verdict":
            return str(answer["outcome"]) if answer.get("reason") in (None, "not_offered") else str(answer["reason"])
    return str(answer["type"])


# --- what a role hears --------------------------------------------------------------------------------


class Doings:
    """What happened on each side, so that it can be looked for in what was heard: relation → ids."""

    def __init__(self) -> None:
        self.ids: dict[tuple[str, str], set[str]] = {}

    def note(self, ready: str, relation: str, thing: str) -> None:
        self.ids.setdefault((ready, relation), set()).add(thing)


async def prepare(stage: Stage) -> Doings:
    """What `welcome` lists."""
    doings = Doings()
    for relation in RELATIONS:
        for ready in ("offered", "held", "escalated"):
            for role in (Role.VALET, Role.SHOP) if ready == "held" else (Role.VALET,):
                order = await stage.order(relation, ready, role)
                doings.note(ready, relation, order.id)
    return doings


async def live(stage: Stage, node: Node, ears: dict[Role, Ear], doings: Doings) -> None:
    """Two orders' lives on each side, one through the hands of each agent; and a notice for each role."""
    for relation in RELATIONS:
        side = stage.sides[relation]
        for role in (Role.VALET, Role.SHOP):
            doings.note("life", relation, await _life(stage, node, side, role, ears))
        for role in ROLES:
            notice = await stage.notice(relation, role, now_ms() + HOUR_MS)
            doings.note(f"notice {role}", relation, notice.id)
    for relation in ("own", "far"):
        await node.settled(stage.sides[relation].city)
    marker = {role: await stage.notice("own", role, 0) for role in ROLES}
    for role, ear in ears.items():
        await ear.until(lambda message, wanted=marker[role].id: message.get("id") == wanted)  # type: ignore[misc]  # a default


async def _life(stage: Stage, node: Node, side: Side, role: Role, ears: dict[Role, Ear]) -> str:
    order = await stage.place(side)
    if side.relation == "own":
        for each in (Role.VALET, Role.SHOP):
            await ears[each].until(lambda message: message["type"] == "offer" and message["order"]["id"] == order.id)
    order = await stage.grab(order, side.agent(role))
    order = await stage.dispatch.jobs.progress(ANYBODY, order, order.fence, Status.EN_ROUTE, None)
    if role is Role.VALET:
        await _drive(node, side, order, ears)
    order = await stage.dispatch.jobs.progress(ANYBODY, order, order.fence, Status.ARRIVED, None)
    order = await stage.dispatch.jobs.release(ANYBODY, order, order.fence, "ill")
    await stage.dispatch.desk.take_up(side.dispatcher, order)
    return order.id


async def _drive(node: Node, side: Side, order: Order, ears: dict[Role, Ear]) -> None:
    """He tells where he is."""
    if side.relation != "own":
        session_id = await side.city.enter(side.valet)
        await node.dispatch.people.move(side.city.region, [(side.valet.id, session_id, side.city.at(50.0))])
        return
    point = side.city.at(50.0)
    await ears[Role.VALET].tell("position", lat=point.lat, lon=point.lon)
    await ears[Role.CUSTOMER].until(lambda m: m["type"] == "track" and m["order_id"] == order.id)


def frames(ear: Ear, cell: Cell, doings: Doings) -> list[str]:
    """What was heard under this cell's heading about its side's things."""
    ready = f"notice {cell.role}" if cell.ready == "notice" else cell.ready
    ids = doings.ids[ready, cell.relation]
    if cell.ready in ("life", "notice"):
        told: list[Any] = [message for message in ear.heard if message["type"] == cell.subject]
    else:
        told = ear.heard[0].get(cell.subject.removesuffix("_list"), [])
    return [text for each in told if any(thing in (text := json.dumps(each, ensure_ascii=False)) for thing in ids)]
