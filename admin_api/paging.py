"""Pages of a list: `limit`, an opaque `cursor`, and the place where the next page begins.

Knows no list. Invariant: a cursor holds the place of the last item shown, never a count, so nothing is
skipped or repeated while items are being added.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from admin_api.fields import Form
from dispatch.errors import invalid
from geo.crs import Crs

T = TypeVar("T")
Place = TypeVar("Place")
Cursor = Annotated[str, Meta(max_length=512, description="`next` of the page before")]
DEFAULT_LIMIT = 50


class Query(Form, frozen=True, kw_only=True):
    """What every request may say: the coordinate system of its positions, both ways."""

    crs: Crs = Crs.WGS84


class Paging(Query, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=200)] = DEFAULT_LIMIT
    cursor: Cursor | UnsetType = UNSET

    def after(self, form: type[Place]) -> Place | None:
        """Where the page before ended. Raises Refused (invalid)."""
        if self.cursor is UNSET:
            return None
        try:
            text = base64.b64decode(self.cursor + "=" * (-len(self.cursor) % 4), altchars=b"-_", validate=True)
            return msgspec.json.decode(text, type=form)
        except (binascii.Error, ValueError, msgspec.DecodeError) as exc:
            raise invalid("cursor", "is none that this list gave") from exc


class Page(msgspec.Struct, Generic[T]):
    """A list's answer; `next` is null on the last page."""

    items: list[T]
    next: str | None


def page(
    found: Sequence[T], limit: int, show: Callable[[T], object], place: Callable[[T], object]
) -> dict[str, object]:
    """`found` holds one item more than `limit` when there is another page."""
    shown = found[:limit]
    more = len(found) > limit
    return {"items": [show(each) for each in shown], "next": _cursor(place(shown[-1])) if more else None}


def _cursor(place: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")
