"""The desk's reading of who may be offered an order; that the scripts agree stands in test_matching."""

from dispatch.eligibility import Standing, WhyNot, why_not
from dispatch.state import new_state, order_of
from tests.dispatch.drafts import draft

ORDER = order_of("01J", "r", new_state("towing", draft(), 1) | {"declined": ",no,", "released": ",gone,"})
FIT = {
    "agent_id": "v",
    "role": "valet",
    "skills": frozenset({"towing", "beauty"}),
    "suspended": False,
    "reachable": True,
    "available": True,
    "load": 1,
    "capacity": 2,
}
FAULTS: list[tuple[dict[str, object], WhyNot]] = [
    ({"role": "shop"}, WhyNot.ROLE),
    ({"skills": frozenset({"beauty"})}, WhyNot.SKILL),
    ({"suspended": True}, WhyNot.SUSPENDED),
    ({"reachable": False}, WhyNot.UNREACHABLE),
    ({"available": False}, WhyNot.PAUSED),
    ({"load": 2}, WhyNot.AT_CAPACITY),
    ({"agent_id": "no"}, WhyNot.DECLINED),
    ({"agent_id": "gone"}, WhyNot.RELEASED),
]


def _why(**changes: object) -> WhyNot | None:
    return why_not(Standing(**(FIT | changes)), ORDER, ("valet",))  # type: ignore[arg-type]  # test fields


def test_who_fits_is_eligible() -> None:
    assert _why() is None


def test_each_fault_has_its_reason() -> None:
    assert [_why(**fault) for fault, _ in FAULTS] == [reason for _, reason in FAULTS]
    assert [reason for _, reason in FAULTS] == list(WhyNot)


def test_of_several_faults_the_first_is_told() -> None:
    combined: dict[str, object] = {}
    for fault, reason in reversed(FAULTS):
        combined |= fault
        assert _why(**combined) is reason


def test_an_agent_over_capacity_is_at_capacity() -> None:
    assert _why(load=9) is WhyNot.AT_CAPACITY
