"""Public keys as files and identity providers write them: PEM, and JSON Web Key Sets (RFC 7517).

Pure. Invariant: what leaves here fits the configured algorithm and is long enough for it (RFC 7518 §3.3), is no
private key, and can never serve as an HMAC secret.
"""

import re
from typing import Any

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from dispatch.identity import Algorithm
from dispatch.keyring import Key, PublicKey

MOST_BYTES = 1024 * 1024
MOST_KEYS = 100
LEAST_RSA_BITS = 2048
_BLOCK = re.compile(rb"-----BEGIN (?P<what>[A-Z0-9 ]+)-----.*?-----END (?P=what)-----", re.DOTALL)
_WANTED = {
    Algorithm.RS256: f"an RSA key of at least {LEAST_RSA_BITS} bits",
    Algorithm.EDDSA: "an Ed25519 or Ed448 key",
}


class KeysFault(Exception):
    """One line that says what is wrong with the keys; it holds nothing of them."""


def parse_pem(written: bytes, algorithm: Algorithm) -> tuple[Key, ...]:
    """One or more public keys, one after the other; what stands between them is ignored. Raises KeysFault."""
    blocks = list(_BLOCK.finditer(written))
    if not blocks:
        raise KeysFault("it holds no PEM public key")
    if len(blocks) > MOST_KEYS:
        raise KeysFault(f"it holds more than {MOST_KEYS} keys")
    return tuple(Key(_public_key(block, i, algorithm)) for i, block in enumerate(blocks, start=1))


def _public_key(block: re.Match[bytes], number: int, algorithm: Algorithm) -> PublicKey:
    what = block["what"].decode()
    if not what.endswith("PUBLIC KEY"):
        raise KeysFault(f"its entry {number} is a {what}, not a PUBLIC KEY")
    try:
        found = load_pem_public_key(block[0])
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise KeysFault(f"its key {number} can not be read") from exc
    fitting = _fitting(found, algorithm)
    if fitting is None:
        raise KeysFault(f"its key {number} is not {_WANTED[algorithm]}, as {algorithm} needs")
    return fitting


def parse_jwks(written: bytes, algorithm: Algorithm) -> tuple[Key, ...]:
    """The keys of a set that are for us: a set may hold others, which are passed over. Raises KeysFault."""
    try:
        said = msgspec.json.decode(written)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise KeysFault("it is no JSON") from exc
    entries = said.get("keys") if isinstance(said, dict) else None
    if not isinstance(entries, list):
        raise KeysFault("it is no key set: it has no list `keys`")
    found = [key for entry in entries[:MOST_KEYS] if (key := _key(entry, algorithm)) is not None]
    if not found:
        raise KeysFault(f"it holds no public key for {algorithm}")
    return tuple(found)


def _key(entry: Any, algorithm: Algorithm) -> Key | None:
    if not isinstance(entry, dict) or not _is_for(entry, algorithm):
        return None
    try:
        found = _fitting(jwt.PyJWK(entry, algorithm.value).key, algorithm)
    except (jwt.PyJWTError, UnsupportedAlgorithm):
        return None
    return None if found is None else Key(found, entry.get("kid"))


def _is_for(entry: dict[str, Any], algorithm: Algorithm) -> bool:
    """RFC 7517 §4.2 to §4.5: what the key's owner says that it is for."""
    operations = entry.get("key_ops", ["verify"])
    return (
        entry.get("use", "sig") == "sig"
        and entry.get("alg", algorithm.value) == algorithm.value
        and isinstance(operations, list)
        and "verify" in operations
        and isinstance(entry.get("kid"), str | None)
    )


def _fitting(key: object, algorithm: Algorithm) -> PublicKey | None:
    if algorithm is Algorithm.RS256:
        return key if isinstance(key, RSAPublicKey) and key.key_size >= LEAST_RSA_BITS else None
    return key if isinstance(key, Ed25519PublicKey | Ed448PublicKey) else None
