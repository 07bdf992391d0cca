"""Alembic's folder: how a database gets the tables of `dispatch.schema`, one file a step."""
