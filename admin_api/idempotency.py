"""Idempotency keys: a command that is repeated takes effect once and is answered as the first time.

Owns what counts as the same request and which answers are remembered; `records.requests` keeps them. Knows no
route. Invariants: the answer to a key is given once it is final; a failure of ours is forgotten, but what it
began stays the same request, so the repeat finds it in the scripts.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog
from ulid import ULID

from admin_api.problems import Rendered, rendered
from dispatch.clock import now_ms
from dispatch.errors import Code, DispatchError, Refused, invalid
from dispatch.records.requests import Kept, Requests

log = structlog.get_logger()
HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x20-\x7e]{1,128}")

Work = Callable[[str, str], Awaitable[Rendered]]
"""Takes the order id that was drawn and the request id for the scripts."""


def checked(key: str) -> str:
    """Raises Refused (invalid)."""
    if not _KEY.fullmatch(key):
        raise invalid(HEADER, "must be 1 to 128 printable ASCII characters")
    return key


def digest(query: Any, body: Any) -> bytes:
    """Of what the request says, not of how it is written: spaces and the order of fields do not count."""
    said = orjson.dumps([query, body], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(said).digest()


def draw() -> str:
    """An order id."""
    return str(ULID())


class Once:
    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    async def run(self, actor: str, route: str, key: str, said: bytes, work: Work) -> Rendered:
        """The work's answer, or that of the first request with this key.

        `route` has the ids in it; `actor` is `role:sub`, for ids are unique within a role. Raises Refused
        (conflict) and whatever the work raises.
        """
        kept = await self._requests.take(actor, route, key, said, draw(), now_ms())
        if not kept.mine:
            return _earlier(kept, said)
        try:
            answer = await work(kept.order_id, _request(actor, route, key, kept.order_id))
        except Refused as exc:
            answer = rendered(exc)
        except Exception:
            await self._conclude(actor, route, key, None)
            raise
        await self._conclude(actor, route, key, answer if answer.final else None)
        return answer

    async def _conclude(self, actor: str, route: str, key: str, answer: Rendered | None) -> None:
        """When PostgreSQL is away just now, the key stays in flight for a while; the answer is true all the same."""
        try:
            if answer is None:
                await self._requests.drop(actor, route, key)
            else:
                await self._requests.answer(actor, route, key, answer.status, answer.body)
        except DispatchError as exc:
            log.warning("idempotency_key_not_concluded", error=exc.message)


def _earlier(kept: Kept, said: bytes) -> Rendered:
    if kept.digest != said:
        raise Refused(Code.CONFLICT, f"{HEADER}: was used for another request")
    if kept.status is None or kept.answer is None:
        raise Refused(Code.CONFLICT, f"{HEADER}: the first request is still in flight", retryable=True)
    return Rendered(kept.status, kept.answer)


def _request(actor: str, route: str, key: str, order_id: str) -> str:
    """The id under which scripts remember. `order_id` is drawn anew when the key's day is over."""
    said = orjson.dumps([actor, route, key, order_id])
    return "k" + hashlib.sha256(said).hexdigest()
