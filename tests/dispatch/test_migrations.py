"""The tables that the migrations make are those that the code queries."""

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from dispatch.assembly import Dispatch
from dispatch.records import Database
from dispatch.schema import METADATA
from server import embedded
from tests.dispatch.looking import rows


async def test_the_migrated_database_is_the_schema(dispatch: Dispatch) -> None:
    async with dispatch.records.database.transaction() as connection:
        assert await connection.run_sync(_differences) == []


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    found: list[object] = compare_metadata(context, METADATA)
    for table in METADATA.tables.values():  # which autogenerate does not look at
        key = inspect(connection).get_pk_constraint(table.name)["constrained_columns"]
        if key != [column.name for column in table.primary_key.columns]:
            found.append((table.name, key))
    return found


async def test_indexes_with_a_condition_or_an_order_are_as_declared(dispatch: Dispatch) -> None:
    found = {row.indexname: row.indexdef for row in await rows(dispatch, "SELECT indexname, indexdef FROM pg_indexes")}
    for table in METADATA.tables.values():
        for index in table.indexes:
            made, where = found[str(index.name)], index.dialect_options["postgresql"]["where"]
            assert ("WHERE" in made) == (where is not None), index.name
            assert where is None or str(where) in made.replace("(", "").replace(")", ""), index.name
            assert made.count("DESC") == sum("DESC" in str(expression) for expression in index.expressions), index.name


async def test_many_processes_may_start_at_once(services: embedded.Embedded) -> None:
    databases = [Database(services.database_url) for _ in range(4)]
    await asyncio.gather(*(database.migrate() for database in databases))
    for database in databases:
        await database.close()
