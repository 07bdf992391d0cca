"""The tail on a real log, and on a Redis that goes away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from dispatch import metrics
from dispatch.errors import Unavailable
from dispatch.events import Event, Type
from dispatch.scripts import key
from dispatch.store import Store
from dispatch.tasks import end
from realtime.tail import Tail, Tails
from server import embedded_redis
from server.children import Child
from tests.conftest import DISPATCHER, City
from tests.realtime.gate import gate
from tests.realtime.stream import PATIENCE

MARK = "valet-dispatch-0123456789abcdef"


class Listener:
    """What the hub is told, in order: events, and `lost`."""

    def __init__(self) -> None:
        self.told: list[Event | str] = []
        self.fault: Exception | None = None
        self._changed = asyncio.Event()

    def hear(self, events: list[Event]) -> None:
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        self.told += events
        self._tell()

    def lost(self, slot: str) -> None:
        self.told.append(f"lost {slot}")
        self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    @property
    def events(self) -> list[Event]:
        return [each for each in self.told if isinstance(each, Event)]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not true():
                await self._changed.wait()


@pytest.fixture
async def ear() -> Listener:
    return Listener()


@pytest.fixture
async def tail(city: City, ear: Listener) -> AsyncIterator[Tail]:
    tail = Tail(city.dispatch.store, city.region, ear.hear, ear.lost)
    yield tail
    await tail.stop()


async def test_everything_from_the_start_on_once_and_in_order(city: City, tail: Tail, ear: Listener) -> None:
    await city.place()
    await tail.start()
    orders = [await city.place() for _ in range(3)]
    await city.dispatch.desk.cancel(DISPATCHER, orders[1], "no")
    await ear.until(lambda: bool(ear.events) and ear.events[-1].type is Type.CANCELLED)
    assert [event.order_id for event in ear.events] == [
        *(order.id for order in orders for _ in ("placed", "opened")),
        orders[1].id,
    ]
    first = ear.events[0].n
    assert [event.n for event in ear.events] == list(range(first, first + 7))
    assert ear.told == ear.events, "nothing was lost"


async def test_a_batch_that_begins_after_a_gap(city: City, tail: Tail, ear: Listener) -> None:
    await tail.start()
    await city.place()
    await ear.until(lambda: len(ear.events) == 2)
    await city.dispatch.store.direct([("INCR", key(city.region, "n"))])
    await city.place()
    await ear.until(lambda: len(ear.events) == 4)
    assert ear.told.index(f"lost {city.region}") == 2, "before what came after it"
    assert len(ear.told) == 5


async def test_a_gap_within_a_batch(city: City, tail: Tail, ear: Listener) -> None:
    reader = city.dispatch.store.reader(city.region, "0-0")
    await city.place()
    await city.dispatch.store.direct([("INCR", key(city.region, "n"))])
    await city.place()
    batch = await reader.read(10, 0)
    await reader.close()
    await tail.start()
    tail._last_n = batch[0].n - 1
    tail._pass_on(batch)
    assert ear.told == [f"lost {city.region}", *batch]


async def test_a_bug_in_the_hub_does_not_end_the_tail(city: City, tail: Tail, ear: Listener) -> None:
    broken = metrics.BROKEN._value.get()
    await tail.start()
    ear.fault = ValueError("a bug")
    await city.place()
    await ear.until(lambda: f"lost {city.region}" in ear.told)
    order = await city.place()
    await ear.until(lambda: len(ear.events) == 2)
    assert {event.order_id for event in ear.events} == {order.id}
    assert metrics.BROKEN._value.get() == broken + 1


async def test_a_broken_connection_loses_nothing(city: City, tmp_path: Path, ear: Listener) -> None:
    url = city.dispatch.store._url.removeprefix("unix://")
    async with gate(tmp_path / "redis.sock", Path(url)) as door:
        store = Store(f"unix://{tmp_path}/redis.sock", city.dispatch.records.marks.epoch)
        tail = Tail(store, city.region, ear.hear, ear.lost)
        await tail.start()
        await city.place()
        await ear.until(lambda: len(ear.events) == 2)
        await door.cut()
        await city.place()
        await door.open()
        await ear.until(lambda: len(ear.events) == 4)
        assert ear.told == ear.events
        await tail.stop()
        await store.close()


class Lone:
    """A Redis of its own that a test may stop and start, with a log in it."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.store = Store(child.plan.url, self._no_epoch)

    async def _no_epoch(self, region: str) -> tuple[str, int] | None:
        return None

    async def append(self, order_id: str) -> None:
        n = (await self.store.direct([("INCR", key("r", "n"))]))[0]
        fields = {"n": n, "type": "placed", "order": order_id, "version": 1, "to": "", "holder": "", "was": ""}
        flat = [part for pair in (fields | {"customer": "", "desk": "", "body": ""}).items() for part in pair]
        await self.store.direct([("XADD", key("r", "log"), "*", *flat)])


@pytest.fixture
async def lone(tmp_path: Path) -> AsyncIterator[Lone]:
    child = Child(await embedded_redis.plan(tmp_path / "redis", MARK))
    await child.start()
    found = Lone(child)
    yield found
    await found.store.close()
    await found.child.stop()


async def test_another_redis_is_a_loss_even_when_it_can_not_be_asked_at_once(lone: Lone, ear: Listener) -> None:
    """The first question after the restart fails: the loss must not be forgotten over it."""
    await lone.append("before")
    tail = Tail(lone.store, "r", ear.hear, ear.lost)
    await tail.start()
    await lone.append("a")
    await ear.until(lambda: len(ear.events) == 1)

    ask, refusals = lone.store.log_end, [Unavailable("not yet")]

    async def refuse_once(region: str) -> tuple[str, int]:
        if refusals:
            raise refusals.pop()
        return await ask(region)

    lone.store.log_end = refuse_once  # type: ignore[method-assign]  # the moment can not be hit from outside
    await lone.child.stop()
    lone.child = Child(lone.child.plan)
    await lone.child.start()
    await ear.until(lambda: "lost r" in ear.told)
    assert refusals == []
    await lone.append("b")
    await ear.until(lambda: len(ear.events) == 2)
    assert [each if isinstance(each, str) else each.order_id for each in ear.told] == ["a", "lost r", "b"]
    await tail.stop()


async def test_the_tails_of_a_hub(city: City, ear: Listener) -> None:
    tails = Tails(city.dispatch.store, ear.hear, ear.lost)
    await asyncio.gather(tails.follow({city.region, "~"}), tails.follow({city.region}))
    assert tails.follows({city.region})
    assert not tails.follows({city.region, "elsewhere"})
    await city.place()
    await ear.until(lambda: len(ear.events) == 2)  # each once, though asked for twice
    running = [task for task in asyncio.all_tasks() if task.get_name() == f"tail {city.region}"]
    assert len(running) == 1
    await tails.keep({"~"})
    assert not tails.follows({city.region})
    assert tails.follows({"~"})
    assert running[0].done()
    await tails.stop()
    assert not tails.follows({"~"})


async def test_the_end_comes_though_a_cancellation_was_swallowed() -> None:
    swallowed = asyncio.Event()

    async def deaf_once() -> None:
        forever = asyncio.get_running_loop().create_future
        try:
            await forever()
        except asyncio.CancelledError:
            swallowed.set()
        await forever()

    task = asyncio.create_task(deaf_once())
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE):
        await end([task])
    assert swallowed.is_set()
    assert task.cancelled()
