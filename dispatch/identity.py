"""Who is asking: tokens become identities here, and nowhere else.

Owns the claims of PROTOCOL §2. Knows no routes. Invariant: the algorithm comes from our configuration,
never from the token, and no token text ever reaches a message or a log.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

import jwt
import msgspec

from dispatch.errors import Code, Refused

AUDIENCE = "valet-dispatch"
ID_PATTERN = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class Role(StrEnum):
    VALET = "valet"
    SHOP = "shop"
    CUSTOMER = "customer"
    DISPATCHER = "dispatcher"
    ADMIN = "admin"
    SERVICE = "service"


AGENTS = frozenset({Role.VALET, Role.SHOP})
STAFF = frozenset({Role.DISPATCHER, Role.ADMIN})
"""Those who see whole regions; a `service` sees the same over HTTP."""


class Identity(msgspec.Struct, frozen=True):
    """A verified token. `regions` None means all; `expires_at` is in ms."""

    sub: str
    role: Role
    regions: frozenset[str] | None
    expires_at: int

    @property
    def actor(self) -> str:
        """How events name whoever did something: `valet:v-001`."""
        return f"{self.role}:{self.sub}"

    def may_see_region(self, region: str) -> bool:
        return self.regions is None or region in self.regions


class TokenExpired(Refused):
    """The one token fault that has a close code of its own (4501)."""

    def __init__(self) -> None:
        super().__init__(Code.UNAUTHENTICATED, "the token has expired")


class Verifier:
    """Checks tokens against one pinned algorithm family and its keys."""

    def __init__(self, keys: Iterable[str], *, algorithms: tuple[str, ...] = ("HS256",), leeway_seconds: int = 30):
        self._keys = tuple(keys)
        self._algorithms = list(algorithms)
        self._leeway = leeway_seconds

    def verify(self, token: str) -> Identity:
        """Raises `TokenExpired`, or `Refused` (unauthenticated) naming the claim that is wrong."""
        fault = Refused(Code.UNAUTHENTICATED, "the token is not valid")
        for key in self._keys:
            try:
                return _identity(self._claims(token, key))
            except jwt.ExpiredSignatureError as exc:
                raise TokenExpired from exc
            except jwt.InvalidSignatureError:
                continue  # a rotation: the next secret may be the one
            except jwt.InvalidTokenError as exc:
                raise Refused(Code.UNAUTHENTICATED, f"the token is not valid: {_why(exc)}") from exc
        raise fault

    def _claims(self, token: str, key: str) -> dict[str, object]:
        return jwt.decode(
            token,
            key,
            algorithms=self._algorithms,
            audience=AUDIENCE,
            leeway=self._leeway,
            options={"require": ["sub", "role", "aud", "exp", "iat"]},
        )


def _why(exc: jwt.InvalidTokenError) -> str:
    """A reason that holds nothing of the token itself."""
    match exc:
        case jwt.MissingRequiredClaimError():
            return f"claim {exc.claim} is missing"
        case jwt.InvalidAudienceError():
            return f"aud must be {AUDIENCE}"
        case jwt.InvalidAlgorithmError():
            return "its alg is not the configured one"
        case jwt.ImmatureSignatureError():
            return "iat or nbf lies in the future"
        case jwt.DecodeError():
            return "it can not be decoded"
        case _:
            return "a claim has the wrong form"


def _identity(claims: dict[str, object]) -> Identity:
    sub, role, regions = claims["sub"], claims["role"], claims.get("regions")
    if not isinstance(sub, str) or not ID_PATTERN.fullmatch(sub):
        raise Refused(Code.UNAUTHENTICATED, "claim sub is no id")
    if not isinstance(role, str) or role not in set(Role):
        raise Refused(Code.UNAUTHENTICATED, "claim role is unknown")
    if regions is not None and not (isinstance(regions, list) and all(isinstance(r, str) for r in regions)):
        raise Refused(Code.UNAUTHENTICATED, "claim regions must be a list of ids")
    exp = claims["exp"]
    if not isinstance(exp, int | float):  # PyJWT takes the text of a number, too
        raise Refused(Code.UNAUTHENTICATED, "claim exp is no number")
    return Identity(
        sub=sub,
        role=Role(role),
        regions=None if regions is None else frozenset(regions),
        expires_at=int(exp * 1000),
    )
