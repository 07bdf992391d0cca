"""Intake: an order comes in, and what its client says of it may be edited.

Owns region, kind and the row at version 0, which makes 201 true even while Redis is away. Invariants: an
order that was answered 201 is in PostgreSQL; an engine opens whatever Redis has not heard of. An order stays in the
region that it was placed in.
"""

from collections.abc import Iterable, Mapping

import msgspec
import structlog

from dispatch import metrics
from dispatch.access import require_region
from dispatch.catalog import Catalog
from dispatch.clock import now_ms
from dispatch.errors import Unavailable, invalid
from dispatch.identity import Identity, Role
from dispatch.order import Order, RegionId
from dispatch.policy import Policy, opening
from dispatch.records import Records
from dispatch.records.orders import Row
from dispatch.state import Draft, State, draft_of, edited_state, new_state, order_of
from dispatch.store import Store
from dispatch.transitions import Transitions
from dispatch.voice.note import Note

log = structlog.get_logger()


class Intake:
    def __init__(self, store: Store, records: Records, catalog: Catalog) -> None:
        self._store = store
        self._records = records
        self._catalog = catalog
        self._transitions = Transitions(store, records)

    async def place(
        self,
        who: Identity,
        kind: str,
        draft: Draft,
        *,
        region: str | None,
        order_id: str,
        request: str,
        notes: Iterable[Note] = (),
    ) -> Order:
        """Take an order in. `order_id` is drawn by the caller, once for an idempotency key.

        Raises Refused (invalid: kind, place, region; forbidden), Unavailable (PostgreSQL).
        """
        policy = await self._catalog.policy(kind)
        with metrics.PLACING_STEP.labels("sql").time():
            row = await self._create(who, order_id, new_state(kind, draft, now_ms(), notes), draft, region)
        if row.version > 0:  # the same request has been here before
            return order_of(order_id, row.region, row.state)
        try:
            return await self.enter(order_id, row.region, row.state, policy, who.actor, request)
        except Unavailable as exc:  # the row stands: an engine opens it
            log.warning("order_waits_for_redis", order=order_id, error=exc.message)
            return order_of(order_id, row.region, row.state)

    async def _create(self, who: Identity, order_id: str, state: State, draft: Draft, wished: str | None) -> Row:
        for _ in range(2):
            home = await self._region(draft, wished)
            require_region(who, home)
            row = await self._records.orders.create(order_id, home, state)
            if row is not None:
                return row
            await self._catalog.load()  # the region was deleted a moment ago
        raise Unavailable("the regions are being changed")

    async def enter(self, order_id: str, region: str, state: State, policy: Policy, actor: str, request: str) -> Order:
        """Take a row at version 0 into the house; a second time it is found there. Raises Unavailable."""
        scheduled_at = state["scheduled_at"]
        with metrics.PLACING_STEP.labels("script").time():
            reply = await self._store.run(
                "place",
                region,
                request=request,
                order_id=order_id,
                actor=actor,
                state=msgspec.msgpack.encode(state),
                terms=opening(policy),
                opens_at=str(int(scheduled_at) - policy.lead_ms) if scheduled_at else "",
            )
        if not reply.events:  # it is there already, and what brought it there may have left the log
            return await self._records.orders.find(order_id) or order_of(order_id, region, state)
        await self._records.ledger.apply(reply.events)
        return reply.events[-1].order

    async def edit(self, who: Identity, order: Order, changes: Mapping[str, object], request: str = "") -> Order:
        """Replace parts of the order: `changes` names fields of its draft. Parts that are not named stay as they are
        by then; what is named and no different is no change. Its customer may while nobody holds it.

        Raises Refused (invalid: place; conflict), Unavailable.
        """
        draft = msgspec.structs.replace(draft_of(order), **changes)
        if draft.place.point != order.place.point:
            await self._require_same_region(draft, order)
        policy = await self._catalog.policy(order.kind)
        return await self._transitions.run(
            "edit",
            order,
            request,
            actor=who.actor,
            parts=msgspec.msgpack.encode(edited_state(draft, changes)),
            unheld="1" if who.role is Role.CUSTOMER else "",
            opens_at="" if draft.scheduled_at is None else str(draft.scheduled_at - policy.lead_ms),
            terms=opening(policy, order.plan),
            hall_m=policy.hall_radius_m,
        )

    async def _require_same_region(self, draft: Draft, order: Order) -> None:
        found = await self._catalog.region_of(draft.place.point)
        if found is None:
            raise invalid("place", "lies in no region")
        if found != order.region:
            raise invalid("place", f"lies in region {found}, the order is of {order.region}")

    async def _region(self, draft: Draft, wished: str | None) -> RegionId:
        found = await self._catalog.region_of(draft.place.point)
        if found is None:
            raise invalid("place", "lies in no region")
        if wished is not None and wished != found:
            raise invalid("region", f"the place lies in region {found}")
        return found
