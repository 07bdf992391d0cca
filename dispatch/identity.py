"""Who is asking: tokens become identities here, and nowhere else.

Owns the claims of PROTOCOL §2. Knows no routes. Invariants: the algorithm comes from our configuration, never
from the token; no token text ever reaches a message or a log; what was found of a token is forgotten when the keys are
replaced, so a key that was taken away counts no more at once.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

import jwt
import msgspec

from dispatch.errors import Code, Refused
from dispatch.keyring import Key, Keyring

AUDIENCE = "valet-dispatch"
ID_PATTERN = re.compile(r"[A-Za-z0-9._:-]{1,64}")
MOST_REMEMBERED = 4096
"""Tokens; to check one anew costs a twentieth of what it takes to place an order."""


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


class Algorithm(StrEnum):
    """What tokens may be signed with, in the words of RFC 7518; one is pinned by configuration."""

    HS256 = "HS256"
    RS256 = "RS256"
    EDDSA = "EdDSA"


class Verifier:
    """Checks tokens against one pinned algorithm and the keys of one ring; bare strings are secrets."""

    def __init__(
        self,
        keys: Iterable[str] | Keyring,
        *,
        algorithm: Algorithm = Algorithm.HS256,
        issuer: str | None = None,
        leeway_seconds: int = 30,
    ) -> None:
        self._ring = keys if isinstance(keys, Keyring) else Keyring(Key(secret) for secret in keys)
        self._algorithm = algorithm
        self._issuer = issuer
        self._leeway_seconds = leeway_seconds
        self._known: dict[str, tuple[int, Identity]] = {}
        """Good tokens, of the keys that counted then, and when they were found good; the oldest are forgotten first."""
        self._known_by = self._ring.keys

    @property
    def leeway_ms(self) -> int:
        """How far the clock of whoever made a token may be off; so long after `exp` a token still counts."""
        return self._leeway_seconds * 1000

    def verify(self, token: str) -> Identity:
        """Raises `TokenExpired`; `Refused` (unauthenticated) naming what is wrong; `Unavailable` while its key may
        yet come."""
        try:
            return _identity(self._claims(token))
        except jwt.ExpiredSignatureError as exc:
            raise TokenExpired from exc
        except jwt.InvalidTokenError as exc:
            raise Refused(Code.UNAUTHENTICATED, _why(exc)) from exc

    def verify_again(self, token: str, now: int) -> Identity:
        """The same for those who bring one token many times: what was found of it counts from then on (the clock may
        be set back, and the token come from the future) until it runs out.

        `now` is in ms. Raises as `verify` does.
        """
        if self._known_by is not self._ring.keys:
            self._known_by, self._known = self._ring.keys, {}
        since, found = self._known.get(token, (0, None))
        if found is not None and since <= now < found.expires_at + self.leeway_ms:
            return found
        found = self.verify(token)
        self._known[token] = now, found
        if len(self._known) > MOST_REMEMBERED:
            del self._known[next(iter(self._known))]
        return found

    def _claims(self, token: str) -> dict[str, object]:
        for key in self._ring.fitting(self._kid(token)):
            try:
                return jwt.decode(
                    token,
                    key.material,
                    algorithms=[self._algorithm.value],
                    audience=AUDIENCE,
                    issuer=self._issuer,
                    leeway=self._leeway_seconds,
                    options={"require": ["sub", "role", "aud", "exp", "iat"]},
                )
            except jwt.InvalidSignatureError:
                continue  # a rotation: the next one may be it
        raise jwt.InvalidSignatureError

    def _kid(self, token: str) -> str | None:
        """The name of the token's key; secrets have none."""
        if self._algorithm is Algorithm.HS256:
            return None
        header = jwt.get_unverified_header(token)
        if header.get("alg") != self._algorithm:  # before its key is looked for
            raise jwt.InvalidAlgorithmError
        return header.get("kid")


def _why(exc: jwt.InvalidTokenError) -> str:
    """A reason that holds nothing of the token itself."""
    match exc:
        case jwt.InvalidSignatureError():
            return "the token is not valid"
        case jwt.MissingRequiredClaimError():
            why = f"claim {exc.claim} is missing"
        case jwt.InvalidAudienceError():
            why = f"aud must be {AUDIENCE}"
        case jwt.InvalidIssuerError():
            why = "iss is not the configured one"
        case jwt.InvalidAlgorithmError():
            why = "its alg is not the configured one"
        case jwt.ImmatureSignatureError():
            why = "iat or nbf lies in the future"
        case jwt.DecodeError():
            why = "it can not be decoded"
        case _:
            why = "a claim has the wrong form"
    return f"the token is not valid: {why}"


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
        expires_at=int(exp) * 1000,  # whole seconds, as PyJWT compares them
    )
