"""Tokens bear the claims of PROTOCOL §2 and nothing else."""

import jwt
import pytest

from loadtest.tokens import mint

SECRET = "0123456789abcdef0123456789abcdef"


def test_a_token_says_who_what_and_until_when() -> None:
    said = jwt.decode(mint(SECRET, "valet", "v-1", ttl_seconds=60), SECRET, ["HS256"], audience="valet-dispatch")
    assert (said["sub"], said["role"], said["exp"] - said["iat"]) == ("v-1", "valet", 60)
    assert "regions" not in said


def test_regions_stand_in_it_where_they_are_named() -> None:
    token = mint(SECRET, "dispatcher", "d-1", ["nyc"])
    assert jwt.decode(token, SECRET, ["HS256"], audience="valet-dispatch")["regions"] == ["nyc"]


def test_a_claim_can_be_bent_or_left_out() -> None:
    token = mint(SECRET, "valet", "v-1", bent={"aud": "another", "role": None})
    said = jwt.decode(token, options={"verify_signature": False})
    assert said["aud"] == "another"
    assert "role" not in said


def test_another_secret_does_not_open_it() -> None:
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(mint(SECRET, "valet", "v-1"), SECRET[::-1], ["HS256"], audience="valet-dispatch")
