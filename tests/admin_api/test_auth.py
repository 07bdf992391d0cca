"""Tokens on HTTP: each bad one is a 401 that does not repeat it."""

import base64
import json
from typing import Any

import httpx
import jwt
import pytest

from loadtest.tokens import claims, mint
from tests.admin_api.conftest import problem
from tests.conftest import SECRET


def _unsigned() -> str:
    def part(said: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims('admin', 'a'))}."


BAD = {
    "none": None,
    "basic": "Basic YTpi",
    "empty": "Bearer ",
    "no jwt": "Bearer abc",
    "long": "Bearer " + "a" * 9000,
    "expired": f"Bearer {mint(SECRET, 'admin', 'a', ttl_seconds=-60)}",
    "wrong audience": f"Bearer {mint(SECRET, 'admin', 'a', bent={'aud': 'another'})}",
    "no audience": f"Bearer {mint(SECRET, 'admin', 'a', bent={'aud': None})}",
    "no expiry": f"Bearer {mint(SECRET, 'admin', 'a', bent={'exp': None})}",
    "wrong secret": f"Bearer {mint('another secret, long enough for HS256', 'admin', 'a')}",
    "unknown role": f"Bearer {mint(SECRET, 'root', 'a')}",
    "no id": f"Bearer {mint(SECRET, 'admin', 'a b')}",
    "regions no list": f"Bearer {mint(SECRET, 'admin', 'a', bent={'regions': 'nyc'})}",
    "alg none": f"Bearer {_unsigned()}",
    "other alg": "Bearer " + jwt.encode(claims("admin", "a"), SECRET * 2, algorithm="HS512"),
}


@pytest.mark.parametrize("header", BAD.values(), ids=BAD.keys())
async def test_a_bad_token_is_refused(client: httpx.AsyncClient, header: str | None) -> None:
    answer = await client.get("/v1/policies", headers={} if header is None else {"Authorization": header})
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="valet-dispatch"'
    if header and len(header) > 20:
        assert header.partition(" ")[2] not in answer.text


async def test_the_scheme_is_read_in_any_case(client: httpx.AsyncClient) -> None:
    header = {"Authorization": f"bearer {mint(SECRET, 'admin', 'a')}"}
    assert (await client.get("/v1/policies", headers=header)).status_code == 200
