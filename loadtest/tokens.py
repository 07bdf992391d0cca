"""Tokens of PROTOCOL §2, minted by whoever knows the server's secret.

Owns the claims and their defaults. Knows nothing of the server but the secret that both share; a deployment
with public keys brings its own tokens instead. A claim can be left out or bent on purpose (`bent`), because
refusals have to be provoked, too.
"""

import time
from collections.abc import Sequence
from typing import Any

import jwt

AUDIENCE = "valet-dispatch"


def claims(
    role: str,
    sub: str,
    regions: Sequence[str] | None = None,
    ttl_seconds: int = 8 * 3600,
    now_s: int | None = None,
) -> dict[str, Any]:
    """What a token of this person says; without `regions` it holds for all of them."""
    issued_s = int(time.time()) if now_s is None else now_s
    said: dict[str, Any] = {
        "sub": sub,
        "role": role,
        "aud": AUDIENCE,
        "iat": issued_s,
        "exp": issued_s + ttl_seconds,
    }
    if regions is not None:
        said["regions"] = list(regions)
    return said


def mint(
    secret: str,
    role: str,
    sub: str,
    regions: Sequence[str] | None = None,
    ttl_seconds: int = 8 * 3600,
    bent: dict[str, Any] | None = None,
) -> str:
    """A signed HS256 token. `bent` replaces claims; a claim bent to None is left out."""
    said = claims(role, sub, regions, ttl_seconds) | (bent or {})
    return jwt.encode({name: value for name, value in said.items() if value is not None}, secret, algorithm="HS256")
