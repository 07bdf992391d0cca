"""The requests of the table: what each route is asked for in a cell, and what would show the object in the answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from ulid import ULID

from dispatch.clock import now_ms
from dispatch.identity import Identity, Role
from tests.admin_api.conftest import Asker
from tests.dispatch.looking import looks
from tests.dispatch.voice.saying import SPEECH
from tests.roles.stage import Side, Stage, policy
from tests.roles.table import Cell
from tests.sounds import speech

HOUR_MS = 3_600_000
_COMMANDS: dict[str, dict[str, object]] = {
    "grab": {},
    "progress": {"fence": 1, "step": "en_route"},
    "release": {"fence": 1, "reason": "ill"},
    "reopen": {},
    "close": {"outcome": "settled by phone"},
    "cancel": {"reason": "it started again"},
    "take_up": {},
}


@dataclass
class Question:
    """`mark` stands in an answer that shows the object."""

    id: str = ""
    mark: str = ""
    body: dict[str, Any] | None = None
    audio: bytes | None = None
    """A form, with the body as its part `order` where there is one."""
    params: dict[str, Any] | None = None
    """None: those of a list with pages, where it is one."""

    def said(self) -> dict[str, Any]:
        if self.audio is None:
            return {} if self.body is None else {"json": self.body}
        order = {} if self.body is None else {"order": orjson.dumps(self.body)}
        return {"files": {"audio": self.audio} | order}


class Answer(NamedTuple):
    status: int
    shown: bool
    """Whether the object is in it."""
    text: str

    def fits(self, expected: str, secrets: set[str]) -> bool:
        """`secrets` are those of the object: some of them are in a full view. That no others are is the leak check."""
        if expected.isdecimal():
            return self.status == int(expected)
        if self.status >= 300:
            return False
        match expected:
            case "full":
                return self.shown and any(secret in self.text for secret in secrets)
            case "none":
                return not self.shown
            case "refused":
                return '"refused"' in self.text and '"not_offered"' in self.text
            case _:
                return self.shown


async def answer(stage: Stage, asker: Asker, cell: Cell) -> Answer:
    """Of a list, all its pages."""
    method, path = cell.subject.split()
    question = await _READY[cell.ready](stage, cell)
    path = path.replace("{id}", question.id).replace("{kind}", question.id)
    paged = method == "GET" and "{" not in cell.subject and question.params is None
    params = {"limit": 200} if paged else question.params or {}
    response = await asker.ask(method, path, params=params, **question.said())
    async for _ in looks():  # a picture is shared for a second: what was placed since comes with the next
        if path != "/v1/map" or cell.expected != "shown" or question.mark in response.text:
            break
        response = await asker.get(path)
    text, status = response.text, response.status_code
    while paged and status == 200 and (following := response.json()["next"]) is not None:
        response = await asker.get(path, limit=200, cursor=following)
        text += response.text
    return Answer(status, bool(question.mark) and question.mark in text, text)


async def _new_order(stage: Stage, cell: Cell) -> Question:
    side = stage.sides[cell.relation]
    customer = {"id": side.customer.id, "name": side.customer.name, "phone": side.customer.phone}
    place = {"lat": side.place.lat, "lon": side.place.lon, "address": side.address}
    body = {"kind": side.kind, "customer": customer, "place": place, "details": {"plate": side.plate}}
    if cell.subject == "POST /v1/voice-notes":
        return Question(mark=side.customer.id, body=body | {"kind": "voice"}, audio=speech("ogg"))
    return Question(mark=side.customer.id, body=body)


async def _order(stage: Stage, cell: Cell) -> Question:
    order = await stage.order(cell.relation, cell.ready, cell.role)
    side = stage.sides[cell.relation]
    verb = cell.subject.rpartition("/")[2]
    if cell.subject == "GET /v1/voice-notes/{id}":
        return Question(order.voice_notes[0].id, SPEECH[40:100].decode())
    question = Question(order.id, order.id, _COMMANDS.get(verb))
    if verb == "voice-notes":
        question.audio = speech("ogg")
    elif cell.subject.startswith("PATCH"):
        question.body = {"price_fen": 20000}
    elif verb == "assign":
        question.body = {"agent_id": side.shop.id}
    elif verb == "candidates":
        question.mark = side.valet.id
    elif verb == "timeline":
        question.mark = '"placed"'
    elif verb == "lookup":
        question.body = {"phone": side.customer.phone}
    elif verb == "map":
        question.params = {}
    elif verb == "figures":  # somebody grabbed one of his kind
        question.params, question.mark = {"kind": side.kind, "until": now_ms() + 1}, '"time_to_grab_ms":{'
    return question


async def _agent(stage: Stage, cell: Cell) -> Question:
    agent = stage.sides[cell.relation].agent(cell.role)
    if cell.subject.endswith("/assign"):
        order = await stage.order("own" if cell.relation == "far" else cell.relation, "offered", cell.role)
        return Question(order.id, order.id, {"agent_id": agent.id})
    if cell.subject.startswith("GET"):
        return Question(agent.id, f'"{agent.id}"', params={} if cell.subject.endswith("/map") else None)
    home = None if agent.home is None else {"lat": agent.home.lat, "lon": agent.home.lon}
    body = {"role": agent.role, "region": agent.region, "name": agent.name, "phone": agent.phone, "home": home}
    return Question(agent.id, agent.id, body | {"skills": list(agent.skills), "capacity": agent.capacity})


async def _policy(stage: Stage, cell: Cell) -> Question:
    kind = stage.sides["own"].kind
    return Question(kind, kind, policy() if cell.subject.startswith("PUT") else None)


async def _region(stage: Stage, cell: Cell) -> Question:
    side = stage.sides[cell.relation]
    region = side.city.region
    if cell.subject == "POST /v1/notices":
        body = {"title": "Rain", "body": "", "level": "info", "roles": ["valet"], "region": region, "until_at": 0}
        return Question(mark=f'"{region}"', body=body)
    feature = stage.dispatch.catalog.feature(region)
    return Question(region, f'"{region}"', _outline(feature) if cell.subject.startswith("PUT") else None)


def _outline(feature: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": {}, "geometry": feature["geometry"]}


async def _session(stage: Stage, cell: Cell) -> Question:
    side: Side = stage.sides[cell.relation]
    session_id = await side.city.enter(side.valet)
    return Question(session_id, session_id)


async def _of_a_customer(stage: Stage, cell: Cell) -> Question:
    session_id = str(ULID())
    who = Identity(stage.sides["own"].customer.id, Role.CUSTOMER, None, 2**53)
    await stage.dispatch.people.admit(who, session_id, {})
    return Question(session_id, session_id)


async def _notice(stage: Stage, cell: Cell) -> Question:
    notice = await stage.notice(cell.relation, cell.role, now_ms() + HOUR_MS)
    return Question(mark=notice.id)


_READY: dict[str, Callable[[Stage, Cell], Awaitable[Question]]] = {
    "customer": _new_order,
    "offered": _order,
    "held": _order,
    "escalated": _order,
    "agent": _agent,
    "policy": _policy,
    "region": _region,
    "session": _session,
    "people": _of_a_customer,
    "notice": _notice,
}
