"""Who reads a view, and when: what of it differs from reader to reader.

Pure: the moment comes in. Says nothing of what he may see (`access` and the two views do). Invariant: two readers
that are equal see the same, byte for byte.
"""

import msgspec

from dispatch.identity import STAFF
from dispatch.voice.links import Links
from geo.crs import Crs


class Reader(msgspec.Struct, frozen=True, gc=False):
    """Without `links` (in examples) no note has an address.

    `actor` is he as events name him, `shop:s-1`: the addresses that he is given are good for him only.
    """

    crs: Crs = Crs.WGS84
    actor: str = ""
    links: Links | None = None
    now_ms: int = 0

    @property
    def is_staff(self) -> bool:
        """Whether he sees of orders what concerns the desk only."""
        return self.actor.partition(":")[0] in STAFF

    def url(self, note_id: str) -> str | None:
        """Where he hears the note; made anew, good for five minutes from `now_ms`."""
        return self.links.url(note_id, self.actor, self.now_ms) if self.links else None


ANYONE = Reader()
"""In WGS-84, without addresses: for examples."""
