"""Who may listen to what, and who may add to it."""

import pytest
from msgspec.structs import replace

from dispatch.identity import Identity, Role
from dispatch.order import Order, Status
from dispatch.policy import DEFAULTS
from dispatch.view_examples import CLOSED, CUSTOMER, HELD, OPEN, OTHER_VALET, REGION, VALET
from dispatch.voice.hearing import find_note, has_expired, listens_with_offer, may_add
from tests.dispatch.voice.saying import note

BEFORE, AFTER = (next(policy for policy in DEFAULTS if policy.listen == listen) for listen in ("before", "after"))
SAID = note(kept_until_at=2000)


def _who(role: Role, sub: str, regions: frozenset[str] | None = None) -> Identity:
    return Identity(sub, role, regions, 2**53)


def test_a_note_is_found_by_its_id() -> None:
    order = replace(OPEN, voice_notes=(note(), SAID, note()))
    assert find_note(order, SAID.id) is SAID
    assert find_note(order, "another") is None


@pytest.mark.parametrize(
    ("order", "now", "expired"),
    [(CLOSED, 1999, False), (CLOSED, 2000, True), (OPEN, 2000, False), (HELD, 9**12, False)],
)
def test_a_note_expires_once_its_order_has_ended(order: Order, now: int, expired: bool) -> None:
    assert has_expired(order, SAID, now) is expired


@pytest.mark.parametrize("role", [Role.VALET, Role.SHOP])
def test_a_candidate_may_listen_where_the_policy_lets_him(role: Role) -> None:
    agent = _who(role, OTHER_VALET)
    assert listens_with_offer(agent, OPEN, SAID, BEFORE)
    assert not listens_with_offer(agent, OPEN, SAID, AFTER)
    assert not listens_with_offer(agent, OPEN, SAID, None)


@pytest.mark.parametrize(
    ("order", "shared", "role"),
    [
        (HELD, True, Role.VALET),
        (replace(OPEN, status=Status.ESCALATED), True, Role.VALET),
        (replace(OPEN, status=Status.SCHEDULED), True, Role.VALET),
        (CLOSED, True, Role.VALET),
        (OPEN, False, Role.VALET),
        (OPEN, True, Role.CUSTOMER),
        (OPEN, True, Role.SERVICE),
        (replace(OPEN, declined=(OTHER_VALET,)), True, Role.VALET),
    ],
)
def test_an_offer_helps_nobody_else(order: Order, shared: bool, role: Role) -> None:
    assert not listens_with_offer(_who(role, OTHER_VALET), order, replace(SAID, shared=shared), BEFORE)


@pytest.mark.parametrize(
    ("order", "who", "may"),
    [
        (OPEN, _who(Role.CUSTOMER, CUSTOMER), True),
        (HELD, _who(Role.CUSTOMER, CUSTOMER), True),
        (OPEN, _who(Role.CUSTOMER, "another"), False),
        (HELD, _who(Role.VALET, VALET), True),
        (HELD, _who(Role.VALET, OTHER_VALET), False),
        (OPEN, _who(Role.VALET, VALET), False),
        (replace(HELD, status=Status.COMPLETED, agent=None), _who(Role.VALET, VALET), False),
        (OPEN, _who(Role.DISPATCHER, "d-1", frozenset({REGION})), True),
        (OPEN, _who(Role.DISPATCHER, "d-1", frozenset({"elsewhere"})), False),
        (OPEN, _who(Role.SERVICE, "backend"), True),
        (OPEN, _who(Role.ADMIN, "a-1"), False),
    ],
)
def test_who_may_add(order: Order, who: Identity, may: bool) -> None:
    assert may_add(who, order) is may


def test_the_voice_kind_is_heard_before_and_others_after() -> None:
    assert {policy.kind for policy in DEFAULTS if policy.listen == "before"} == {"voice"}
