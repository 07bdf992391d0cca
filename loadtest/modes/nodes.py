"""Nodes: the script calls of an order when two nodes share the sessions; the storm again, small.

Owns the choice of what is told; how it is measured is `storm`'s. Each node serves half of every group, so that each
order is claimed on both. All script calls that both nodes sent are counted, by the server's own metrics, but for those
of the clock, of sessions and of deliveries.
"""

from dataclasses import replace

from loadtest.modes import storm
from loadtest.modes.options import Options, Progress
from loadtest.results import Result
from loadtest.rig.venue import Venue

DEFAULTS = Options(agents=2_000, orders=400, seconds=30.0)
ROLES = ("all", "all")


async def run(venue: Venue, options: Options, progress: Progress) -> Result:
    found = await storm.run(venue, options, progress)
    calls = tuple(figure for figure in found.figures if figure.key.startswith("script_calls"))
    return replace(found, mode="nodes", figures=calls)
