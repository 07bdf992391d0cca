"""What the server counts, in DESIGN's words; one place, so that a dashboard can be checked against it.

Owns the metric objects only; whoever does a thing counts it. Labels are bounded: kinds, roles, outcomes
and regions, never an order, an agent or a position.
"""

from prometheus_client import Counter, Gauge, Histogram

SESSIONS = Gauge("dispatch_sessions", "Sessions connected to this process", ["role"])
OFFERS = Counter("dispatch_offers_total", "Offers made to agents", ["kind"])
VERDICTS = Counter("dispatch_verdicts_total", "Verdicts told to grabbers", ["outcome"])
TIME_TO_GRAB = Histogram(
    "dispatch_time_to_grab_seconds",
    "From an order's placing to its grab",
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 900),
)
ORDERS = Gauge("dispatch_orders", "Unfinished orders, and those ended in the last day", ["region", "status"])
DESK_LENGTH = Gauge("dispatch_desk_length", "Orders waiting at the desk", ["region"])
DEADLINE_LATENESS = Histogram(
    "dispatch_deadline_lateness_seconds",
    "How late a deadline took effect",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 6, 30, 300),
)
READER_LAG = Gauge("dispatch_log_reader_lag_entries", "Log entries a reader has not read", ["reader", "region"])
DOUBLE_HOLDERS = Gauge("dispatch_double_holders", "Orders with two unended assignments; must stay 0")
DEAD_LETTERS = Counter("dispatch_dead_letters_total", "Events that PostgreSQL refused; must stay 0")
RECONCILED = Counter("dispatch_reconciliations_total", "Regions reconciled", ["region"])
RESTORED = Counter("dispatch_orders_restored_total", "Orders written back to Redis from PostgreSQL", ["region"])
REDIS_BATCH = Histogram(
    "dispatch_redis_batch_calls",
    "Script calls sent together",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
)
SCRIPT_CALLS = Counter("dispatch_script_calls_total", "Script calls sent to Redis", ["script"])
APPLY_BATCH = Histogram(
    "dispatch_apply_batch_events",
    "Events applied together",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
)
CLAIM_LIST = Histogram(
    "dispatch_claim_list_grabs",
    "Grabs of one order that went to Redis in one call",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
)
TAIL_BATCH = Histogram(
    "dispatch_tail_batch_events",
    "Log entries that a hub read together",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
LOOP_LAG = Histogram("dispatch_loop_lag_seconds", "How late the event loop kept an appointment", buckets=_SECONDS)
REDIS_TIME = Histogram(
    "dispatch_redis_seconds", "From sending a batch of script calls to its last reply", buckets=_SECONDS
)
POSTGRES_TIME = Histogram(
    "dispatch_postgres_seconds", "A transaction or statement, with its wait for a connection", buckets=_SECONDS
)
POSTGRES_BUSY = Gauge("dispatch_postgres_in_progress", "What has or wants a connection of the kind", ["kind"])
UNAVAILABLE = Counter(
    "dispatch_unavailable_total", "Times that Redis, PostgreSQL or the storage could not be used", ["what"]
)
PLACING_STEP = Histogram(
    "dispatch_placing_step_seconds",
    "An order's way to its offers: its row in PostgreSQL, its script in Redis, any log entry's way to a hub",
    ["step"],
    buckets=_SECONDS,
)
WRITE_BUFFER = Histogram(
    "dispatch_write_buffer_high_water_bytes",
    "Each second, the most that waited unsent for one client when something was written",
    buckets=(0, 1024, 4096, 16384, 65536, 131072, 196608, 262144, 1048576),
)
MESSAGES = Counter("dispatch_messages_total", "Messages of the stream", ["way"])
CLOSED = Counter("dispatch_connections_closed_total", "Streams that the server closed", ["code"])
REFUSED = Counter("dispatch_connections_refused_total", "Streams that were not taken", ["why"])
RATE_LIMITED = Counter("dispatch_rate_limited_total", "Messages over a client's limit", ["what"])
VOICE_NOTES = Counter(
    "dispatch_voice_notes_total", "Voice notes stored, orphaned (no order had them), expired", ["what"]
)
VOICE_INSPECTIONS = Counter(
    "dispatch_voice_inspections_total", "Uploads that a confined process looked into", ["result"]
)
VOICE_TRANSCODINGS = Counter("dispatch_voice_transcodings_total", "Voice notes that ffmpeg made MP3 of", ["result"])
BROKEN = Counter("dispatch_invariants_broken_total", "Bugs met at run time; must stay 0")
