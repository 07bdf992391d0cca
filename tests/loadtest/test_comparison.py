"""Equal accounts yield no fault; each difference that is put in is found and names whose view it is in."""

from typing import Any, cast

import pytest

from loadtest.comparison import desk_differs, jobs_differ, leaks_in_offer, offers_differ, offers_told
from loadtest.wire import Offer, Order
from tests.loadtest.facts import order

SHOWN = cast(
    Offer,
    {
        "id": "o1",
        "kind": "towing",
        "status": "open",
        "version": 2,
        "area": {"lat": 40.719, "lon": -73.986},
        "destination_area": None,
        "details": {"note": "flat tyre"},
        "price_fen": 18000,
        "bonus_fen": 0,
        "round": 1,
        "expires_at": 5000,
    },
)
TRUE = cast(Order, {**SHOWN, "version": 4})


def held(version: int = 3, **more: Any) -> Order:
    return order("o1", "assigned", version, ("v-1", 1), **more)


def test_equal_views_do_not_differ() -> None:
    assert not list(jobs_differ("v-1", {"o1": held()}, {"o1": held(), "o2": order("o2", "open", 2)}))
    assert not list(desk_differs("d-1", {"o1": held()}, {"o1": held()}))
    assert not list(offers_differ("v-1", {"o1": SHOWN}, {"o1": TRUE}))


def test_a_job_that_is_not_shown_and_one_that_is_not_held() -> None:
    [unseen] = jobs_differ("v-1", {}, {"o1": held()})
    [ghost] = jobs_differ("v-2", {"o1": held()}, {"o1": held()})
    assert (unseen.subject, ghost.subject) == ("v-1 o1", "v-2 o1")
    assert "not shown" in unseen.text
    assert "not held" in ghost.text


@pytest.mark.parametrize("change", [{"version": 4}, {"stalled": True}, {"bonus_fen": 5}, {"status": "en_route"}])
def test_a_job_that_is_shown_as_it_was(change: dict[str, Any]) -> None:
    now = cast(Order, {**held(), **change})
    assert len(list(jobs_differ("v-1", {"o1": held()}, {"o1": now}))) == 1


def test_a_desk_with_too_much_too_little_or_something_old() -> None:
    assert [each.text for each in desk_differs("d-1", {"o1": held()}, {})] == ["is shown and not at the desk"]
    assert [each.text for each in desk_differs("d-1", {}, {"o1": held()})] == ["is at the desk and not shown"]
    assert len(list(desk_differs("d-1", {"o1": held()}, {"o1": held(4)}))) == 1


@pytest.mark.parametrize("status", ["assigned", "escalated", "cancelled", "scheduled"])
def test_an_offer_of_what_can_not_be_had(status: str) -> None:
    [fault] = offers_differ("v-1", {"o1": SHOWN}, {"o1": cast(Order, {**TRUE, "status": status})})
    assert status in fault.text


def test_an_offer_of_an_order_that_does_not_exist() -> None:
    assert len(list(offers_differ("v-1", {"o1": SHOWN}, {}))) == 1


@pytest.mark.parametrize(
    "change", [{"round": 2}, {"bonus_fen": 500}, {"price_fen": 1}, {"expires_at": 9}, {"version": 1}]
)
def test_an_offer_that_is_shown_as_it_was(change: dict[str, Any]) -> None:
    assert len(list(offers_differ("v-1", {"o1": SHOWN}, {"o1": cast(Order, {**TRUE, **change})}))) == 1


def candidate(agent_id: str, offered_at: int | None = 1, declined: bool = False) -> dict[str, Any]:
    return {"agent_id": agent_id, "offered_at": offered_at, "declined": declined}


def test_exactly_those_who_were_offered_it_have_it() -> None:
    candidates = [candidate("v-1"), candidate("v-2", None), candidate("v-3", declined=True)]
    assert not list(offers_told("o1", candidates, {"v-1": {"o1": SHOWN}, "v-2": {}, "v-3": {}}))


def test_one_who_was_not_told_and_one_who_was_told_too_much() -> None:
    candidates = [candidate("v-1"), candidate("v-2", None)]
    faults = list(offers_told("o1", candidates, {"v-1": {}, "v-2": {"o1": SHOWN}}))
    assert {each.subject for each in faults} == {"v-1 o1", "v-2 o1"}


def test_a_public_view_gives_nothing_away() -> None:
    assert leaks_in_offer(SHOWN, ("Rider", "+1212555"), ("plate",)) == []


@pytest.mark.parametrize(
    "more",
    [
        {"customer": {"id": "c-1"}},
        {"place": {"lat": 40.7188, "lon": -73.9863}},
        {"assignment": None},
        {"area": {"lat": 40.7188, "lon": -73.986}},
        {"area": {"lat": 40.719, "lon": -73.986, "address": "5th"}},
        {"destination_area": {"lat": 40.7, "lon": -73.98631}},
        {"details": {"plate": "x"}},
        {"details": {"note": "ask for Rider 7"}},
        {"voice_notes": [{"from": "+12125550001"}]},
    ],
)
def test_each_way_of_giving_something_away(more: dict[str, Any]) -> None:
    leaking = cast(Offer, {**SHOWN, **more})
    assert len(leaks_in_offer(leaking, ("Rider", "+1212555"), ("plate",))) == 1
