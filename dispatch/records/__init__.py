"""The only speaker of SQL: what is final stands behind this package.

One module a subject, composed in `Records`. Nothing above it sees a driver's error: they become
`Unavailable` or `InvariantBroken` in `database`. Invariant: an order's history is written by
`Ledger.apply` alone.
"""

from dispatch.records.agents import Agents
from dispatch.records.database import Database
from dispatch.records.figures import Figures
from dispatch.records.ledger import Ledger
from dispatch.records.marks import Marks
from dispatch.records.notices import Notices
from dispatch.records.orders import Orders
from dispatch.records.points import Points
from dispatch.records.requests import Requests
from dispatch.records.rules import Rules
from dispatch.records.voice_notes import VoiceNotes

__all__ = ["Database", "Records"]


class Records:
    """Everything that stands in PostgreSQL, by subject."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.ledger = Ledger(database)
        self.orders = Orders(database)
        self.points = Points(database)
        self.figures = Figures(database)
        self.agents = Agents(database)
        self.rules = Rules(database)
        self.requests = Requests(database)
        self.marks = Marks(database)
        self.notices = Notices(database)
        self.voice_notes = VoiceNotes(database)

    async def close(self) -> None:
        await self.ledger.close()
        await self.orders.close()
        await self.agents.close()
        await self.requests.close()
        await self.database.close()
