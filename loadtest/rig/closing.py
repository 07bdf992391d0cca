"""The audit after a storm: every promise of PROTOCOL §7 on the server's account, and on what the clients were told.

Owns the questions, over HTTP and by the server's own `reconcile --check`. Judges nothing itself (`judge`).
"""

import asyncio

from loadtest.audit import Staff, audit_server
from loadtest.child import command
from loadtest.judge import ClientFacts
from loadtest.rest import Http
from loadtest.rig.venue import Venue

CHECK_SECONDS = 120.0


async def audited(venue: Venue, told: ClientFacts) -> list[str]:
    """The broken promises; empty: `audit: ok`."""
    async with Http(venue.http_url) as http:
        facts, faults = await audit_server(Staff.of(http, venue.secret), told)
    found = [str(fault) for fault in faults]
    missing = {won.order_id for won in told.won} - facts.orders.keys()
    found += [f"{order_id}: was won, and the server does not list it" for order_id in sorted(missing)]
    if holders := (await venue.metrics()).value("dispatch_double_holders"):
        found.append(f"{holders:.0f} orders have two holders")
    return found + await differing(venue)


async def differing(venue: Venue) -> list[str]:
    """What `reconcile --check` says that Redis and PostgreSQL differ in; only a server of ours can be asked."""
    if venue.data_dir is None:
        return []
    child = await asyncio.create_subprocess_exec(
        command(), "reconcile", "--check", "--data-dir", str(venue.data_dir), env=dict(venue.environment),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            said, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return [] if child.returncode == 0 else [f"reconcile --check: {line}" for line in said.decode().splitlines()]
