"""The first tables.

Revision ID: 0001
"""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE agents (
    id TEXT NOT NULL,
    role TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    phone TEXT,
    skills TEXT[] NOT NULL,
    capacity INTEGER NOT NULL,
    home_lat DOUBLE PRECISION,
    home_lon DOUBLE PRECISION,
    suspended BOOLEAN NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX agents_by_region ON agents (region, id);
CREATE TABLE assignments (
    order_id TEXT NOT NULL,
    fence BIGINT NOT NULL,
    agent_id TEXT NOT NULL,
    by TEXT NOT NULL,
    dispatcher_id TEXT,
    at BIGINT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (order_id, fence)
);
CREATE INDEX assignments_held ON assignments (order_id) WHERE ended_at IS NULL;
CREATE TABLE cursors (
    region TEXT NOT NULL,
    entry TEXT NOT NULL,
    n BIGINT NOT NULL,
    PRIMARY KEY (region)
);
CREATE TABLE dead_letters (
    id BIGSERIAL NOT NULL,
    region TEXT NOT NULL,
    n BIGINT NOT NULL,
    order_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    type TEXT NOT NULL,
    error TEXT NOT NULL,
    body BYTEA NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE epochs (
    region TEXT NOT NULL,
    run_id TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    PRIMARY KEY (region)
);
CREATE TABLE order_events (
    order_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    type TEXT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    data JSONB NOT NULL,
    PRIMARY KEY (order_id, version)
);
CREATE TABLE orders (
    id TEXT NOT NULL,
    region TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    version BIGINT NOT NULL,
    customer_id TEXT NOT NULL,
    agent_id TEXT,
    fence BIGINT NOT NULL,
    desk_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    state JSONB NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX orders_by_agent ON orders (agent_id, id DESC);
CREATE INDEX orders_by_customer ON orders (customer_id, id DESC);
CREATE INDEX orders_by_region ON orders (region, status, id DESC);
CREATE INDEX orders_by_status ON orders (status, id DESC);
CREATE INDEX orders_on_desk ON orders (region, desk_at) WHERE desk_at IS NOT NULL;
CREATE INDEX orders_unopened ON orders (created_at) WHERE version = 0;
CREATE TABLE policies (
    kind TEXT NOT NULL,
    body JSONB NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (kind)
);
CREATE TABLE regions (
    id TEXT NOT NULL,
    feature JSONB NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE requests (
    sub TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    digest BYTEA NOT NULL,
    order_id TEXT NOT NULL,
    status INTEGER,
    answer BYTEA,
    taken_until BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (sub, route, key)
);
CREATE INDEX requests_by_age ON requests (created_at);
"""


def upgrade() -> None:
    for statement in TABLES.split(";"):
        if statement.strip():
            op.execute(statement)
