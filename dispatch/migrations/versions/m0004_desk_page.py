"""What the desk's page asks for: orders by phone and by when they were placed, and which of them escalated.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"

# What keeps others from reading orders comes last.
STATEMENTS = (
    # Besides by time, an order comes to the desk when it is given back with the car perhaps in the holder's hands.
    """
    CREATE INDEX order_events_escalated ON order_events (at, order_id)
    WHERE type = 'escalated' OR type = 'released' AND data ->> 'from' = 'arrived'
      OR type = 'released' AND data ->> 'from' = 'working'
    """,
    "CREATE INDEX orders_by_creation ON orders (region, created_at)",
    "ALTER TABLE orders ADD COLUMN phone_end TEXT",
    # As `dispatch.phone.ending` makes it; of orders that are over nobody asks.
    """
    UPDATE orders SET phone_end = nullif(right(ltrim(regexp_replace(
      (state ->> 'customer')::jsonb ->> 'phone', '[^0-9]', '', 'g'), '0'), 8), '')
    WHERE status <> 'completed' AND status <> 'cancelled' AND status <> 'expired'
    """,
    """
    CREATE INDEX orders_by_phone ON orders (phone_end)
    WHERE status <> 'completed' AND status <> 'cancelled' AND status <> 'expired'
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
