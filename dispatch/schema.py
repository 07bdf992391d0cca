"""The tables of PostgreSQL, as `records` queries them; `migrations/` makes them.

Owns names and types only. Times are ms since the epoch. Invariants the tables hold by themselves: one event
for an order and version, one assignment for an order and fence, one effect for an idempotency key.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    desc,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

METADATA = MetaData()

# Conditions of partial indexes, in PostgreSQL's words; whoever asks by such an index says the same.
UNFINISHED = "status <> 'completed'::text AND status <> 'cancelled'::text AND status <> 'expired'::text"
ESCALATED = (
    "type = 'escalated'::text OR type = 'released'::text AND data ->> 'from'::text = 'arrived'::text"
    " OR type = 'released'::text AND data ->> 'from'::text = 'working'::text"
)
"""Events that bring an order to the desk: by time, or given back when the car may be in the holder's hands."""

REGIONS = Table(
    "regions",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("feature", JSONB, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

POLICIES = Table(
    "policies",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("body", JSONB, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

AGENTS = Table(
    "agents",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("phone", Text),
    Column("skills", ARRAY(Text), nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("home_lat", Double),
    Column("home_lon", Double),
    Column("suspended", Boolean, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("agents_by_region", "region", "id"),
)

ORDERS = Table(
    "orders",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("agent_id", Text),
    Column("fence", BigInteger, nullable=False),
    Column("desk_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("state", JSONB, nullable=False),
    Column("phone_end", Text),
    Index("orders_by_customer", "customer_id", desc("id")),
    Index("orders_by_agent", "agent_id", desc("id")),
    Index("orders_by_region", "region", "status", desc("id")),
    Index("orders_by_status", "status", desc("id")),
    Index("orders_unopened", "created_at", postgresql_where=text("version = 0")),
    Index("orders_on_desk", "region", "desk_at", postgresql_where=text("desk_at IS NOT NULL")),
    Index("orders_by_creation", "region", "created_at"),
    Index("orders_by_phone", "phone_end", postgresql_where=text(UNFINISHED)),
)

ORDER_EVENTS = Table(
    "order_events",
    METADATA,
    Column("order_id", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("type", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    Index("order_events_escalated", "at", "order_id", postgresql_where=text(ESCALATED)),
)

ASSIGNMENTS = Table(
    "assignments",
    METADATA,
    Column("order_id", Text, primary_key=True),
    Column("fence", BigInteger, primary_key=True),
    Column("agent_id", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("dispatcher_id", Text),
    Column("at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index("assignments_held", "order_id", postgresql_where=text("ended_at IS NULL")),
)

REQUESTS = Table(
    "requests",
    METADATA,
    Column("sub", Text, primary_key=True),
    Column("route", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("status", Integer),
    Column("answer", LargeBinary),
    Column("taken_until", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("requests_by_age", "created_at"),
)

NOTICES = Table(
    "notices",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("region", Text),
    Column("near_lat", Double),
    Column("near_lon", Double),
    Column("radius_m", Double),
    Column("until_at", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    Index("notices_by_end", "until_at"),
)

VOICE_NOTES = Table(
    "voice_notes",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("order_id", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("mime", Text, nullable=False),
    Column("seconds_ms", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("kept_until_at", BigInteger, nullable=False),
    Column("attached", Boolean, nullable=False),
    Column("expired_at", BigInteger),
    Column("swept_until_at", BigInteger, nullable=False),
    Index("voice_notes_loose", "created_at", postgresql_where=text("NOT attached")),
    Index("voice_notes_kept", "kept_until_at", postgresql_where=text("attached AND expired_at IS NULL")),
)

LINK_KEYS = Table(
    "link_keys",
    METADATA,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("key", LargeBinary, nullable=False),
)

EPOCHS = Table(
    "epochs",
    METADATA,
    Column("region", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
)

CURSORS = Table(
    "cursors",
    METADATA,
    Column("region", Text, primary_key=True),
    Column("entry", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
)

DEAD_LETTERS = Table(
    "dead_letters",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("region", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)
