"""Tokens: what is let in, and what each fault is called."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dispatch.errors import Code, Refused
from dispatch.identity import Identity, Role, TokenExpired, Verifier

SECRET, OLD = "s" * 40, "o" * 40
NOW = int(time.time())
CLAIMS: dict[str, Any] = {"sub": "v-1", "role": "valet", "aud": "valet-dispatch", "iat": NOW, "exp": NOW + 3600}
VERIFIER = Verifier([SECRET, OLD])


def _token(secret: str = SECRET, without: str = "", **changes: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | changes).items() if name != without}
    return jwt.encode(claims, secret, algorithm="HS256")


def _fault(token: str) -> Refused:
    with pytest.raises(Refused) as refused:
        VERIFIER.verify(token)
    assert refused.value.code is Code.UNAUTHENTICATED
    assert token not in refused.value.message
    return refused.value


def test_a_good_token_says_who_is_asking() -> None:
    assert VERIFIER.verify(_token()) == Identity("v-1", Role.VALET, None, (NOW + 3600) * 1000)
    assert VERIFIER.verify(_token(regions=["nyc", "sha"])).regions == frozenset({"nyc", "sha"})
    assert VERIFIER.verify(_token(regions=[])).regions == frozenset()
    assert VERIFIER.verify(_token()).actor == "valet:v-1"


def test_while_secrets_rotate_both_are_good() -> None:
    assert VERIFIER.verify(_token(OLD)).sub == "v-1"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"aud": "another"}, "aud"),
        ({"iat": NOW + 3600}, "iat"),
        ({"nbf": NOW + 3600}, "nbf"),
        ({"sub": ""}, "sub"),
        ({"sub": "a b"}, "sub"),
        ({"sub": "a\n"}, "sub"),
        ({"sub": "x" * 65}, "sub"),
        ({"role": "king"}, "role"),
        ({"role": 7}, "role"),
        ({"role": ["valet"]}, "role"),
        ({"regions": "nyc"}, "regions"),
        ({"regions": [7]}, "regions"),
        ({"exp": str(NOW + 3600)}, "exp"),
        ({"without": "sub"}, "sub"),
        ({"without": "role"}, "role"),
        ({"without": "aud"}, "aud"),
        ({"without": "exp"}, "exp"),
        ({"without": "iat"}, "iat"),
    ],
)
def test_a_wrong_claim_is_named(changes: dict[str, Any], named: str) -> None:
    assert named in _fault(_token(**changes)).message


def test_an_expired_token_has_a_fault_of_its_own() -> None:
    assert isinstance(_fault(_token(exp=NOW - 60)), TokenExpired)
    assert isinstance(_fault(_token(OLD, exp=NOW - 60)), TokenExpired)


def test_a_little_difference_of_clocks_is_forgiven() -> None:
    assert VERIFIER.verify(_token(exp=NOW - 5)).sub == "v-1"
    assert VERIFIER.verify(_token(iat=NOW + 5)).sub == "v-1"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", _token("z" * 40), _token()[:-4], _token() + "x"])
def test_what_we_did_not_sign_is_refused(token: str) -> None:
    with pytest.raises(Refused):
        VERIFIER.verify(token)


def test_the_token_does_not_choose_its_algorithm() -> None:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    body = _token().split(".")[1]
    assert "alg" in _fault(f"{header}.{body}.").message
    assert "alg" in _fault(jwt.encode(CLAIMS, SECRET * 2, algorithm="HS512")).message


def test_a_public_key_is_no_secret() -> None:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    verifier = Verifier([public], algorithms=("EdDSA",))
    assert verifier.verify(jwt.encode(CLAIMS, private, algorithm="EdDSA")).sub == "v-1"
    with pytest.raises(Refused, match="alg"):
        verifier.verify(_token())


def test_regions_bound_what_is_seen() -> None:
    assert Identity("d", Role.DISPATCHER, None, 0).may_see_region("nyc")
    assert not Identity("d", Role.DISPATCHER, frozenset({"sha"}), 0).may_see_region("nyc")
