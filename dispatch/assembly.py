"""The use cases, put together over one store and one set of records.

Owns their life in one process: connect, follow the rules, close. Knows no protocol. Invariant: after `start`
the tables exist, the defaults stand, and the rules are known.
"""

import asyncio

from dispatch.catalog import Catalog
from dispatch.claims import Claims
from dispatch.desk import Desk
from dispatch.figures import Figures
from dispatch.hall import Hall
from dispatch.homes import Homes
from dispatch.identity import Verifier
from dispatch.intake import Intake
from dispatch.jobs import Jobs
from dispatch.map import Map
from dispatch.notices import Notices
from dispatch.people import People
from dispatch.reconcile import Reconciler
from dispatch.records import Database, Records
from dispatch.roster import Roster
from dispatch.say import DEFAULT, Sayings
from dispatch.sessions import Sessions
from dispatch.store import Store
from dispatch.tasks import end
from dispatch.transitions import Transitions
from dispatch.voice.links import Links
from dispatch.voice.notes import Notes
from dispatch.voice.terms import DEFAULT_TERMS, VoiceTerms


class Dispatch:
    links: Links
    """Set by `start`: the key stands in PostgreSQL."""

    def __init__(
        self,
        *,
        redis_url: str,
        database_url: str,
        verifier: Verifier,
        voice: VoiceTerms = DEFAULT_TERMS,
        say: Sayings = DEFAULT,
    ) -> None:
        self.verifier = verifier
        self.sayings = say
        self.records = Records(Database(database_url))
        self.store = Store(redis_url, self.records.marks.epoch)
        self.catalog = Catalog(self.records)
        self.transitions = Transitions(self.store, self.records)
        self.intake = Intake(self.store, self.records, self.catalog)
        self.claims = Claims(self.store, self.records)
        self.jobs = Jobs(self.transitions, self.catalog)
        self.desk = Desk(self.transitions, self.records, self.catalog)
        self.people = People(self.store, self.records, self.catalog)
        self.roster = Roster(self.store, self.records)
        self.map = Map(self.store, self.records, self.roster)
        self.figures = Figures(self.records)
        self.hall = Hall(self.store, self.records, self.catalog)
        self.homes = Homes(self.people, self.records, self.catalog)
        self.notices = Notices(self.store, self.records, self.catalog, self.roster)
        self.sessions = Sessions(self.store, self.records, self.catalog)
        self.reconciler = Reconciler(self.store, self.records)
        self.notes = Notes(voice, self.store, self.records, self.catalog, self.intake, self.people)
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises Unavailable when PostgreSQL can not be reached."""
        await self.records.database.migrate()
        self.links = Links(await self.records.voice_notes.link_key(), self.notes.terms.base_url)
        await self.catalog.seed()
        self._following = asyncio.create_task(self.catalog.keep_fresh(), name="rules")

    async def close(self) -> None:
        if self._following:
            await end([self._following])
        await self.map.close()
        await self.figures.close()
        await self.notes.close()
        await self.claims.close()
        await self.store.close()
        await self.records.close()
