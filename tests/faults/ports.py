"""Loopback ports that stay ours while the server on them is down.

Owns sockets that are bound and never listen. Knows nothing of who serves on the ports. Invariant: until `release`,
the kernel gives the port to nobody who does not ask for it by number: no outgoing connection takes it, and none to
a server that is down connects to itself. The server binds beside us, for both sides set SO_REUSEADDR.
"""

import socket


class HeldPort:
    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def release(self) -> None:
        self._socket.close()
