"""How large a measurement is, and how it says how far it is.

Owns the sizes that the command line and the bench set. Knows no mode; each mode names its own `DEFAULTS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from loadtest.wire import Codec

Progress = Callable[[str, float], None]
"""What is being done, and how much of the whole mode is behind us: 0 to 1."""


def silent(what: str, done: float) -> None:
    """A `Progress` for those who show none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`rate` is orders a second, None: as many as the server takes. `processes` are those of the clients."""

    agents: int = 2_000
    orders: int = 0
    seconds: float = 10.0
    rate: float | None = None
    processes: int = 2
    codec: Codec = "json"
