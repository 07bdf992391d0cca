"""What is tried while call N fails: each scenario prepares, asks under the fault, and says what must be true then.

Knows nothing of how calls fail. Invariants: what the process under test answered is true at once; a client that
repeats with the same request gets its success, and there is one effect; whoever is asked afterwards says the same.
"""

from collections.abc import Awaitable, Callable

import pytest
from ulid import ULID

from dispatch.claims import Outcome, Verdict
from dispatch.engine import Engine
from dispatch.order import Customer, Order, Spot, Status
from dispatch.projector import Projector
from dispatch.state import Draft
from dispatch.store import Quarantined
from tests.conftest import DISPATCHER, SERVICE
from tests.dispatch.looking import due_at as due_at_of
from tests.dispatch.looking import log_of, looks, offered, redis, script
from tests.faults.nth_trial import Trial, agree, engine_of, stands

OPENED = ("placed", "opened")
SHORT = {"radius_m": 1000, "limit": 5, "seconds": 0.01}
LONG = {"radius_m": 2000, "limit": 5, "seconds": 36_000}

Ask = Callable[[], Awaitable[Order]]


async def _command(trial: Trial, order: Order, ask: Ask, *types: str) -> Order:
    """One effect, whatever was lost, and the same answer whenever it is repeated."""
    first = await trial.strike(ask)
    if first is not None:
        await stands(trial.city, first)
    if not trial.hurried:
        await trial.settle()
    again = await ask()
    await stands(trial.city, again)
    assert first is None or again == first
    await trial.settle()
    assert await ask() == again
    found = await agree(trial.city, order.id, *types)
    assert found == again
    return found


def _request() -> str:
    """As the HTTP layer makes it of an idempotency key."""
    return f"k{ULID()}"


async def place(trial: Trial) -> None:
    """Each valet has the offer once; a row that Redis never heard of is opened."""
    valets = {(await trial.valet(name)).id for name in ("a", "b")}
    order_id, request = str(ULID()), _request()
    spot = Spot(trial.city.at(), "1 Example Road")
    draft = Draft(Customer("c-1", "Li"), spot, None, {}, price_fen=18_000, bonus_fen=0, scheduled_at=None)

    async def ask() -> Order:
        intake = trial.victim.intake
        return await intake.place(SERVICE, trial.kind, draft, region=None, order_id=order_id, request=request)

    first = await trial.strike(ask)
    if first is not None:
        await stands(trial.city, first)
    if not trial.hurried:
        await trial.settle()
    again = await ask()
    trial.orders.append(order_id)
    await stands(trial.city, again)
    await trial.settle()
    assert await ask() == await agree(trial.city, order_id, *OPENED)
    assert await offered(trial.city, order_id) == valets
    told = [agent_id for event in await log_of(trial.city, order_id) for agent_id in event.to]
    assert sorted(told) == sorted(valets)


async def assign(trial: Trial) -> None:
    agent, order, request = await trial.valet("v"), await trial.placed(), _request()

    async def ask() -> Order:
        return await trial.victim.desk.assign(DISPATCHER, order, agent.id, force=False, request=request)

    found = await _command(trial, order, ask, *OPENED, "assigned")
    assert (found.status, found.holder, found.fence) == (Status.ASSIGNED, agent.id, 1)


async def assign_without_a_key(trial: Trial) -> None:
    """Who asks once hears of a success, or that nobody knows: never of a refusal that he himself caused."""
    agent, order = await trial.valet("v"), await trial.placed()

    async def ask() -> Order:
        return await trial.victim.desk.assign(DISPATCHER, order, agent.id, force=False)

    answer = await trial.strike(ask)
    if answer is not None:
        await stands(trial.city, answer)
    await trial.settle()
    now = await trial.city.dispatch.records.orders.find(order.id)
    assert now is not None
    assigned = now.holder == agent.id
    assert assigned or answer is None
    await agree(trial.city, order.id, *OPENED, *["assigned"] * assigned)


async def reassign(trial: Trial) -> None:
    agents = [await trial.valet(name) for name in ("v", "w")]
    order, request = await trial.placed(), _request()
    held = await trial.city.dispatch.desk.assign(DISPATCHER, order, agents[0].id, force=False)

    async def ask() -> Order:
        return await trial.victim.desk.assign(DISPATCHER, held, agents[1].id, force=False, request=request)

    found = await _command(trial, order, ask, *OPENED, "assigned", "assigned")
    assert (found.holder, found.fence) == (agents[1].id, 2)


async def release(trial: Trial) -> None:
    agent, order, request = await trial.valet("v"), await trial.placed(), _request()
    held = await trial.city.dispatch.desk.assign(DISPATCHER, order, agent.id, force=False)

    async def ask() -> Order:
        return await trial.victim.jobs.release(DISPATCHER, held, 1, "ill", request)

    found = await _command(trial, order, ask, *OPENED, "assigned", "released")
    assert (found.status, found.holder) == (Status.OPEN, None)


async def progress(trial: Trial) -> None:
    """To the end: the job is off his load, once."""
    agent, order, request = await trial.valet("v"), await trial.placed(), _request()
    held = await trial.city.dispatch.desk.assign(DISPATCHER, order, agent.id, force=False)

    async def ask() -> Order:
        return await trial.victim.jobs.progress(DISPATCHER, held, 1, Status.COMPLETED, None, request)

    found = await _command(trial, order, ask, *OPENED, "assigned", "completed")
    assert (found.status, found.holder) == (Status.COMPLETED, None)


