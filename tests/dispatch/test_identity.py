"""Tokens: what is let in, and what each fault is called."""

import base64
import hmac
import json
import time
from typing import Any
from unittest.mock import Mock

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dispatch import identity
from dispatch.errors import Code, Refused
from dispatch.identity import Algorithm, Identity, Role, TokenExpired, Verifier
from dispatch.keyring import Key, Keyring, PublicKey

SECRET, OLD = "s" * 40, "o" * 40
NOW = int(time.time())
CLAIMS: dict[str, Any] = {"sub": "v-1", "role": "valet", "aud": "valet-dispatch", "iat": NOW, "exp": NOW + 3600}
VERIFIER = Verifier([SECRET, OLD])


def _token(secret: str = SECRET, without: str = "", **changes: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | changes).items() if name != without}
    return jwt.PyJWS().encode(json.dumps(claims).encode(), secret, algorithm="HS256")  # whatever the claims are


def _fault(token: str, verifier: Verifier = VERIFIER) -> Refused:
    with pytest.raises(Refused) as refused:
        verifier.verify(token)
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
        ({"iat": "soon"}, "form"),
        ({"aud": ["another"]}, "aud"),
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


def test_what_was_found_of_a_token_counts_from_then_on_until_it_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier, token = Verifier([SECRET]), _token()
    verify = Mock(wraps=verifier.verify)
    monkeypatch.setattr(verifier, "verify", verify)
    end = (NOW + 3600) * 1000 + verifier.leeway_ms
    for now, count in ((NOW * 1000, 1), (NOW * 1000, 1), (end - 1, 1), (NOW * 1000 - 1, 2), (end, 3)):
        assert verifier.verify_again(token, now).sub == "v-1"
        assert verify.call_count == count


def test_a_bad_token_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(TokenExpired):
            VERIFIER.verify_again(_token(exp=NOW - 60), NOW * 1000)


def test_of_the_tokens_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "MOST_REMEMBERED", 2)
    verifier, names = Verifier([SECRET]), [f"v-{number}" for number in range(4)]
    assert [verifier.verify_again(_token(sub=name), NOW * 1000).sub for name in names * 2] == names * 2
    assert len(verifier._known) == 2


def test_a_little_difference_of_clocks_is_forgiven_both_ways() -> None:
    now = int(time.time())
    assert VERIFIER.leeway_ms == 30_000
    assert VERIFIER.verify(_token(exp=now - 25)).expires_at == (now - 25) * 1000
    assert isinstance(_fault(_token(exp=now - 31)), TokenExpired)
    assert VERIFIER.verify(_token(iat=now + 29, nbf=now + 29)).sub == "v-1"
    assert "future" in _fault(_token(iat=now + 60)).message
    assert "future" in _fault(_token(nbf=now + 60)).message


@pytest.mark.parametrize("exp", [NOW + 3600.75, 1e306])
def test_an_odd_end_is_taken_as_pyjwt_takes_it(exp: float) -> None:
    assert VERIFIER.verify(_token(exp=exp)).expires_at == int(exp) * 1000


def test_an_audience_may_be_one_of_several() -> None:
    assert VERIFIER.verify(_token(aud=["another", "valet-dispatch"])).sub == "v-1"


def test_the_issuer_is_checked_where_one_is_configured() -> None:
    strict = Verifier([SECRET], issuer="https://login.example.com")
    assert strict.verify(_token(iss="https://login.example.com")).sub == "v-1"
    assert "iss" in _fault(_token(), strict).message
    for other in ("https://login.example.com/", "", ["https://login.example.com"], 7):
        assert "iss" in _fault(_token(iss=other), strict).message
    assert VERIFIER.verify(_token(iss="anyone")).sub == "v-1"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", _token("z" * 40), _token()[:-4], _token() + "x"])
def test_what_we_did_not_sign_is_refused(token: str) -> None:
    with pytest.raises(Refused):
        VERIFIER.verify(token)


def test_the_token_does_not_choose_its_algorithm() -> None:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    body = _token().split(".")[1]
    assert "alg" in _fault(f"{header}.{body}.").message
    assert "alg" in _fault(jwt.encode(CLAIMS, SECRET * 2, algorithm="HS512")).message


# --- public keys --------------------------------------------------------------------------------------

Private = RSAPrivateKey | Ed25519PrivateKey


@pytest.fixture(scope="module")
def rsa_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def _signed(private: Private, kid: str | None = None, **changes: Any) -> str:
    headers = {} if kid is None else {"kid": kid}
    algorithm = "RS256" if isinstance(private, RSAPrivateKey) else "EdDSA"
    return jwt.encode(CLAIMS | changes, private, algorithm=algorithm, headers=headers)


