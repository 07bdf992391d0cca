"""Notices of operators.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLE = """
CREATE TABLE notices (
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    level TEXT NOT NULL,
    roles TEXT[] NOT NULL,
    region TEXT,
    near_lat DOUBLE PRECISION,
    near_lon DOUBLE PRECISION,
    radius_m DOUBLE PRECISION,
    until_at BIGINT NOT NULL,
    at BIGINT NOT NULL,
    author TEXT NOT NULL,
    PRIMARY KEY (id)
)
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute("CREATE INDEX notices_by_end ON notices (until_at)")
