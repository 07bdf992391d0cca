"""What is taken for a key, and what is not."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from dispatch.identity import Algorithm
from server.key_forms import MOST_KEYS, KeysFault, parse_jwks, parse_pem
from tests.server.publishing import jwk, pem

RSA, SHORT_RSA = generate_private_key(65537, 2048), generate_private_key(65537, 1024)
ED, ED448, EC = Ed25519PrivateKey.generate(), Ed448PrivateKey.generate(), generate_ec(SECP256R1())
PRIVATE = ED.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
RSA_JWK = RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
ED_JWK = jwk(ED.public_key(), "a")


# --- PEM ----------------------------------------------------------------------------------------------


def test_a_file_holds_one_key_or_more() -> None:
    written = b"# the old one\n" + pem(ED.public_key()) + b"\n# the new one\r\n" + pem(ED448.public_key())
    found = parse_pem(written, Algorithm.EDDSA)
    assert [(key.material, key.kid) for key in found] == [(ED.public_key(), None), (ED448.public_key(), None)]


def test_both_forms_of_rsa_keys_are_read() -> None:
    public = RSA.public_key()
    written = pem(public) + public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    assert [key.material for key in parse_pem(written, Algorithm.RS256)] == [public, public]


@pytest.mark.parametrize(
    ("written", "algorithm", "named"),
    [
        (b"", Algorithm.RS256, "no PEM"),
        (b"\xff\x00 not text", Algorithm.RS256, "no PEM"),
        (pem(RSA.public_key())[:-20], Algorithm.RS256, "no PEM"),
        (pem(RSA.public_key()).replace(b"MII", b"AAA", 1), Algorithm.RS256, "key 1 can not be read"),
        (pem(ED.public_key()) + PRIVATE, Algorithm.EDDSA, "entry 2 is a PRIVATE KEY"),
        (pem(RSA.public_key()) + pem(SHORT_RSA.public_key()), Algorithm.RS256, "key 2 is not an RSA key of at least"),
        (pem(ED.public_key()), Algorithm.RS256, "not an RSA key"),
        (pem(RSA.public_key()), Algorithm.EDDSA, "not an Ed25519"),
        (pem(EC.public_key()), Algorithm.EDDSA, "not an Ed25519"),
        (pem(ED.public_key()) * (MOST_KEYS + 1), Algorithm.EDDSA, "more than"),
    ],
)  # fmt: skip
def test_a_wrong_file_says_what_is_wrong(written: bytes, algorithm: Algorithm, named: str) -> None:
    with pytest.raises(KeysFault, match=named) as fault:
        parse_pem(written, algorithm)
    assert "\n" not in str(fault.value)


# --- key sets -----------------------------------------------------------------------------------------


def _set(*entries: Any) -> bytes:
    return json.dumps({"keys": entries}).encode()


def test_of_a_set_what_is_for_us_is_taken() -> None:
    ed448 = OKPAlgorithm.to_jwk(ED448.public_key(), as_dict=True)
    written = _set(ED_JWK, RSA_JWK | {"kid": "r", "use": "sig", "alg": "RS256", "key_ops": ["verify"]}, ed448)
    assert parse_jwks(written, Algorithm.EDDSA) == ((ED.public_key(), "a"), (ED448.public_key(), None))
    assert parse_jwks(written, Algorithm.RS256) == ((RSA.public_key(), "r"),)


@pytest.mark.parametrize(
    "entry",
    [
        7,
        None,
        {},
        {"kty": "oct", "k": "c2VjcmV0", "alg": "EdDSA"},
        ED_JWK | {"use": "enc"},
        ED_JWK | {"alg": "ES256"},
        ED_JWK | {"alg": "none"},
        ED_JWK | {"key_ops": ["sign"]},
        ED_JWK | {"key_ops": "verify"},
        ED_JWK | {"kid": 7},
        ED_JWK | {"crv": "X25519"},
        ED_JWK | {"crv": ["Ed25519"]},
        ED_JWK | {"x": 7},
        ED_JWK | {"x": "AA"},
        ED_JWK | {"kty": ["OKP"]},
        OKPAlgorithm.to_jwk(ED, as_dict=True),
        RSA_JWK,
    ],
)
def test_what_is_not_for_us_is_passed_over(entry: Any) -> None:
    assert parse_jwks(_set(entry, ED_JWK), Algorithm.EDDSA) == ((ED.public_key(), "a"),)
    with pytest.raises(KeysFault, match="no public key for EdDSA"):
        parse_jwks(_set(entry), Algorithm.EDDSA)


@pytest.mark.parametrize(
    "entry",
    [
        RSAAlgorithm.to_jwk(SHORT_RSA.public_key(), as_dict=True),
        RSAAlgorithm.to_jwk(RSA, as_dict=True),
        {name: value for name, value in RSA_JWK.items() if name != "e"},
        RSA_JWK | {"n": "!"},
        RSA_JWK | {"e": "AA"},
        RSA_JWK | {"alg": "HS256"},
        ED_JWK,
    ],
)
def test_no_weak_or_private_rsa_key_is_taken(entry: dict[str, Any]) -> None:
    with pytest.raises(KeysFault, match="no public key for RS256"):
        parse_jwks(_set(entry), Algorithm.RS256)


@pytest.mark.parametrize(
    "written",
    [b"", b"<html>", b"\xff", b"[]", b"{}", b'{"keys": {}}', b'{"keys": []}', b"[" * 100_000, b'"\\ud800"', b"null"],
)
def test_what_is_no_set_says_so(written: bytes) -> None:
    with pytest.raises(KeysFault):
        parse_jwks(written, Algorithm.EDDSA)
