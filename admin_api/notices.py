"""Notices: what operators tell people, and what the asker was told.

Who may tell whom is `dispatch.notices`'. Invariant: who wrote a notice is shown to staff only.
"""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from admin_api.answers import ActorView
from admin_api.endpoint import Ask, Operation
from admin_api.fields import Form, Id, Metres, Millis
from admin_api.paging import Page, Paging, Query, page
from dispatch.clock import now_ms
from dispatch.identity import STAFF, Identity, Role
from dispatch.notice import Level, Notice
from dispatch.view_examples import NOW, REGION
from geo.crs import Crs, from_wgs84, to_wgs84
from geo.point import Point


class NoticeBody(Form, frozen=True, kw_only=True):
    """`near` and `radius_m` come together, and address agents only."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    body: Annotated[str, Meta(max_length=2000)]
    level: Level
    roles: Annotated[list[Role], Meta(min_length=1, max_length=len(Role))]
    region: Id | None = None
    near: Point | None = None
    radius_m: Metres | None = None
    until_at: Millis


class NoticeView(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`author` is shown to staff."""

    id: str
    title: str
    body: str
    level: Level
    roles: list[Role]
    region: str | None
    near: Point | None
    radius_m: float | None
    until_at: Millis
    at: Millis
    author: ActorView | UnsetType = UNSET


NoticePage = Page[NoticeView]


async def post(ask: Ask[Query, NoticeBody]) -> NoticeView:
    body = ask.body
    notice = Notice(
        id=ask.order_id,  # drawn for this request: a repeat is the same notice
        title=body.title,
        body=body.body,
        level=body.level,
        roles=tuple(dict.fromkeys(body.roles)),
        region=body.region,
        near=to_wgs84(body.near, ask.crs) if body.near else None,
        radius_m=body.radius_m,
        until_at=body.until_at,
        at=now_ms(),
        author=ask.who.actor,
    )
    return _view(await ask.dispatch.notices.post(ask.who, notice, ask.request), ask.who, ask.crs)


async def listed(ask: Ask[Paging, None]) -> object:
    limit, before = ask.query.limit, ask.query.after(Id)
    found = await ask.dispatch.notices.page(ask.who, ask.profile, limit + 1, before)
    return page(found, limit, lambda notice: _view(notice, ask.who, ask.crs), lambda notice: notice.id)


def _view(notice: Notice, who: Identity, crs: Crs) -> NoticeView:
    role, _, author_id = notice.author.partition(":")
    return NoticeView(
        id=notice.id,
        title=notice.title,
        body=notice.body,
        level=notice.level,
        roles=list(notice.roles),
        region=notice.region,
        near=from_wgs84(notice.near, crs) if notice.near else None,
        radius_m=notice.radius_m,
        until_at=notice.until_at,
        at=notice.at,
        author=ActorView(role=role, id=author_id) if who.role in STAFF else UNSET,
    )


_BODY = {
    "title": "Heavy rain",
    "body": "The tunnel is closed; expect long ways round.",
    "level": "warning",
    "roles": ["valet", "shop"],
    "region": REGION,
    "near": {"lat": 40.7188, "lon": -73.9863},
    "radius_m": 5000.0,
    "until_at": NOW + 3_600_000,
}
_VIEW = {"id": "01M3253JTGE1Y4N0W2K7C8B5QX", **_BODY, "at": NOW}

OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/notices",
        summary="Tell people something: those connected now, and those who connect before `until_at`",
        roles=tuple(sorted(STAFF)),
        handler=post,
        body=NoticeBody,
        answer=(NoticeView,),
        status=201,
        example=_BODY,
        answer_example={**_VIEW, "author": {"role": "dispatcher", "id": "d-1"}},
    ),
    Operation(
        method="GET",
        path="/v1/notices",
        summary="Notices, newest first: staff see those of their regions, others those in force for them",
        roles=tuple(Role),
        handler=listed,
        query=Paging,
        answer=(NoticePage,),
        answer_example={"items": [_VIEW], "next": None},
    ),
)
