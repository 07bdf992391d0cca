"""Voice notes: speaking them, beside an order or to one, and listening to them.

Owns who may speak to an order, and when the address of a note counts; what a sound is and who may listen is
`dispatch.notes`'. Invariant: an address counts for the one it was made for, whoever else bears it.
"""

from typing import Annotated, Literal, get_args

from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace

from admin_api.bodies import VoiceOrderBody
from admin_api.endpoint import Ask, Operation
from admin_api.fields import Millis
from admin_api.orders import drafted, find
from admin_api.paging import Query
from admin_api.uploads import Parts
from dispatch.access import require_full
from dispatch.clock import now_ms
from dispatch.errors import Code, Refused
from dispatch.identity import AGENTS, Role
from dispatch.view_examples import EN_ROUTE, HELD, OPEN, full
from dispatch.view_forms import OrderView
from dispatch.views import View, full_view
from dispatch.voice.formats.form import Mime
from dispatch.voice.playback import Audio

AUDIO, ORDER = "audio", "order"
MEDIA: tuple[str, ...] = get_args(Mime)


class ListenQuery(Query, frozen=True, kw_only=True):
    """The first three are the address' own and go together."""

    reader: Annotated[str, Meta(max_length=100, description="Whom the address was made for: `role:id`")] | UnsetType = (
        UNSET
    )
    until: Millis | UnsetType = UNSET
    signature: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    format: Literal["mp3"] | UnsetType = UNSET


# --- speaking -----------------------------------------------------------------------------------------


async def place(ask: Ask[Query, VoiceOrderBody]) -> View:
    draft = drafted(ask.who, ask.body, ask.crs)
    recording = await ask.dispatch.notes.inspect(ask.spool)
    order = await ask.dispatch.notes.place(
        ask.who,
        ask.body.kind,
        draft,
        ask.spool,
        recording,
        region=ask.body.region,
        order_id=ask.order_id,
        request=ask.request,
    )
    return full_view(order, ask.reader)


async def add(ask: Ask[Query, None]) -> View:
    order = require_full(ask.who, await find(ask))
    recording = await ask.dispatch.notes.inspect(ask.spool)
    return full_view(await ask.dispatch.notes.add(ask.who, order, ask.spool, recording, ask.request), ask.reader)


# --- listening ----------------------------------------------------------------------------------------


async def listen(ask: Ask[ListenQuery, None]) -> Audio:
    reader = _reader(ask)
    return await ask.dispatch.notes.open(ask.asker, reader, ask.path["id"], mp3=ask.query.format == "mp3")


def _reader(ask: Ask[ListenQuery, None]) -> str:
    """Whose right to listen is asked: of the address, which needs no token beside it, or of the token alone."""
    query = ask.query
    if query.reader is UNSET and query.until is UNSET and query.signature is UNSET:
        if ask.asker is None:
            raise Refused(Code.UNAUTHENTICATED, "a signed address is needed, or Authorization: Bearer with a token")
        return ask.asker.actor
    if query.reader is UNSET or query.until is UNSET or query.signature is UNSET:
        raise Refused(Code.FORBIDDEN, "the address is not whole: reader, until and signature go together")
    ask.dispatch.links.check(ask.path["id"], query.reader, query.until, query.signature, now_ms())
    if ask.asker is not None and ask.asker.actor != query.reader:
        raise Refused(Code.FORBIDDEN, "the address was made for another than the token's bearer")
    return query.reader


_SPOKEN = full(replace(OPEN, kind="voice", destination=None, details={}, price_fen=None))
_ANSWERED = full(replace(HELD, version=5, voice_notes=EN_ROUTE.voice_notes))

OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/voice-notes",
        summary="Ask for help by voice: an order whose body is a voice note",
        roles=(Role.SERVICE, Role.CUSTOMER, Role.DISPATCHER),
        handler=place,
        body=VoiceOrderBody,
        parts=Parts(AUDIO, ORDER),
        answer=(OrderView,),
        status=201,
        example={name: _SPOKEN[name] for name in ("customer", "place")},
        answer_example=_SPOKEN,
    ),
    Operation(
        method="POST",
        path="/v1/orders/{id}/voice-notes",
        summary="Add a voice note to an order; the other side is told",
        roles=(Role.CUSTOMER, *sorted(AGENTS), Role.DISPATCHER, Role.SERVICE),
        handler=add,
        parts=Parts(AUDIO),
        answer=(OrderView,),
        status=201,
        answer_example=_ANSWERED,
    ),
    Operation(
        method="GET",
        path="/v1/voice-notes/{id}",
        summary="Listen to a voice note, by the address that its order bears or by token",
        roles=tuple(Role),
        handler=listen,
        query=ListenQuery,
        media=MEDIA,
        signed=True,
    ),
)
