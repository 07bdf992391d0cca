"""The command line of PROTOCOL §8.

Owns options, exit codes and what is printed. Exit codes: 0 done, 1 failed, 2 wrong use. Invariant: whatever goes
wrong is one clear line on standard error, not a trace.
"""

import asyncio
import contextlib
import re
import signal
import sys
import warnings
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Annotated, Any

import jwt
import typer
import uvloop

from dispatch.assembly import Dispatch
from dispatch.catalog import PEOPLE
from dispatch.clock import now_ms
from dispatch.errors import DispatchError
from dispatch.identity import AUDIENCE, ID_PATTERN
from dispatch.identity import Role as TokenRole
from server import config, embedded, logs
from server.config import ConfigError, Role
from server.embedded import EmbeddedError
from server.findings import findings
from server.key_forms import KeysFault
from server.login_links import LinkFault, login_link, picture
from server.node import serve as serve_node
from server.node import services as embedded_services
from server.workers import supervise

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
DataDir = Annotated[Path, typer.Option(help="Where the embedded servers and the secret live.")]
DEFAULT_DATA_DIR = Path(".data")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    http_port: Annotated[int, typer.Option(help="REST, health and metrics.")] = 8000,
    ws_port: Annotated[int, typer.Option(help="The stream.")] = 8001,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    role: Annotated[Role, typer.Option(help="What this process does.")] = Role.ALL,
    workers: Annotated[int, typer.Option(help="Processes that share the ports.")] = 1,
) -> None:
    """Run the dispatch server until Ctrl-C or SIGTERM."""
    settings = config.read(
        host=host, http_port=http_port, ws_port=ws_port, data_dir=data_dir, role=role, workers=workers
    )
    logs.configure(settings.log_format)
    _run(supervise(settings) if workers > 1 else serve_node(settings))


@app.command()
def services(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Run the embedded Redis and PostgreSQL alone until Ctrl-C; print their URLs as VAR=value lines."""
    logs.configure("json")
    settings = config.read(
        host="127.0.0.1", http_port=0, ws_port=0, data_dir=data_dir, role=Role.ALL, workers=1, environment={}
    )

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with embedded_services(settings) as running:
            print(f"DISPATCH_REDIS_URL={running.redis_url}")
            print(f"DISPATCH_DATABASE_URL={running.database_url.replace('+asyncpg', '')}", flush=True)
            await stop.wait()

    _run(run())


@app.command()
def token(
    role: Annotated[TokenRole, typer.Option(help="Claim role.")],
    sub: Annotated[str, typer.Option(help="Claim sub, the bearer's id.")],
    region: Annotated[list[str] | None, typer.Option(help="Claim regions; absent: all. May be repeated.")] = None,
    ttl: Annotated[str, typer.Option(help="How long it is valid: 90s, 30m, 8h, 7d.")] = "8h",
    url: Annotated[str | None, typer.Option(help="Print the pages' login link, too, of the server here.")] = None,
    qr: Annotated[bool, typer.Option("--qr", help="Print a QR code, too: of the link, or of the token.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Print a token signed with DISPATCH_SECRET, or with the secret of the data directory."""
    if not ID_PATTERN.fullmatch(sub):
        raise ConfigError("--sub must match [A-Za-z0-9._:-]{1,64}")
    for name in region or ():
        if not ID_PATTERN.fullmatch(name):
            raise ConfigError("--region must match [A-Za-z0-9._:-]{1,64}")
    trust = config.trust(data_dir, embedded=True)
    if not trust.secrets:
        raise ConfigError(
            f"this signs with a secret only: an {trust.algorithm} token is made by whoever has the private key"
        )
    now = now_ms() // 1000
    claims: dict[str, object] = {
        "sub": sub,
        "role": role.value,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + _seconds(ttl),
    }
    if region:
        claims["regions"] = region
    if trust.issuer:
        claims["iss"] = trust.issuer
    signed = jwt.encode(claims, trust.secrets[0], algorithm=trust.algorithm.value)
    link = login_link(url, signed) if url else None
    for text in filter(None, (signed, link, picture(link or signed) if qr else None)):
        print(text)


@app.command()
def reconcile(
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Print the differences and change nothing; what is on its way while a server runs is none."
        ),
    ] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Put Redis right from PostgreSQL, region by region. With --check: exit code 1 when something differs."""
    settings = config.read(host="127.0.0.1", http_port=0, ws_port=0, data_dir=data_dir, role=Role.ALL, workers=1)
    logs.configure(settings.log_format)

    async def run() -> None:
        async with _databases(settings) as running:
            verifier = running.trust.verifier(running.trust.source())
            dispatch = Dispatch(redis_url=running.redis_url, database_url=running.database_url, verifier=verifier)
            try:
                await (dispatch.catalog.load() if check else dispatch.start())  # to start is to migrate
                differing = await _compare(dispatch)
                if not check:
                    for slot in dispatch.catalog.slots:
                        await _put_right(dispatch, slot)
            finally:
                await dispatch.close()
        if check and differing:
            raise typer.Exit(1)

    _run(run())


@contextlib.asynccontextmanager
async def _databases(settings: config.Settings) -> AsyncIterator[config.Settings]:
    """Those of a server that runs on the data directory, else as for `serve`."""
    urls = embedded.attach(settings.data_dir) if settings.embedded else None
    if urls is not None:
        yield settings.on(*urls)
        return
    async with embedded_services(settings) as running:
        yield running


async def _compare(dispatch: Dispatch) -> int:
    """Prints what differs; returns in how many regions something does."""
    slots = dispatch.catalog.slots
    found = await asyncio.gather(*map(dispatch.reconciler.check, slots))
    for slot, differences in zip(slots, found, strict=True):
        for line in findings(differences):
            print(f"{_name(slot)}: {line}")
    differing = sum(map(bool, found))
    print(f"{differing or 'none'} of {len(slots)} regions (the people's sessions count as one) differ")
    return differing


async def _put_right(dispatch: Dispatch, slot: str) -> None:
    done = await dispatch.reconciler.region(slot)
    print(f"{_name(slot)}: {'reconciled' if done else 'another process is reconciling it'}")


def _name(slot: str) -> str:
    return "sessions" if slot == PEOPLE else slot


def _seconds(text: str) -> int:
    match = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if not match:
        raise ConfigError("--ttl must be a number and a unit: 90s, 30m, 8h, 7d")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def _run(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def main() -> None:
    """The entry point; turns what went wrong into one line and an exit code."""
    # A short secret is said once, at start; PyJWT would say it of each token, or fail when warnings are errors.
    warnings.filterwarnings("ignore", category=jwt.InsecureKeyLengthWarning)
    try:
        app()
    except (ConfigError, LinkFault) as exc:
        _fail(str(exc), 2)
    except (EmbeddedError, DispatchError, KeysFault) as exc:
        _fail(str(exc), 1)


def _fail(line: str, code: int) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(f"valet-dispatch: {line}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
