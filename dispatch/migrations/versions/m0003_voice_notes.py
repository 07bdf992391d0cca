"""Voice notes' audio, and the key that signs their addresses.

Revision ID: 0003
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

KEY_BYTES = 32

TABLES = """
CREATE TABLE voice_notes (
    id TEXT NOT NULL,
    order_id TEXT NOT NULL,
    path TEXT NOT NULL,
    mime TEXT NOT NULL,
    seconds_ms BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    kept_until_at BIGINT NOT NULL,
    attached BOOLEAN NOT NULL,
    expired_at BIGINT,
    swept_until_at BIGINT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX voice_notes_loose ON voice_notes (created_at) WHERE NOT attached;
CREATE INDEX voice_notes_kept ON voice_notes (kept_until_at) WHERE attached AND expired_at IS NULL;
CREATE TABLE link_keys (
    id INTEGER NOT NULL CHECK (id = 1),
    key BYTEA NOT NULL,
    PRIMARY KEY (id)
);
"""


def upgrade() -> None:
    for statement in TABLES.split(";"):
        if statement.strip():
            op.execute(statement)
    key = sa.text("INSERT INTO link_keys (id, key) VALUES (1, :key)")
    op.get_bind().execute(key, {"key": secrets.token_bytes(KEY_BYTES)})
