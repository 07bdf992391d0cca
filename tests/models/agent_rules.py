"""Rules of the machine: what agents do with orders, one by one and many at once.

Owns grabs. Invariant: who is told `won` is told so after PostgreSQL has it, and nobody else is told so for that fence.
"""

from collections.abc import Awaitable
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from dispatch.assembly import Dispatch
from dispatch.identity import Role
from dispatch.order import HELD, STEPS, Status
from dispatch.order import Order as DispatchOrder
from tests.models.commands import DISPATCHERS, Call, Commands, agents, fates, picks, request, whole
from tests.models.orders import Event
from tests.models.play import same
from tests.models.stage import Fate


class AgentRules(Commands):
    @precondition(whole)
    @rule(pick=picks, numbers=st.lists(picks, min_size=1, max_size=5), lost=st.sampled_from([False, False, True]))
    def grab(self, pick: int, numbers: list[int], lost: bool) -> None:
        """Several agents at once: one list, one script call; `lost`: who asked died with the answer."""
        order_id = self.some(pick, Status.OPEN)
        self.claim(order_id, [self._grabber(order_id, number) for number in numbers], lost)

    @precondition(lambda self: not self.broken and self.contended)
    @rule(pick=picks, numbers=st.lists(picks, min_size=2, max_size=5))
    def grab_what_many_want(self, pick: int, numbers: list[int]) -> None:
        order_id = self.contended[pick % len(self.contended)]
        self.claim(order_id, [self._grabber(order_id, number) for number in numbers], False)

    @property
    def contended(self) -> list[str]:
        """Open orders that were offered to more than one."""
        orders = self.house.orders.values()
        return [o.id for o in orders if o.status == "open" and len(self.house.offers.get(o.id, {})) > 1]

    @precondition(lambda self: not self.broken and self.unfit)
    @rule(pick=picks)
    def grab_though_unfit(self, pick: int) -> None:
        order_id, agent_id = self.unfit[pick % len(self.unfit)]
        self.claim(order_id, [agent_id], False)

    @property
    def unfit(self) -> list[tuple[str, str]]:
        """(order, agent) who has an offer of it, and is paused, suspended, full, or has declined it."""
        house = self.house
        opened = [order for order in house.orders.values() if order.status == "open"]
        pairs = [(order, agent_id) for order in opened for agent_id in sorted(house.offers.get(order.id, {}))]
        return [(order.id, agent_id) for order, agent_id in pairs if house.why_not(agent_id, order)]

    def _grabber(self, order_id: str, number: int) -> str:
        """Mostly one to whom it was offered."""
        offered = sorted(self.house.offers.get(order_id, {}))
        return offered[number % len(offered)] if offered and number < 75 else self.agent(number)

    @precondition(whole)
    @rule(pick=picks, number=picks)
    def grab_again(self, pick: int, number: int) -> None:
        """The holder has not heard that he won, and another one comes late."""
        order_id = self.some(pick, *HELD)
        holder = self._row(order_id).holder or self.agent(0)
        self.claim(order_id, [self._grabber(order_id, number), holder, holder], lost=False)

    def claim(self, order_id: str, asking: list[str], lost: bool) -> None:
        with self.node.tap.listening(Fate.ANSWERS):
            verdicts = self.run(self._claim(order_id, asking) if lost else self._grab(order_id, asking))
        picture = self.look()
        self.tell(picture)
        start, distinct = len(self.house.log), list(dict.fromkeys(asking))
        told = self.house.claim(order_id, distinct)
        answers = dict(zip(distinct, told, strict=True)) if told else dict.fromkeys(distinct, "refused not_offered")
        same("verdicts", verdicts, [answers[agent_id] for agent_id in (distinct if lost else asking)])
        happened = self.house.log[start:] or self.house.shown
        self.align(picture)
        if not lost and "won" in answers.values():
            self._won(order_id, next(a for a in distinct if answers[a] == "won"), happened)
        self.compare(picture)

    def _won(self, order_id: str, agent_id: str, happened: list[Event]) -> None:
        """Whoever is told so, PostgreSQL knows it."""
        self.taken_in(happened)
        fence = self.house.orders[order_id].fence
        assert self.archive.assignments[order_id, fence] == agent_id

    async def _grab(self, order_id: str, asking: list[str]) -> list[str]:
        verdicts = [self.dispatch.claims.grab(self.region, order_id, agent_id) for agent_id in asking]
        found = [await verdict for verdict in verdicts]
        return [f"{verdict.outcome} {verdict.reason or ''}".rstrip() for verdict in found]

    async def _claim(self, order_id: str, asking: list[str]) -> list[str]:
        packed = msgspec.msgpack.encode(list(dict.fromkeys(asking)))
        reply = await self.dispatch.store.run("claim", self.region, order_id=order_id, agents=packed)
        if reply.outcome == "missing":
            return ["refused not_offered"] * len(set(asking))
        answers: list[str] = reply.unpacked()["answers"]
        return answers

    @precondition(whole)
    @rule(pick=picks, number=picks, fate=fates)
    def decline(self, pick: int, number: int, fate: Fate) -> None:
        order_id = self.some(pick, Status.OPEN)
        who = self._identity(self._grabber(order_id, number))

        def real(dispatch: Dispatch, _: DispatchOrder) -> Awaitable[Any]:
            return dispatch.people.decline(who, self.region, order_id, "busy")

        # Nobody repeats a decline but the store itself, under a request of its own.
        self.issue(Call(order_id, real, lambda house, _: house.decline(order_id, who.sub), ""), fate)

    @precondition(whole)
    @rule(pick=picks, number=st.none() | agents, stale=st.sampled_from([0, 0, 0, 1]),
          step=st.sampled_from(STEPS), desk=st.booleans(), fate=fates)  # fmt: skip
    def progress(self, pick: int, number: int | None, stale: int, step: Status, desk: bool, fate: Fate) -> None:
        order_id = self.some(pick, *HELD)
        who = DISPATCHERS[0] if desk else self.who(order_id, number)
        fence, again = self._row(order_id).fence - stale, request()
        agent_id = "" if who.role is Role.DISPATCHER else who.sub
        call = Call(
            order_id,
            lambda d, order: d.jobs.progress(who, order, fence, step, None, again),
            lambda house, _: house.progress(order_id, agent_id, fence, step),
            again,
        )
        self.first(call, fate)

    @precondition(whole)
    @rule(pick=picks, number=st.none() | agents, stale=st.sampled_from([0, 0, 0, 1]), desk=st.booleans(), fate=fates)
    def release(self, pick: int, number: int | None, stale: int, desk: bool, fate: Fate) -> None:
        order_id = self.some(pick, *HELD)
        who = DISPATCHERS[0] if desk else self.who(order_id, number)
        fence, again = self._row(order_id).fence - stale, request()
        agent_id = "" if who.role is Role.DISPATCHER else who.sub
        call = Call(
            order_id,
            lambda d, order: d.jobs.release(who, order, fence, "tired", again),
            lambda house, archive: house.release(order_id, agent_id, fence, "tired", archive.rows[order_id].plan),
            again,
        )
        self.first(call, fate)
