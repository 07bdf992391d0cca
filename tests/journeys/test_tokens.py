"""A server that trusts an identity provider: started before it, then with it; and the command line beside it."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from server import embedded
from tests.journeys.cluster import READY_S, ServerProcess
from tests.server.publishing import jwk, pem, publishing, signed

PRIVATE = Ed25519PrivateKey.generate()
ISSUER = "https://login.example.com"


def _token(sub: str, role: str, **changes: Any) -> str:
    return signed(PRIVATE, "k-1", **({"sub": sub, "role": role, "iss": ISSUER} | changes))


async def test_a_server_with_public_keys_of_a_url(tmp_path: Path) -> None:
    services = await embedded.start(tmp_path)
    async with publishing() as publisher, httpx.AsyncClient(trust_env=False) as http:
        publisher.status = "503 Service Unavailable"
        server = ServerProcess({
            "DISPATCH_REDIS_URL": services.redis_url,
            "DISPATCH_DATABASE_URL": services.database_url.replace("+asyncpg", ""),
            "DISPATCH_TOKEN_ALG": "EdDSA",
            "DISPATCH_JWKS_URL": publisher.url,
            "DISPATCH_TOKEN_ISSUER": ISSUER,
            "DISPATCH_DRAIN_SECONDS": "0",
        })  # fmt: skip
        starting = asyncio.create_task(server.start())
        try:
            await _before_the_keys(server, http, starting)
            publisher.status = "200 OK"
            publisher.publish(jwk(PRIVATE.public_key(), "k-1"))
            await starting
            await _with_the_keys(server, http)
        finally:
            starting.cancel()
            assert await server.end() == 0
            await services.stop()


async def _before_the_keys(server: ServerProcess, http: httpx.AsyncClient, starting: "asyncio.Task[None]") -> None:
    """Nobody is let in, and nobody is sent away for good."""
    states: dict[str, str] = {}
    async with asyncio.timeout(READY_S):
        while {name for name, state in states.items() if state != "ok"} != {"keys"}:
            assert not starting.done()
            await asyncio.sleep(0.05)
            states = await _states(server, http)
    assert states["keys"].startswith("the keys of tokens ")
    answer = await _policies(server, http, _token("root", "admin"))
    assert (answer.status_code, answer.json()["retryable"]) == (503, True)
    assert await _goodbye(server, _token("c-1", "customer")) == 4003


async def _with_the_keys(server: ServerProcess, http: httpx.AsyncClient) -> None:
    assert (await _states(server, http))["keys"] == "ok"
    assert (await _policies(server, http, _token("root", "admin"))).status_code == 200
    for wrong in (_token("root", "admin", iss="https://elsewhere.example.com"), _hmac_by_the_public_key()):
        assert (await _policies(server, http, wrong)).status_code == 401
        assert await _goodbye(server, wrong) == 4500
    async with connect(f"{server.ws_url}/v1/stream") as stream:
        await stream.send(json.dumps({"type": "hello", "token": _token("c-1", "customer")}))
        assert json.loads(await stream.recv())["type"] == "welcome"


async def _states(server: ServerProcess, http: httpx.AsyncClient) -> dict[str, str]:
    try:
        states: dict[str, str] = (await http.get(f"{server.http_url}/readyz")).json()
    except httpx.TransportError:
        return {}
    return states


async def _policies(server: ServerProcess, http: httpx.AsyncClient, token: str) -> httpx.Response:
    return await http.get(f"{server.http_url}/v1/policies", headers={"Authorization": f"Bearer {token}"})


async def _goodbye(server: ServerProcess, token: str) -> int:
    async with connect(f"{server.ws_url}/v1/stream") as stream:
        await stream.send(json.dumps({"type": "hello", "token": token}))
        goodbye = json.loads(await stream.recv())
        assert goodbye["type"] == "bye"
        with pytest.raises(ConnectionClosed):
            await stream.recv()
        code: int = goodbye["code"]
        return code


def _hmac_by_the_public_key() -> str:
    """What a library would take that let the token choose its algorithm."""
    said = jwt.decode(_token("root", "admin"), options={"verify_signature": False})
    return jwt.encode(said, PRIVATE.public_key().public_bytes_raw(), algorithm="HS256", headers={"kid": "k-1"})


# --- the command line ---------------------------------------------------------------------------------


async def _run(*arguments: str, **environment: str) -> tuple[int | None, str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DISPATCH_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server.cli", *arguments,
        env=kept | environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, complained = await process.communicate()
    return process.returncode, said.decode(), complained.decode()


async def test_without_a_secret_no_token_is_made(tmp_path: Path) -> None:
    file = tmp_path / "keys.pem"
    await asyncio.to_thread(file.write_bytes, pem(PRIVATE.public_key()))
    code, said, complained = await _run(
        "token", "--role", "admin", "--sub", "a", DISPATCH_TOKEN_ALG="EdDSA", DISPATCH_PUBLIC_KEYS=str(file)
    )
    assert (code, said) == (2, "")
    assert complained == (
        "valet-dispatch: this signs with a secret only: an EdDSA token is made by whoever has the private key\n"
    )


async def test_a_short_secret_signs_and_nothing_else_is_said() -> None:
    """Also where warnings are errors: it is said once, when the server starts."""
    code, said, complained = await _run(
        "token", "--role", "admin", "--sub", "a",
        DISPATCH_SECRET="short", DISPATCH_TOKEN_ISSUER=ISSUER, PYTHONWARNINGS="error::UserWarning",
    )  # fmt: skip
    assert (code, complained) == (0, "")
    assert jwt.decode(said.strip(), options={"verify_signature": False})["iss"] == ISSUER


@pytest.mark.parametrize("command", ["serve", "token --role admin --sub a", "reconcile"])
async def test_a_wrong_trust_stops_the_start_with_one_line(command: str, tmp_path: Path) -> None:
    code, said, complained = await _run(*command.split(), "--data-dir", str(tmp_path), DISPATCH_TOKEN_ALG="RS256")
    assert (code, said) == (2, "")
    assert complained.count("\n") == 1
    assert "DISPATCH_PUBLIC_KEYS or DISPATCH_JWKS_URL" in complained
