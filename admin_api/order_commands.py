"""Commands on one order: grab, progress, release, assign, reopen, close, cancel.

Owns who may give which; what they do is `dispatch`'s claims, jobs and desk. Invariant: an agent who has nothing
to do with an order hears 404 to every command but a grab, whose verdict tells him no more.
"""

import asyncio

from admin_api.answers import VerdictView
from admin_api.bodies import (
    AssignBody,
    CancelBody,
    CloseBody,
    Nothing,
    ProgressBody,
    ReleaseBody,
    ReopenBody,
)
from admin_api.endpoint import Ask, Operation, Passing
from admin_api.orders import find
from admin_api.paging import Query
from dispatch import metrics
from dispatch.access import require_full
from dispatch.claims import NOT_OFFERED, PENDING, UNAVAILABLE, Outcome, Verdict
from dispatch.errors import Code, Refused
from dispatch.identity import AGENTS, Role
from dispatch.order import Order, Status
from dispatch.reader import Reader
from dispatch.view_examples import BY_DESK, CANCELLED, CLOSED, EN_ROUTE, OTHER_VALET, RELEASED, REOPENED, full
from dispatch.view_forms import OrderView
from dispatch.views import View, full_view

PENDING_S = 1.0
"""How long a grab waits for PostgreSQL before it says `pending`."""


async def grab(ask: Ask[Query, Nothing]) -> View | Passing:
    order = await find(ask)
    verdict = NOT_OFFERED
    if order is not None and order.region == ask.agent.region:
        asked = ask.dispatch.claims.grab(order.region, order.id, ask.agent.id)
        # Not cancelled when time is up: whether he won is being settled, and he will be told.
        done, _ = await asyncio.wait([asked], timeout=PENDING_S)
        verdict = asked.result() if done else PENDING
    metrics.VERDICTS.labels(verdict.outcome.value).inc()
    view = _verdict_view(ask.path["id"], verdict, ask.reader)
    return Passing(view) if verdict in (PENDING, UNAVAILABLE) else view


def _verdict_view(order_id: str, verdict: Verdict, reader: Reader) -> View:
    view: View = {"order_id": order_id, "outcome": verdict.outcome.value}
    if verdict.reason is not None:
        view["reason"] = verdict.reason
    if verdict.outcome is Outcome.WON and verdict.order is not None:
        view |= {"fence": verdict.fence, "job": full_view(verdict.order, reader)}
    return view


async def progress(ask: Ask[Query, ProgressBody]) -> View:
    body, order = ask.body, await _job(ask)
    step = Status(body.step)
    done = await ask.dispatch.jobs.progress(ask.who, order, body.fence, step, body.at, ask.request)
    return full_view(done, ask.reader)


async def release(ask: Ask[Query, ReleaseBody]) -> View:
    body, order = ask.body, await _job(ask)
    done = await ask.dispatch.jobs.release(ask.who, order, body.fence, body.reason, ask.request)
    return full_view(done, ask.reader)


async def assign(ask: Ask[Query, AssignBody]) -> View:
    body, order = ask.body, await _visible(ask)
    done = await ask.dispatch.desk.assign(ask.who, order, body.agent_id, force=body.force, request=ask.request)
    return full_view(done, ask.reader)


async def reopen(ask: Ask[Query, ReopenBody]) -> View:
    body, order = ask.body, await _visible(ask)
    done = await ask.dispatch.desk.reopen(
        ask.who, order, rounds=body.rounds, bonus_fen=body.bonus_fen, request=ask.request
    )
    return full_view(done, ask.reader)


async def close(ask: Ask[Query, CloseBody]) -> View:
    order = await _visible(ask)
    done = await ask.dispatch.desk.close(ask.who, order, ask.body.outcome, ask.request)
    return full_view(done, ask.reader)


async def cancel(ask: Ask[Query, CancelBody]) -> View:
    order = await _visible(ask)
    done = await ask.dispatch.desk.cancel(ask.who, order, ask.body.reason, ask.request)
    return full_view(done, ask.reader)


async def _visible(ask: Ask[Query, object]) -> Order:
    return require_full(ask.who, await find(ask))


async def _job(ask: Ask[Query, object]) -> Order:
    """For a dispatcher any order he sees; for an agent one that he holds or held: it may have passed on since."""
    if ask.who.role not in AGENTS:
        return await _visible(ask)
    order = await find(ask)
    if order is None or order.region != ask.agent.region or not _had(order, ask.agent.id):
        raise Refused(Code.NOT_FOUND, "there is no such order")
    return order


def _had(order: Order, agent_id: str) -> bool:
    last = order.assignment
    return (last is not None and last.agent_id == agent_id) or agent_id in order.released


_DESK = (Role.DISPATCHER,)
_HOLDER = (*sorted(AGENTS), Role.DISPATCHER)

OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/orders/{id}/grab",
        summary="Grab an offered order; the verdict tells the outcome",
        roles=tuple(sorted(AGENTS)),
        handler=grab,
        body=Nothing,
        answer=(VerdictView,),
    ),
    Operation(
        method="POST",
        path="/v1/orders/{id}/progress",
        summary="Take a job a step forward",
        roles=_HOLDER,
        handler=progress,
        body=ProgressBody,
        answer=(OrderView,),
        example={"fence": 1, "step": "en_route"},
        answer_example=full(EN_ROUTE),
    ),
    Operation(
        method="POST",
        path="/v1/orders/{id}/release",
        summary="Give a job back",
        roles=_HOLDER,
        handler=release,
        body=ReleaseBody,
        answer=(OrderView,),
        example={"fence": 1, "reason": "my own car broke down"},
        answer_example=full(RELEASED),
    ),
    Operation(
        method="POST",
        path="/v1/orders/{id}/assign",
        summary="Give an order to an agent by hand, or take it from its holder for him",
        roles=_DESK,
        handler=assign,
        body=AssignBody,
        answer=(OrderView,),
        example={"agent_id": OTHER_VALET},
        answer_example=full(BY_DESK),
    ),
    Operation(
        method="POST",
        path="/v1/orders/{id}/reopen",
        summary="Send an escalated order out again",
        roles=_DESK,
        handler=reopen,
        body=ReopenBody,
        answer=(OrderView,),
        example={"bonus_fen": 2000},
        answer_example=full(REOPENED),
    ),
    Operation(
        method="POST",
        path="/v1/orders/{id}/close",
        summary="Close an escalated order that was settled by phone",
        roles=_DESK,
        handler=close,
        body=CloseBody,
        answer=(OrderView,),
        example={"outcome": "the customer found help himself"},
        answer_example=full(CLOSED),
    ),
    Operation(
        method="POST",
        path="/v1/orders/{id}/cancel",
        summary="Call an order off; its customer may before `working`",
        roles=(Role.CUSTOMER, Role.DISPATCHER, Role.SERVICE),
        handler=cancel,
        body=CancelBody,
        answer=(OrderView,),
        example={"reason": "it started again"},
        answer_example=full(CANCELLED),
    ),
)
