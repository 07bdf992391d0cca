"""A connection between `hello` and `welcome`: what it says meanwhile waits. Knows no limits; the hub does."""

from realtime.wire import ClientMessage, Invalid


class Guest:
    def __init__(self) -> None:
        self.early: list[ClientMessage | Invalid] = []
        self.here = True
        """Until it is lost or sent away."""
