"""What was done to the server, and when: the record that a judge reads beside the histories.

Owns the form of one incident. Knows neither how it was done nor what follows from it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Incident:
    """Times in ns of the monotonic clock, from before the fault began until it was healed (a process that was
    started again may not be ready yet).

    `target`: what was hit, for people. `loses_data`: Redis lost something that it had acknowledged. `clock_ms`: how
    far Redis' or a node's clock was moved meanwhile; it was moved back by `until_ns`.
    """

    kind: str
    target: str
    from_ns: int
    until_ns: int
    loses_data: bool = False
    clock_ms: int = 0
