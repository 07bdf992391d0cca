"""Holds PROTOCOL against a running server, clause by clause.

    python -m loadtest.conformance --http http://127.0.0.1:8000 --ws ws://127.0.0.1:8001 --secret SECRET

Says a line for each clause, and a count at the end; the exit code is 0 only when none failed. Speaks the public
interfaces only. With a second pair of URLs, of another process of the same server, people of one clause are
connected to both in turn. It makes regions, policies, agents and orders of its own, named `conf-…`, in places where
no operator works; the orders are cancelled in the end, the rest stays.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from loadtest.checks import register
from loadtest.checks.clauses import Clause, chosen
from loadtest.checks.trial import Result, results
from loadtest.checks.world import Server, World
from loadtest.wire import SUBPROTOCOL, Codec, Refused, Unavailable

CODECS: dict[str, tuple[Codec, ...]] = {"json": ("json",), "msgpack": ("msgpack",), "both": ("json", "msgpack")}


async def conform(servers: Sequence[Server], secret: str, codecs: Sequence[Codec], clauses: Sequence[Clause],
                  at_once: int) -> list[Result]:  # fmt: skip
    """All results, each told when it is there. What uses no stream is tried once only."""
    found: list[Result] = []
    for codec in codecs:
        print(f"{SUBPROTOCOL[codec]}, {len(clauses)} clauses")
        told: list[Result] = []
        async with World(servers, secret, codec) as world:
            await world.furnish()
            async for result in results(world, clauses, at_once):
                print(result, flush=True)
                told.append(result)
        clauses = [each.clause for each in told if each.on_stream]
        found += told
    return found


def count(found: Sequence[Result]) -> str:
    states = Counter(result.state for result in found)
    return f"{len(found)} tried: {states['ok']} ok, {states['failed']} failed, {states['skipped']} skipped"


def main(
    http: Annotated[str, typer.Option(help="URL of the server's HTTP side.")],
    ws: Annotated[str, typer.Option(help="URL of its stream.")],
    secret: Annotated[str, typer.Option(help="The secret that it checks tokens with (HS256).")],
    http2: Annotated[str | None, typer.Option("--http2", help="Another process of the same server.")] = None,
    ws2: Annotated[str | None, typer.Option("--ws2", help="Its stream.")] = None,
    codec: Annotated[Literal["json", "msgpack", "both"], typer.Option(help="Subprotocol of the stream.")] = "both",
    only: Annotated[str | None, typer.Option(help="Regular expression: clauses whose name or text has it.")] = None,
    but: Annotated[list[str] | None, typer.Option("--but", help="Leave those out; may be given again.")] = None,
    slow: Annotated[bool, typer.Option("--slow", help="Also what takes a minute by its nature.")] = False,
    at_once: Annotated[int, typer.Option(min=1, help="Clauses that run side by side.")] = 32,
) -> None:
    if (http2 is None) != (ws2 is None):
        raise typer.BadParameter("--http2 and --ws2 belong together")
    servers = [Server(http, ws)]
    if http2 is not None and ws2 is not None:
        servers.append(Server(http2, ws2))
    clauses = chosen(register.clauses, only, but or (), slow)
    if not clauses:
        raise typer.BadParameter("no clause is left")
    try:
        found = asyncio.run(conform(servers, secret, CODECS[codec], clauses, at_once))
    except (Refused, Unavailable) as exc:
        print(f"the server can not be prepared: {exc}", file=sys.stderr)
        raise typer.Exit(1) from exc
    print(count(found))
    raise typer.Exit(1 if any(result.state == "failed" for result in found) else 0)


if __name__ == "__main__":
    typer.run(main)
