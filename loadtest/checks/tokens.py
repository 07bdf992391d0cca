"""§2: whose tokens are taken, on HTTP and on the stream, and what `regions` in them limits.

Tokens are made with the secret that the tool was given, then bent; a server with public keys can not be tried by
this module. What roles may do is `roles`' matter.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import Broken, has, ids, refused, same
from loadtest.checks.line import Line
from loadtest.tokens import claims, mint

DAY_SECONDS = 24 * 3600
ANOTHER_SECRET = "another secret, that the server does not know"
# What a server may allow clocks to differ by.
LEEWAY_SECONDS = 30
Minting = Callable[[str, str, str], str]
"""Takes secret, role and sub."""


def bent(**changes: Any) -> Minting:
    return lambda secret, role, sub: mint(secret, role, sub, bent=changes)


def expired(secret: str, role: str, sub: str) -> str:
    return mint(secret, role, sub, bent={"exp": int(time.time()) - 2 * LEEWAY_SECONDS})


def by_another(secret: str, role: str, sub: str) -> str:
    return mint(ANOTHER_SECRET, role, sub)


def unsigned(secret: str, role: str, sub: str) -> str:
    return jwt.encode(claims(role, sub), "", algorithm="none")


def other_hash(secret: str, role: str, sub: str) -> str:
    return jwt.encode(claims(role, sub), secret.ljust(64, " "), algorithm="HS512")


def by_own_key(secret: str, role: str, sub: str) -> str:
    return jwt.encode(claims(role, sub), Ed25519PrivateKey.generate(), algorithm="EdDSA")


BAD: Mapping[str, Minting] = {
    "that is none": lambda *_: "not.a.token",
    "with another secret's signature": by_another,
    "without a signature": unsigned,
    "of another algorithm than the configured one (HS512)": other_hash,
    "signed with a key of his own (EdDSA)": by_own_key,
    "for another audience": bent(aud="somebody-else"),
    "without `aud`": bent(aud=None),
    "without `sub`": bent(sub=None),
    "without `role`": bent(role=None),
    "without `exp`": bent(exp=None),
    "without `iat`": bent(iat=None),
    "of an unknown role": bent(role="emperor"),
    "whose `sub` is no id": bent(sub="no id, with spaces"),
    "whose `regions` are no list": bent(regions="everywhere"),
}


def _each(check: Any) -> Any:
    for how, minting in BAD.items():
        clause("§2", f"a token {how} is refused: 401 by HTTP, 4500 on the stream", minting=minting)(check)
    return check


@_each
async def refused_everywhere(corner: Corner, minting: Minting) -> None:
    token = minting(corner.world.secret, "customer", corner.name("c"))
    await refused(corner.world.http(token).get("/v1/orders"), "unauthenticated", 401)
    for token_in_hello in (False, True):
        line = corner.line("customer", corner.name("c"), token=token, token_in_hello=token_in_hello)
        await _rejected(line, 4500)


async def _rejected(line: Line, code: int) -> None:
    """The upgrade succeeds; the token is judged at hello."""
    await line.open()
    await line.send(line.hello.message())
    await line.closed(code)


@clause("§2", "without a token: 401 by HTTP, 4500 on the stream")
async def none_at_all(corner: Corner) -> None:
    for path in ("/v1/orders", "/v1/desk", "/v1/agents", "/v1/jobs", "/v1/policies"):
        await refused(corner.world.http(None).get(path), "unauthenticated", 401)
    line = corner.line("customer", corner.name("c"), token_in_hello=True)
    await line.open()
    await line.send({"type": "hello"})
    await line.closed(4500)


@clause("§2", "an expired token is refused: 401 by HTTP, 4501 on the stream, in the header and in hello")
async def too_old(corner: Corner) -> None:
    token = expired(corner.world.secret, "customer", corner.name("c"))
    await refused(corner.world.http(token).get("/v1/orders"), "unauthenticated", 401)
    for token_in_hello in (False, True):
        await _rejected(corner.line("customer", corner.name("c"), token=token, token_in_hello=token_in_hello), 4501)


@clause("§4", "a session whose token expires is closed with 4501")
async def expires_meanwhile(corner: Corner) -> None:
    """A server that allows for differing clocks welcomes the first; one that does not, only the second."""
    for seconds in (4 - LEEWAY_SECONDS, 4):
        sub = corner.name("c")
        token = mint(corner.world.secret, "customer", sub, bent={"exp": int(time.time()) + seconds})
        line = corner.line("customer", sub, token=token)
        await line.open()
        await line.send(line.hello.message())
        await line.closed(4501, 2.0 * LEEWAY_SECONDS)
        if line.heard[0]["type"] == "welcome":
            return
    raise Broken("welcome, for a token that is valid", line.heard)


# --- regions ------------------------------------------------------------------------------------------


@clause("§2", "who has a token for some regions sees no orders of another one: 404, and none in the lists")
async def orders_of_own_regions(corner: Corner) -> None:
    order = await corner.place(await corner.kind())
    for role in ("dispatcher", "service"):
        here, elsewhere = (_http(corner, role, region) for region in (corner.region, "conf-china"))
        has(await here.get(f"/v1/orders/{order['id']}"), {"id": order["id"]}, "the order")
        await refused(elsewhere.get(f"/v1/orders/{order['id']}"), "not_found", 404)
        await refused(elsewhere.get(f"/v1/orders/{order['id']}/timeline"), "not_found", 404)
        since = {"created_after": order["created_at"] - 1000, "limit": 200}
        same(order["id"] in ids(await here.get("/v1/orders", **since)), True, "whether it is listed here")
        same(order["id"] in ids(await elsewhere.get("/v1/orders", **since)), False, "whether it is listed elsewhere")


def _http(corner: Corner, role: str, region: str) -> Any:
    return corner.world.http(corner.token(role, corner.name(role), regions=[region]))


@clause("§2", "a dispatcher of another region can neither see the desk of this one nor act on its orders")
async def desk_of_own_regions(corner: Corner) -> None:
    order = await corner.abandoned()
    elsewhere = _http(corner, "dispatcher", "conf-china")
    await refused(elsewhere.get("/v1/desk", region=corner.region), "forbidden", 403)
    same(order["id"] in ids(await elsewhere.get("/v1/desk", limit=200)), False, "whether it stands on his desk")
    for command, body in (("cancel", {"reason": "x"}), ("close", {"outcome": "x"}), ("reopen", {})):
        await refused(elsewhere.post(f"/v1/orders/{order['id']}/{command}", body), "not_found", 404)
    await refused(elsewhere.post(f"/v1/desk/{order['id']}/take_up"), "not_found", 404)


@clause("§2", "a dispatcher's session hears of the desks of his token's regions only")
async def stream_of_own_regions(corner: Corner) -> None:
    sub = corner.name("elsewhere")
    elsewhere = await corner.join("dispatcher", sub, token=corner.token("dispatcher", sub, regions=["conf-china"]))
    all_over = await corner.join("dispatcher", corner.name("all"))
    here = await corner.desk()
    order = await corner.abandoned()
    for line in (here, all_over):
        await line.desk("escalated", order["id"])
    await elsewhere.ping()
    same(elsewhere.about(order["id"]), [], "what a dispatcher of another region heard")


@clause("§2", "who has a token for other regions can place no order in this one")
async def place_in_own_regions(corner: Corner) -> None:
    kind = await corner.kind()
    await refused(corner.place(kind, by=_http(corner, "service", "conf-china")), "forbidden", 403)
    await corner.place(kind, by=_http(corner, "service", corner.region))
