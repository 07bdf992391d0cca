"""Notices: what operators tell people, and whom.

Pure. Invariant: somebody is addressed by his role and region, and where a notice is for a place, by where he stands;
only agents stand somewhere.
"""

from typing import Literal

import msgspec

from dispatch.identity import AGENTS, Identity, Role
from geo.point import Point, distance_m

Level = Literal["info", "warning", "urgent"]


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """`region` None: everywhere. `near` is WGS-84 and comes with `radius_m`. `author` is `role:id`; times in ms."""

    id: str
    title: str
    body: str
    level: Level
    roles: tuple[Role, ...]
    region: str | None
    near: Point | None
    radius_m: float | None
    until_at: int
    at: int
    author: str


def is_for(notice: Notice, who: Identity, region: str | None) -> bool:
    """By role and region. `region` is an agent's; customers belong to none, staff to those of their token."""
    if who.role not in notice.roles:
        return False
    if who.role in AGENTS:
        return notice.region in (None, region)
    if notice.near is not None:
        return False
    return notice.region is None or who.role is Role.CUSTOMER or who.may_see_region(notice.region)


def reaches(notice: Notice, position: Point | None) -> bool:
    """By the place where an agent was last."""
    if notice.near is None or notice.radius_m is None:
        return True
    return position is not None and distance_m(notice.near, position) <= notice.radius_m
