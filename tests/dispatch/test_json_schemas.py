"""Schemas of forms: strict where asked, open where told."""

from typing import Annotated

import msgspec
from msgspec import Meta

from dispatch.json_schemas import components, schema


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    number: int


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """Words that go on
    in a second line."""

    inner: Inner


class Told(msgspec.Struct, forbid_unknown_fields=True):
    inner: Inner


def test_what_has_a_name_is_a_reference() -> None:
    assert schema(Asked) == {"$ref": "#/components/schemas/Asked"}
    assert schema(Annotated[int, Meta(ge=1)]) == {"type": "integer", "minimum": 1}


def test_requests_are_strict_and_answers_may_grow() -> None:
    found = components([Asked], [Told])
    assert found.keys() == {"Asked", "Told", "Inner"}
    assert found["Asked"]["additionalProperties"] is False
    assert found["Inner"]["additionalProperties"] is False
    assert "additionalProperties" not in found["Told"]


def test_descriptions_are_as_people_would_write_them() -> None:
    assert components([Asked], [])["Asked"]["description"] == "Words that go on\nin a second line."