def _verifier(algorithm: Algorithm, *keys: Key) -> Verifier:
    return Verifier(Keyring(keys), algorithm=algorithm)


def test_tokens_are_checked_with_the_public_key(rsa_key: RSAPrivateKey) -> None:
    ed_key = Ed25519PrivateKey.generate()
    rs256 = _verifier(Algorithm.RS256, Key(rsa_key.public_key()))
    eddsa = _verifier(Algorithm.EDDSA, Key(ed_key.public_key()))
    assert rs256.verify(_signed(rsa_key)) == eddsa.verify(_signed(ed_key)) == VERIFIER.verify(_token())
    assert isinstance(_fault(_signed(rsa_key, exp=NOW - 60), rs256), TokenExpired)
    assert "aud" in _fault(_signed(ed_key, aud="another"), eddsa).message
    assert "not valid" in _fault(_signed(Ed25519PrivateKey.generate()), eddsa).message
    assert "not valid" in _fault(_signed(generate_private_key(65537, 2048)), rs256).message


def test_the_algorithm_is_the_configured_one_and_no_other(rsa_key: RSAPrivateKey) -> None:
    ed_key = Ed25519PrivateKey.generate()
    rs256 = _verifier(Algorithm.RS256, Key(rsa_key.public_key()))
    eddsa = _verifier(Algorithm.EDDSA, Key(ed_key.public_key()))
    ps256 = jwt.encode(CLAIMS, rsa_key, algorithm="PS256")
    for verifier, token in (
        (rs256, _signed(ed_key)), (eddsa, _signed(rsa_key)), (VERIFIER, _signed(rsa_key)), (rs256, ps256),
        (rs256, _token()), (eddsa, _token()), (rs256, _unsigned("none")), (eddsa, _unsigned("None")),
    ):  # fmt: skip
        assert "alg" in _fault(token, verifier).message


@pytest.mark.parametrize("form", [Encoding.PEM, Encoding.DER, Encoding.Raw])
def test_a_public_key_is_no_secret(form: Encoding) -> None:
    """The confusion of RFC 8725 §2.1: signed by HMAC with what everybody may know, and called what suits."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key()
    written = public.public_bytes(form, PublicFormat.Raw if form is Encoding.Raw else PublicFormat.SubjectPublicKeyInfo)
    verifier = _verifier(Algorithm.EDDSA, Key(public))
    for alg in ("HS256", "EdDSA"):
        head = _unsigned(alg).rpartition(".")[0]
        mac = base64.urlsafe_b64encode(hmac.digest(written, head.encode(), "sha256")).rstrip(b"=").decode()
        assert _fault(f"{head}.{mac}", verifier)


def _unsigned(alg: str) -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": alg, "typ": "JWT"}).encode()).rstrip(b"=").decode()
    return f"{header}.{_token().split('.')[1]}."


def test_a_token_is_checked_with_the_key_that_it_names() -> None:
    old, new, unnamed = (Ed25519PrivateKey.generate() for _ in range(3))
    verifier = _verifier(Algorithm.EDDSA, Key(old.public_key(), "old"), Key(new.public_key(), "new"))
    assert verifier.verify(_signed(new, "new")).sub == verifier.verify(_signed(old)).sub == "v-1"
    assert "not valid" in _fault(_signed(new, "old"), verifier).message
    assert "key is unknown" in _fault(_signed(new, "newer"), verifier).message
    verifier = _verifier(Algorithm.EDDSA, Key(old.public_key(), "old"), Key(unnamed.public_key()))
    assert verifier.verify(_signed(unnamed, "whatever")).sub == "v-1"


def test_a_key_that_was_taken_away_counts_no_more() -> None:
    private = Ed25519PrivateKey.generate()
    ring = Keyring([Key(private.public_key())])
    verifier, token = Verifier(ring, algorithm=Algorithm.EDDSA), _signed(private)
    assert verifier.verify(token) == verifier.verify_again(token, NOW * 1000)
    other: PublicKey = Ed25519PrivateKey.generate().public_key()
    ring.replace([Key(other)])
    assert "not valid" in _fault(token, verifier).message
    with pytest.raises(Refused):
        verifier.verify_again(token, NOW * 1000)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "..", '{"alg":"EdDSA"}..'])
def test_what_is_no_token_is_refused_with_public_keys_too(token: str) -> None:
    verifier = _verifier(Algorithm.EDDSA, Key(Ed25519PrivateKey.generate().public_key()))
    with pytest.raises(Refused):
        verifier.verify(token)


def test_regions_bound_what_is_seen() -> None:
    assert Identity("d", Role.DISPATCHER, None, 0).may_see_region("nyc")
    assert not Identity("d", Role.DISPATCHER, frozenset({"sha"}), 0).may_see_region("nyc")
