"""Alembic's entry: `records.migrate` hands over a connection that holds the migration lock."""

from alembic import context

from dispatch.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