async def cancel(trial: Trial) -> None:
    order, request = await trial.placed(), _request()

    async def ask() -> Order:
        return await trial.victim.desk.cancel(DISPATCHER, order, "no more", request)

    found = await _command(trial, order, ask, *OPENED, "cancelled")
    assert (found.status, found.reason) == (Status.CANCELLED, "no more")


async def grab(trial: Trial) -> None:
    """Two at once, each twice: one holder, and each hears the truth, whenever he asks."""
    agents = [await trial.valet(name) for name in ("v", "w")]
    order = await trial.placed()

    async def ask() -> list[Verdict]:
        claims = trial.victim.claims
        asked = [claims.grab(trial.city.region, order.id, agent.id) for agent in (*agents, *agents)]
        return [await verdict for verdict in asked]

    first = await trial.strike(ask)
    assert first is not None, "a grab never fails for want of a database"
    assert [each.outcome for each in first] == [Outcome.WON, Outcome.TAKEN] * 2
    assert first[0].order is not None
    await stands(trial.city, first[0].order)
    if not trial.hurried:
        await trial.settle()
    assert await ask() == first
    await trial.settle()
    assert await ask() == first
    found = await agree(trial.city, order.id, *OPENED, "assigned")
    assert (found.holder, found.fence) == (agents[0].id, first[0].fence)


# --- time passes --------------------------------------------------------------------------------------


async def _timeout(trial: Trial, order: Order, *types: str) -> Order:
    """A deadline takes effect once, by whichever engine."""
    engine = engine_of(trial.city, trial.victim)
    async for _ in looks():
        due = (await script(trial.city, "due", most=64)).unpacked()["due"]
        if any(order.id == each[0] for each in due):
            break
    await trial.strike(engine._turn)
    if not trial.nth.struck:
        assert [event.type for event in await log_of(trial.city, order.id)] == list(types)
    if trial.hurried:
        await _until_quiet(engine)
    await trial.settle()
    await engine._turn()
    return await agree(trial.city, order.id, *types)


async def _until_quiet(engine: Engine) -> None:
    """It looks again at once for as long as something is due."""
    while await engine._turn() == 0.0:
        pass


async def widen(trial: Trial) -> None:
    near, far = await trial.valet("near", 500), await trial.valet("far", 1500)
    order = await trial.placed()
    found = await _timeout(trial, order, *OPENED, "widened")
    assert (found.status, found.round) == (Status.OPEN, 2)
    assert await offered(trial.city, order.id) == {near.id, far.id}
    assert [event.to for event in await log_of(trial.city, order.id)] == [(), (near.id,), (far.id,)]


async def escalate(trial: Trial) -> None:
    order = await trial.placed()
    found = await _timeout(trial, order, *OPENED, "escalated")
    assert found.on_desk
    assert found.status is Status.ESCALATED


async def project(trial: Trial) -> None:
    """What only the log says; and what has ended, Redis lets go of."""
    city = trial.city
    order, ended = await trial.placed(), await trial.placed()
    await script(city, "escalate", order_id=order.id, due_at=await due_at_of(city, order.id), desk_ms=36_000_000)
    await script(city, "cancel", order_id=ended.id, reason="x", actor="x:y", before="")
    projector = Projector(trial.victim.store, trial.victim.records, city.region)

    async def ask() -> bool:
        return await _one_batch(trial, projector)

    done = await trial.strike(ask)
    if not trial.nth.struck:
        assert done
    if trial.hurried:
        async for _ in looks():  # PostgreSQL may not have noticed yet that the former holder of the lock is gone
            if await ask():
                break
    else:
        await trial.settle()
    assert await city.dispatch.records.marks.cursor(city.region) == await city.dispatch.store.log_end(city.region)
    assert (await agree(city, order.id, *OPENED, "escalated")).on_desk
    await agree(city, ended.id, *OPENED, "cancelled")
    await script(city, "cancel", order_id=order.id, reason="x", actor="x:y", before="")
    assert await ask()
    for each in (order, ended):
        assert await redis(city, "PTTL", f"order:{{{city.region}}}:{each.id}") > 0


async def _one_batch(trial: Trial, projector: Projector) -> bool:
    """As the projector runs, until it has read once. False when another has the lock."""
    passes = iter((False, True))
    async with trial.victim.records.database.try_lock(f"project:{trial.city.region}") as held:
        if held is not None:
            await projector._follow(lambda: held.is_closed() or next(passes))
    return held is not None


# --- Redis was emptied --------------------------------------------------------------------------------


async def reconcile(trial: Trial) -> None:
    """Until it is done no script takes effect; then everything unfinished is there again."""
    city, agent = trial.city, await trial.valet("v")
    held, waiting = await trial.placed(), await trial.placed()
    await city.dispatch.desk.assign(DISPATCHER, held, agent.id, force=False)
    await trial.settle()
    n = int(await redis(city, "GET", f"n:{{{city.region}}}"))
    await city.dispatch.store.direct([("DEL", *await redis(city, "KEYS", f"*:{{{city.region}}}*"))])

    async def ask() -> bool:
        return await trial.victim.reconciler.ensure(city.region)

    done = await trial.strike(ask)
    if not trial.nth.struck:
        assert done
    if not await city.dispatch.reconciler.settled(city.region):
        assert not done
        with pytest.raises(Quarantined):
            await city.dispatch.store.run_now("due", city.region, most=1)
    async for _ in looks():  # PostgreSQL may not have noticed yet that the former holder of the lock is gone
        if await ask():
            break
    assert int(await redis(city, "GET", f"n:{{{city.region}}}")) > n
    await trial.settle()  # the round goes on where it was: at its end
    await agree(city, held.id, *OPENED, "assigned")
    await agree(city, waiting.id, *OPENED, "escalated")
