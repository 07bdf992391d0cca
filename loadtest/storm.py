"""Measurements at the limit: grab storms, fan-out, idle sessions, positions, deadlines, mixed work.

    python -m loadtest.storm storm                  (starts a server of its own, measures it, stops it)
    python -m loadtest.storm fanout --http http://127.0.0.1:8000 --ws ws://127.0.0.1:8001 --secret SECRET --pid 4711

Owns the command line and what is printed. How a mode measures is `modes`', what it stands on is `rig`'s. Invariant:
it ends by itself, also on Ctrl-C, and leaves no process behind. Exit codes: 0 done, 1 failed or a promise was broken,
2 wrong use; a figure that is not reached is a finding, no failure.
"""

import asyncio
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from loadtest import results
from loadtest.board import show
from loadtest.child import StartFailed
from loadtest.modes import deadlines, fanout, flat, idle, mixed, nodes, positions, storm
from loadtest.modes.options import Options, Progress
from loadtest.results import Result
from loadtest.rig.line import ChildFailed
from loadtest.rig.posting import Lost
from loadtest.rig.venue import Venue, named, started
from loadtest.wire import Codec, Refused, Unavailable

console = Console(width=None if sys.stdout.isatty() else 150)


class Mode(StrEnum):
    STORM = "storm"
    NODES = "nodes"
    IDLE = "idle"
    FANOUT = "fanout"
    MIXED = "mixed"
    FLAT_AGENTS = "flat_agents"
    DEADLINES = "deadlines"
    FLAT_ORDERS = "flat_orders"
    POSITIONS = "positions"


@dataclass(frozen=True, slots=True)
class Measurement:
    """`roles`: the server processes that it is run against, when it starts them."""

    run: Callable[[Venue, Options, Progress], Awaitable[Result]]
    defaults: Options
    roles: Sequence[str]


# What one leaves at a venue (agents, open orders) serves the next; on its hub, `idle` comes first. Should one fail, the
# next has a new venue: `flat_orders` then makes its small case itself, which it could not behind `positions`.
MEASUREMENTS: Mapping[Mode, Measurement] = {
    Mode.STORM: Measurement(storm.run, storm.DEFAULTS, storm.ROLES),
    Mode.NODES: Measurement(nodes.run, nodes.DEFAULTS, nodes.ROLES),
    Mode.IDLE: Measurement(idle.run, idle.DEFAULTS, idle.ROLES),
    Mode.FANOUT: Measurement(fanout.run, fanout.DEFAULTS, fanout.ROLES),
    Mode.MIXED: Measurement(mixed.run, mixed.DEFAULTS, mixed.ROLES),
    Mode.FLAT_AGENTS: Measurement(flat.run_agents, flat.DEFAULTS_OF_AGENTS, flat.ROLES),
    Mode.DEADLINES: Measurement(deadlines.run, deadlines.DEFAULTS, deadlines.ROLES),
    Mode.FLAT_ORDERS: Measurement(flat.run_orders, flat.DEFAULTS_OF_ORDERS, flat.ROLES),
    Mode.POSITIONS: Measurement(positions.run, positions.DEFAULTS, positions.ROLES),
}


async def measure(mode: Mode, venue: Venue, options: Options) -> Result:
    """One mode, with a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task(mode.value, total=1.0)

        def progress(what: str, done: float) -> None:
            bar.update(task, description=f"{mode.value}: {what}", completed=done)

        return await MEASUREMENTS[mode].run(venue, options, progress)


async def _perform(mode: Mode, options: Options, server: Venue | None, roles: Sequence[str], workers: int) -> Result:
    async with AsyncExitStack() as stack:
        if server is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="storm-")))
            roles = roles or MEASUREMENTS[mode].roles
            server = await stack.enter_async_context(started(folder, roles, workers))
        return await measure(mode, server, options)


def main(
    mode: Annotated[Mode, typer.Argument(help="What to measure.")],
    http: Annotated[str | None, typer.Option(help="Base URL of a running server.")] = None,
    ws: Annotated[str | None, typer.Option(help="Its WebSocket URL.")] = None,
    secret: Annotated[str | None, typer.Option(envvar="DISPATCH_SECRET", help="Its HS256 secret.")] = None,
    pid: Annotated[
        list[int] | None, typer.Option(help="A process whose tree is counted: the hub's first, then others.")
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option(help="Start a server process of this role; may be repeated, also the same.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes a role that share its ports.")] = 1,
    agents: Annotated[int | None, typer.Option(min=1)] = None,
    orders: Annotated[int | None, typer.Option(min=1)] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="At most so long, without what prepares.")] = None,
    rate: Annotated[str, typer.Option(help="Orders a second, or `max`: what the server takes.")] = "max",
    processes: Annotated[int, typer.Option(min=1, help="Client processes.")] = 2,
    codec: Annotated[str, typer.Option(help="json or msgpack.")] = "json",
    json: Annotated[Path | None, typer.Option(help="Write the result there, too.")] = None,
) -> None:
    """Measure one thing and print it."""
    defaults = MEASUREMENTS[mode].defaults
    options = Options(
        agents=agents or defaults.agents, orders=orders or defaults.orders, seconds=seconds or defaults.seconds,
        rate=parse_rate(rate), processes=processes, codec=parse_codec(codec),
    )  # fmt: skip
    server = named_server(http, ws, secret, pid or [])
    result = _run(_perform(mode, options, server, role or [], workers))
    show(console, result)
    if json is not None:
        results.write(json, [result])
    raise typer.Exit(1 if result.faults else 0)


def parse_rate(text: str) -> float | None:
    """Raises typer.BadParameter."""
    if text == "max":
        return None
    try:
        rate = float(text)
    except ValueError as exc:
        raise typer.BadParameter("--rate is a number or `max`") from exc
    if not 0 < rate < 1_000_000:
        raise typer.BadParameter("--rate is a number above 0 or `max`")
    return rate


def parse_codec(text: str) -> Codec:
    codecs: Mapping[str, Codec] = {"json": "json", "msgpack": "msgpack"}
    if text not in codecs:
        raise typer.BadParameter("--codec is json or msgpack")
    return codecs[text]


def named_server(http: str | None, ws: str | None, secret: str | None, pids: Sequence[int]) -> Venue | None:
    if (http is None) != (ws is None):
        raise typer.BadParameter("--http and --ws belong together")
    if http is None or ws is None:
        return None
    if secret is None:
        raise typer.BadParameter("--http needs --secret (or DISPATCH_SECRET)")
    if not pids:
        raise typer.BadParameter("--http needs --pid: the processes whose CPU and memory are counted")
    return named(http, ws, secret, pids)


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    """`kill` is to end it as Ctrl-C does, with everything stopped that was started."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except (StartFailed, ChildFailed, Lost, Unavailable, Refused, TimeoutError) as exc:
        typer.echo(f"storm: {type(exc).__name__}: {exc}", err=True)
        raise typer.Exit(1) from exc


if __name__ == "__main__":
    typer.run(main)
