"""Who may see what of which order."""

import pytest

from dispatch.access import require_full, require_region, require_role, sees_full
from dispatch.errors import Code, Refused
from dispatch.identity import Identity, Role
from dispatch.order import Order
from dispatch.state import new_state, order_of
from tests.dispatch.drafts import draft

TAKEN = {"agent_id": "v-1", "agent_role": "valet", "by": "grab", "fence": "1", "assigned_at": "5"}


def _who(role: Role, sub: str = "x", *regions: str) -> Identity:
    return Identity(sub, role, frozenset(regions) if regions else None, 0)


def _order(status: str = "open", **changes: str) -> Order:
    return order_of("01J", "nyc", new_state("towing", draft(), 1) | TAKEN | {"status": status} | changes)


@pytest.mark.parametrize("role", [Role.DISPATCHER, Role.ADMIN, Role.SERVICE])
def test_staff_sees_the_orders_of_its_regions(role: Role) -> None:
    assert sees_full(_who(role), _order())
    assert sees_full(_who(role, "x", "sha", "nyc"), _order())
    assert not sees_full(_who(role, "x", "sha"), _order())


def test_a_customer_sees_his_own_orders() -> None:
    assert sees_full(_who(Role.CUSTOMER, "c-1"), _order())
    assert not sees_full(_who(Role.CUSTOMER, "c-2"), _order())


@pytest.mark.parametrize(
    ("status", "sees"),
    [("open", False), ("escalated", False), ("assigned", True), ("working", True), ("completed", True),
     ("cancelled", False)],
)  # fmt: skip
def test_an_agent_sees_what_he_holds_or_has_completed(status: str, sees: bool) -> None:
    assert sees_full(_who(Role.VALET, "v-1"), _order(status)) is sees
    assert not sees_full(_who(Role.VALET, "v-2"), _order(status))


def test_an_agent_who_gave_it_back_does_not_see_what_the_desk_closed() -> None:
    assert not sees_full(_who(Role.VALET, "v-1"), _order("completed", released=",v-1,"))


def test_a_customer_with_an_agents_id_is_no_agent() -> None:
    assert not sees_full(_who(Role.CUSTOMER, "v-1"), _order("working"))
    assert not sees_full(_who(Role.VALET, "c-1"), _order("working"))


def test_who_may_not_know_of_it_hears_that_there_is_none() -> None:
    told = []
    for order in (None, _order()):
        with pytest.raises(Refused) as refused:
            require_full(_who(Role.VALET, "v-2"), order)
        told.append((refused.value.code, refused.value.message))
    assert told[0] == told[1]
    assert told[0][0] is Code.NOT_FOUND


def test_a_region_and_a_role_are_required() -> None:
    require_region(_who(Role.DISPATCHER, "x", "nyc"), "nyc")
    require_role(_who(Role.ADMIN), Role.ADMIN, Role.SERVICE)
    with pytest.raises(Refused, match="region"):
        require_region(_who(Role.DISPATCHER, "x", "sha"), "nyc")
    with pytest.raises(Refused, match="dispatcher"):
        require_role(_who(Role.DISPATCHER), Role.ADMIN)
