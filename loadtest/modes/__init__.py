"""The measurements of `loadtest.storm`, one a module.

Each has `DEFAULTS` (its `Options`), `ROLES` (the server processes that it wants to be run against) and
`async def run(venue, options, progress) -> Result`. What a venue already has (agents, open orders) is reused.
"""
