"""A server that is reached over a network which can be cut: its pages and its stream each through a proxy.

Owns the two proxies and the server behind them. Invariant: while the network is cut no byte and no end of a connection
comes through, either way; what was on its way is lost, as with a phone in a tunnel.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from loadtest.child import free_ports
from tests.console.guard import LOST_NETWORK
from tests.console.house import Home
from tests.console.person import Person
from tests.faults.proxy import Proxy
from tests.journeys.cluster import Cluster, ServerProcess


@dataclass(frozen=True)
class Network:
    pages: Proxy
    stream: Proxy

    @property
    def home(self) -> Home:
        return Home(f"http://127.0.0.1:{self.pages.port}", f"ws://127.0.0.1:{self.stream.port}")

    async def cut(self, person: Person, *, told: bool = True) -> None:
        """`told`: the device notices, as one in a tunnel does; else only what is sent is lost."""
        person.guard.pardon(LOST_NETWORK)
        for proxy in (self.pages, self.stream):
            proxy.half_open(True)
        if told:
            await person.context.set_offline(True)

    async def mend(self, person: Person) -> None:
        self.heal()
        await person.context.set_offline(False)

    def heal(self) -> None:
        for proxy in (self.pages, self.stream):
            proxy.heal()


@asynccontextmanager
async def network(cluster: Cluster) -> AsyncIterator[Network]:
    http_port, ws_port = free_ports(2)
    found = Network(Proxy(("127.0.0.1", http_port)), Proxy(("127.0.0.1", ws_port)))
    await found.pages.start()
    await found.stream.start()
    environment = {**cluster.environment, "DISPATCH_STREAM_URL": f"{found.home.stream}/v1/stream"}
    server = ServerProcess(environment, data_dir=cluster.data_dir, http_port=http_port, ws_port=ws_port)
    try:
        await server.start()
        yield found
    finally:
        await found.pages.close()
        await found.stream.close()
        await server.end()
