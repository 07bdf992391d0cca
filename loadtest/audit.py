"""The audit: gathers what the server shows, has it judged, says `audit: ok` or lists the broken promises.

    python -m loadtest.audit --http http://127.0.0.1:8000 --secret SECRET
    python -m loadtest.audit --data-dir .data        (starts a server on it, audits, stops it)

Owns the gathering over HTTP and the second look: things in motion may differ for a moment, so a fault
counts only if each look finds it again. Judges nothing itself (`judge`, `comparison`), changes nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from loadtest.child import Child, StartFailed
from loadtest.comparison import desk_differs, jobs_differ, offers_differ, offers_told
from loadtest.judge import (
    ClientFacts,
    Event,
    Fault,
    ServerFacts,
    ever_over_capacity,
    judge_server,
    judge_told,
)
from loadtest.rest import Http
from loadtest.tokens import mint
from loadtest.view import View
from loadtest.wire import Order, Refused, Unavailable

LOOKS = 5
PAUSE_SECONDS = 1.5
AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Staff:
    """The two roles that may see everything between them."""

    admin: Http
    dispatcher: Http

    @classmethod
    def of(cls, http: Http, secret: str) -> "Staff":
        return cls(
            http.bearing(mint(secret, "admin", "audit-admin")),
            http.bearing(mint(secret, "dispatcher", "audit-dispatcher")),
        )


async def gather(staff: Staff) -> ServerFacts:
    """Everything by HTTP. Timelines are read after the orders, the desk last."""
    orders: dict[str, Order] = {each["id"]: each async for each in staff.admin.pages("/v1/orders")}
    timelines = await _timelines(staff.admin, list(orders))
    capacity = {each["id"]: each["capacity"] async for each in staff.admin.pages("/v1/agents")}
    desk = await read_desk(staff.dispatcher)
    return ServerFacts(time.time_ns() // 1_000_000, orders, timelines, capacity, desk)


async def read_desk(dispatcher: Http) -> dict[str, Order]:
    return {each["id"]: each async for each in dispatcher.pages("/v1/desk")}


async def _timelines(admin: Http, order_ids: Sequence[str]) -> dict[str, list[Event]]:
    free = asyncio.Semaphore(AT_ONCE)

    async def read(order_id: str) -> list[Event]:
        async with free:
            return [as_event(each) async for each in admin.pages(f"/v1/orders/{order_id}/timeline")]

    async with asyncio.TaskGroup() as group:
        reading = {order_id: group.create_task(read(order_id)) for order_id in order_ids}
    return {order_id: task.result() for order_id, task in reading.items()}


def as_event(told: Mapping[str, Any]) -> Event:
    return Event(told["version"], told["type"], told["at"], told.get("data") or {})


async def lasting(
    look: Callable[[], Awaitable[list[Fault]]], looks: int = LOOKS, pause_seconds: float = PAUSE_SECONDS
) -> list[Fault]:
    """The faults that every look finds. One look is enough where there are none."""
    faults = await look()
    for _ in range(looks - 1):
        if not faults:
            break
        await asyncio.sleep(pause_seconds)
        again = {(each.rule, each.subject) for each in await look()}
        faults = [each for each in faults if (each.rule, each.subject) in again]
    return faults


async def audit_server(staff: Staff, told: ClientFacts | None = None) -> tuple[ServerFacts, list[Fault]]:
    """The server's account by itself and, where clients recorded what they were told, against that. Whoever
    records also knows that no capacity was changed, so the whole past is judged by it."""
    facts = await gather(staff)
    first = [facts]

    async def look() -> list[Fault]:
        seen = first.pop() if first else await gather(staff)
        faults = judge_server(seen)
        return faults if told is None else [*faults, *judge_told(told, seen), *ever_over_capacity(seen)]

    return facts, await lasting(look)


async def audit_views(
    staff: Staff, agents: Mapping[str, View], desks: Mapping[str, View], looks: int = LOOKS
) -> list[Fault]:
    """Each session's lists against the server's, once things are quiet."""

    async def look() -> list[Fault]:
        orders: dict[str, Order] = {each["id"]: each async for each in staff.admin.pages("/v1/orders")}
        desk = await read_desk(staff.dispatcher)
        whole = {name: view.desk for name, view in desks.items() if "desk" not in view.more}
        faults = [fault for name, shown in whole.items() for fault in desk_differs(name, shown, desk)]
        for agent_id, view in agents.items():
            faults += jobs_differ(agent_id, view.jobs, orders)
            faults += offers_differ(agent_id, view.offers, orders)
        return faults + await _told_to_all(staff, agents, orders)

    return await lasting(look, looks)


async def _told_to_all(staff: Staff, agents: Mapping[str, View], orders: Mapping[str, Order]) -> list[Fault]:
    shown = {agent_id: view.offers for agent_id, view in agents.items() if "offers" not in view.more}
    faults: list[Fault] = []
    for order_id, order in orders.items():
        if order["status"] == "open":
            path = f"/v1/orders/{order_id}/candidates"
            candidates = [each async for each in staff.dispatcher.pages(path)]
            faults += offers_told(order_id, candidates, shown)
    return faults


def report(facts: ServerFacts, told: ClientFacts | None, faults: Sequence[Fault]) -> str:
    if not faults:
        events = sum(map(len, facts.timelines.values()))
        verdicts = "" if told is None else f", {len(told.won)} won verdicts"
        return f"audit: ok ({len(facts.orders)} orders, {events} events{verdicts})"
    lines = [f"audit: {len(faults)} broken promise(s)", *(f"  {each}" for each in faults[:50])]
    return "\n".join([*lines, "  …"] if len(faults) > 50 else lines)


async def _alone(http_url: str, secret: str) -> bool:
    async with Http(http_url) as http:
        facts, faults = await audit_server(Staff.of(http, secret))
    print(report(facts, None, faults))
    return not faults


def main(
    http: Annotated[str | None, typer.Option(help="Base URL of a running server.")] = None,
    secret: Annotated[str | None, typer.Option(envvar="DISPATCH_SECRET", help="Its HS256 secret.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Start a server on this directory instead.")] = None,
) -> None:
    """Judge a server's account of all its orders by the promises of PROTOCOL §7."""
    if (http is None) == (data_dir is None):
        raise typer.BadParameter("name either --http or --data-dir")
    if http is not None and secret is None:
        raise typer.BadParameter("--http needs --secret (or DISPATCH_SECRET)")
    try:
        kept = _on_directory(data_dir) if data_dir else asyncio.run(_alone(http or "", secret or ""))
    except (StartFailed, Unavailable, Refused) as exc:
        typer.echo(f"audit: {exc}", err=True)
        raise typer.Exit(1) from exc
    raise typer.Exit(0 if kept else 1)


def _on_directory(data_dir: Path) -> bool:
    if not data_dir.is_dir():
        raise StartFailed(f"{data_dir} is no directory")
    with Child(data_dir) as child:
        return asyncio.run(_alone(child.http_url, child.secret))


if __name__ == "__main__":
    typer.run(main)
