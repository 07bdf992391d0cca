"""Two hubs as of two processes: each with use cases, connections and caches of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dispatch.assembly import Dispatch
from tests.conftest import City
from tests.realtime.nodes import Node, node


@asynccontextmanager
async def pair(city: City) -> AsyncIterator[tuple[Node, Node]]:
    """The second one is another process'."""
    ours = city.dispatch
    other = Dispatch(redis_url=ours.store._url, database_url=ours.records.database.url, verifier=ours.verifier)
    await other.start()
    try:
        async with node(ours) as here, node(other) as there:
            yield here, there
    finally:
        await other.close()
