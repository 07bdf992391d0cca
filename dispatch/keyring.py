"""The keys that tokens are checked with, and which of them fit a token.

Knows neither files nor URLs nor clocks: whoever reads the keys replaces them as a whole. Invariants: secrets and
public keys never stand in one ring; a token that names its key (`kid`) is checked with that one, or with keys that
bear no name.
"""

from collections.abc import Iterable
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from dispatch.errors import Code, DispatchError, Refused

PublicKey = RSAPublicKey | Ed25519PublicKey | Ed448PublicKey


class Key(NamedTuple):
    """A secret, or a public key as it was parsed; `kid` None: it has no name."""

    material: str | PublicKey
    kid: str | None = None


class Keyring:
    """The keys that count now."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys = tuple(keys)

    @property
    def keys(self) -> tuple[Key, ...]:
        """Another object after each `replace`."""
        return self._keys

    def replace(self, keys: Iterable[Key]) -> None:
        self._keys = tuple(keys)

    def fitting(self, kid: str | None) -> tuple[Key, ...]:
        """At least one. Raises Refused; Unavailable where the key may yet come."""
        found = tuple(key for key in self._keys if kid is None or key.kid is None or key.kid == kid)
        if not found:
            raise self._missing(kid)
        return found

    def _missing(self, kid: str | None) -> DispatchError:
        """What the bearer of a token is told whose key is not here."""
        return unknown_key()


def unknown_key() -> Refused:
    return Refused(Code.UNAUTHENTICATED, "the token is not valid: its key is unknown")
