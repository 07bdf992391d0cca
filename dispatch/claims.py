"""Grabs: many hands, one order.

Grabs of one order on this node are gathered into one script call; an answer serves only those gathered
before it was sent, later ones form the next list. Invariant: `won` is returned only after the event that
says so stands in PostgreSQL, however long that takes; who will not wait says `pending` meanwhile.
"""

import asyncio
import random
from enum import StrEnum

import msgspec
import structlog

from dispatch import metrics
from dispatch.errors import DispatchError, InvariantBroken, Unavailable
from dispatch.order import Order
from dispatch.records import Records
from dispatch.records.ledger import FenceTaken, StaleEpoch
from dispatch.redress import redress
from dispatch.state import order_of
from dispatch.store import Reply, Store
from dispatch.tasks import end

log = structlog.get_logger()
LONGEST_PAUSE_S = 2.0
"""Between two attempts to write while PostgreSQL is away."""


class Outcome(StrEnum):
    WON = "won"
    PENDING = "pending"
    TAKEN = "taken"
    GONE = "gone"
    REFUSED = "refused"


class Verdict(msgspec.Struct, frozen=True):
    """`order` and `fence` stand with `won` only; `reason` with `gone` and `refused`."""

    outcome: Outcome
    reason: str | None = None
    fence: int | None = None
    order: Order | None = None


PENDING = Verdict(Outcome.PENDING)
UNAVAILABLE = Verdict(Outcome.REFUSED, "unavailable")
NOT_OFFERED = Verdict(Outcome.REFUSED, "not_offered")

_Grab = tuple[str, "asyncio.Future[Verdict]"]


class Claims:
    def __init__(self, store: Store, records: Records) -> None:
        self._store = store
        self._records = records
        self._lists: dict[tuple[str, str], list[_Grab]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def grab(self, region: str, order_id: str, agent_id: str) -> "asyncio.Future[Verdict]":
        """The final verdict to come. It never fails for want of Redis or PostgreSQL: that is `refused`,
        `unavailable`, or takes as long as PostgreSQL is away (then the caller says `pending`)."""
        verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        key = (region, order_id)
        gathering = self._lists.get(key)
        if gathering is None:
            self._lists[key] = [(agent_id, verdict)]
            self._start(self._claim_lists(key))
        else:
            gathering.append((agent_id, verdict))
        return verdict

    async def close(self) -> None:
        await end(tuple(self._tasks))

    def _start(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _claim_lists(self, key: tuple[str, str]) -> None:
        """One call after another for one order, until nobody is left; the tasks of a turn start after it."""
        while self._lists[key]:
            grabs, self._lists[key] = self._lists[key], []
            try:
                await self._claim(key, grabs)
            except DispatchError as exc:
                if isinstance(exc, InvariantBroken):
                    metrics.BROKEN.inc()
                    log.error("claim_failed", order=key[1], error=exc.message)
                _tell(grabs, UNAVAILABLE)
            except asyncio.CancelledError:
                _tell([*grabs, *self._lists.pop(key)], UNAVAILABLE)
                raise
        del self._lists[key]

    async def _claim(self, key: tuple[str, str], grabs: list[_Grab]) -> None:
        region, order_id = key
        agents = list(dict.fromkeys(agent_id for agent_id, _ in grabs))
        metrics.CLAIM_LIST.observe(len(grabs))
        reply = await self._store.run("claim", region, order_id=order_id, agents=msgspec.msgpack.encode(agents))
        if reply.outcome == "missing":
            _tell(grabs, NOT_OFFERED)
            return
        answers = dict(zip(agents, reply.unpacked()["answers"], strict=True))
        _tell([grab for grab in grabs if answers[grab[0]] != Outcome.WON], answers)
        winners = [grab for grab in grabs if answers[grab[0]] == Outcome.WON]
        if winners:
            self._start(self._confirm(key, winners, reply))

    async def _confirm(self, key: tuple[str, str], winners: list[_Grab], reply: Reply) -> None:
        """`won` waits for PostgreSQL. One agent only: a script gives an order to one."""
        try:
            verdict = await self._durable(key, winners[0][0], reply)
        except asyncio.CancelledError:
            _tell(winners, UNAVAILABLE)
            raise
        except DispatchError as exc:
            metrics.BROKEN.inc()
            log.error("win_not_confirmed", order=key[1], error=exc.message)
            verdict = UNAVAILABLE
        for _, future in winners:
            if not future.done():
                future.set_result(verdict)

    async def _durable(self, key: tuple[str, str], agent_id: str, reply: Reply) -> Verdict:
        order = _shown(key, reply)
        wait = 0.05
        late = False
        while reply.events:
            try:
                await self._records.ledger.apply(reply.events)
            except StaleEpoch:
                return await self._ask_again(key, agent_id, order)
            except FenceTaken as exc:
                log.error("fence_belongs_to_another", order=order.id, fence=order.fence)
                await redress(self._store, self._records, key[0], exc)
                return Verdict(Outcome.TAKEN)
            except Unavailable:
                late = True
                await asyncio.sleep(random.uniform(0, wait))  # PostgreSQL is away: back off, keep trying
                wait = min(2 * wait, LONGEST_PAUSE_S)
                continue
            break
        return Verdict(Outcome.WON, fence=order.fence, order=await self._present(order) if late else order)

    async def _ask_again(self, key: tuple[str, str], agent_id: str, order: Order) -> Verdict:
        """The region is put right meanwhile, with his win or without. With it he has won, whatever came since: the log
        may have told PostgreSQL of it. Whether it did is certain only when the region answers again."""
        verdict = await self.grab(key[0], key[1], agent_id)
        while verdict.outcome is not Outcome.WON:
            try:
                won = await self._records.ledger.agent_under(order.id, order.fence) == agent_id
                return Verdict(Outcome.WON, fence=order.fence, order=await self._present(order)) if won else verdict
            except Unavailable:
                await asyncio.sleep(random.uniform(0, LONGEST_PAUSE_S))
        return verdict

    async def _present(self, order: Order) -> Order:
        """Meanwhile he may have been told more of his job than the event says that he won by."""
        try:
            found = await self._records.orders.find(order.id)
        except Unavailable:
            return order
        same = found is not None and (found.holder, found.fence) == (order.holder, order.fence)
        return found if found is not None and same else order


def _shown(key: tuple[str, str], reply: Reply) -> Order:
    """As the winner holds it. Without an event: the log has let go of it, so PostgreSQL has it."""
    return reply.events[-1].order if reply.events else order_of(key[1], key[0], reply.unpacked()["state"])


def _tell(grabs: list[_Grab], answers: "Verdict | dict[str, str]") -> None:
    for agent_id, future in grabs:
        if not future.done():
            future.set_result(answers if isinstance(answers, Verdict) else _verdict(answers[agent_id]))


def _verdict(answer: str) -> Verdict:
    outcome, _, reason = answer.partition(" ")
    return Verdict(Outcome(outcome), reason or None)
