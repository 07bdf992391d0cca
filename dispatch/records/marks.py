"""Where each region stands: its epoch on which run of Redis, and the projector's place in its log.

Knows not how they are used. Invariant: an epoch only rises.
"""

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from dispatch.records.database import Database
from dispatch.schema import CURSORS, EPOCHS


class Marks:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def epoch(self, region: str) -> tuple[str, int] | None:
        """(run id, epoch), or None for a region that was never reconciled."""
        async with self._database.statement() as connection:
            row = (await connection.execute(select(EPOCHS).where(EPOCHS.c.region == region))).one_or_none()
        return None if row is None else (row.run_id, row.epoch)

    async def raise_epoch(self, region: str, above: int = 0) -> int:
        """A new epoch that holds on no run of Redis yet: waits for every `apply` of the old one to end.

        Above the one that Redis shows, too: PostgreSQL may have been set back.
        """
        statement = insert(EPOCHS).values(region=region, run_id="", epoch=above + 1)
        raised = statement.on_conflict_do_update(
            index_elements=["region"], set_={"epoch": func.greatest(EPOCHS.c.epoch, above) + 1, "run_id": ""}
        )
        async with self._database.statement() as connection:
            return int(await connection.scalar(raised.returning(EPOCHS.c.epoch)) or 0)

    async def settle(self, region: str, epoch: int, run_id: str, entry: str, n: int) -> bool:
        """The region is reconciled: the epoch holds on this run, the projector goes on after `entry`.

        False, and nothing changed, when another has raised the epoch meanwhile.
        """
        async with self._database.transaction() as connection:
            settled = await connection.execute(
                update(EPOCHS).where(EPOCHS.c.region == region, EPOCHS.c.epoch == epoch).values(run_id=run_id)
            )
            if not settled.rowcount:
                return False
            cursor = insert(CURSORS).values(region=region, entry=entry, n=n)
            changed = {"entry": cursor.excluded.entry, "n": cursor.excluded.n}
            await connection.execute(cursor.on_conflict_do_update(index_elements=["region"], set_=changed))
            return True

    async def cursor(self, region: str) -> tuple[str, int]:
        """The projector's place: (entry id, n)."""
        async with self._database.statement() as connection:
            row = (await connection.execute(select(CURSORS).where(CURSORS.c.region == region))).one_or_none()
        return ("0-0", 0) if row is None else (row.entry, row.n)
