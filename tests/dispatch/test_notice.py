"""Whom a notice is for."""

import pytest

from dispatch.identity import Identity, Role
from dispatch.notice import Notice, is_for, reaches
from geo.point import Point

HERE = Point(31.0, 121.0)


def _notice(**changes: object) -> Notice:
    fields: dict[str, object] = {
        **{"id": "01J", "title": "Rain", "body": "", "level": "info", "roles": tuple(Role), "region": None},
        **{"near": None, "radius_m": None, "until_at": 2, "at": 1, "author": "admin:a-1"},
    }
    return Notice(**(fields | changes))  # type: ignore[arg-type]  # test fields


def _who(role: Role, *regions: str) -> Identity:
    return Identity("x", role, frozenset(regions) if regions else None, 2**53)


@pytest.mark.parametrize("role", Role)
def test_it_is_for_the_roles_it_names(role: Role) -> None:
    who = _who(role)
    assert is_for(_notice(), who, "nyc")
    assert is_for(_notice(roles=(role,)), who, "nyc")
    assert not is_for(_notice(roles=tuple(set(Role) - {role})), who, "nyc")


def test_a_region_is_an_agents_own_staffs_by_token_and_nothing_to_customers() -> None:
    notice = _notice(region="nyc")
    for role in (Role.VALET, Role.SHOP):
        assert is_for(notice, _who(role), "nyc")
        assert not is_for(notice, _who(role), "boston")
    for role in (Role.DISPATCHER, Role.ADMIN, Role.SERVICE):
        assert is_for(notice, _who(role), None)
        assert is_for(notice, _who(role, "nyc", "boston"), None)
        assert not is_for(notice, _who(role, "boston"), None)
    assert is_for(notice, _who(Role.CUSTOMER, "boston"), None)


def test_a_place_is_for_agents_only() -> None:
    notice = _notice(near=HERE, radius_m=1000.0)
    assert {role for role in Role if is_for(notice, _who(role), "nyc")} == {Role.VALET, Role.SHOP}
    assert not is_for(_notice(near=HERE, radius_m=1000.0, region="boston"), _who(Role.VALET), "nyc")


def test_it_reaches_those_who_stand_near() -> None:
    notice = _notice(near=HERE, radius_m=1000.0)
    assert reaches(notice, HERE)
    assert reaches(notice, Point(31.0089, 121.0))
    assert not reaches(notice, Point(31.0091, 121.0))
    assert not reaches(notice, None), "of whom nothing is known"
    assert reaches(_notice(), None), "a notice for no place"
