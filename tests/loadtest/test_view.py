"""The view is what the messages so far entitle a session to show; each test tells it messages and looks."""

from typing import Any

import pytest

from loadtest.view import View, holder, is_on_desk


def offer(order_id: str = "o1", version: int = 2, **more: Any) -> dict[str, Any]:
    return {"id": order_id, "kind": "towing", "status": "open", "version": version, "round": 1, **more}


def job(order_id: str = "o1", version: int = 3, status: str = "assigned", **more: Any) -> dict[str, Any]:
    assignment = {
        "agent_id": "v-1",
        "role": "valet",
        "by": "grab",
        "dispatcher_id": None,
        "fence": 1,
        "at": 5,
    }
    return {"id": order_id, "version": version, "status": status, "assignment": assignment, **more}


def told(*messages: dict[str, Any]) -> View:
    view = View()
    for message in messages:
        view.hear(message)
    return view


def welcome(**lists: Any) -> dict[str, Any]:
    return {"type": "welcome", "session_id": "s1", "heartbeat_seconds": 20, "more": [], **lists}


def test_welcome_fills_every_list() -> None:
    view = told(welcome(offers=[offer()], jobs=[job("o2")], desk=[job("o3")], orders=[job("o4")], more=["desk"]))
    assert (set(view.offers), set(view.jobs), set(view.desk), set(view.orders)) == (
        {"o1"},
        {"o2"},
        {"o3"},
        {"o4"},
    )
    assert view.session_id == "s1"
    assert view.more == {"desk"}


@pytest.mark.parametrize("kind", ["welcome", "snapshot"])
def test_a_new_present_replaces_all_that_was_known(kind: str) -> None:
    view = told(welcome(offers=[offer()], jobs=[job("o2")]), {**welcome(offers=[offer("o9")]), "type": kind})
    assert set(view.offers) == {"o9"}
    assert view.jobs == {}


def test_what_is_to_be_said_of_an_offer_stands_in_it_wherever_it_was_told() -> None:
    say = {"zh-CN": "新的拖车订单。", "en": "New towing order."}
    view = told(welcome(offers=[offer(say=say)]), {"type": "offer", "order": offer("o2"), "say": say})
    assert view.offers["o1"] == offer(say=say)
    assert view.offers["o2"] == offer("o2", say=say)


def test_an_offer_told_anew_replaces_the_former() -> None:
    view = told({"type": "offer", "order": offer()}, {"type": "offer", "order": offer(version=4, round=2)})
    assert view.offers["o1"]["round"] == 2


def test_a_retracted_offer_is_gone() -> None:
    view = told({"type": "offer", "order": offer()}, {"type": "retract", "order_id": "o1", "reason": "taken"})
    assert view.offers == {}


def test_a_retract_of_something_unknown_changes_nothing() -> None:
    view = told(welcome(offers=[offer()]), {"type": "retract", "order_id": "o7", "reason": "taken"})
    assert set(view.offers) == {"o1"}


def test_won_turns_the_offer_into_a_job() -> None:
    verdict = {"type": "verdict", "order_id": "o1", "outcome": "won", "fence": 1, "job": job()}
    view = told(welcome(offers=[offer()]), verdict)
    assert view.offers == {}
    assert set(view.jobs) == {"o1"}


def test_won_of_what_was_cancelled_since_is_no_job() -> None:
    verdict = {
        "type": "verdict",
        "order_id": "o1",
        "outcome": "won",
        "fence": 1,
        "job": job(status="cancelled"),
    }
    assert told(verdict).jobs == {}


@pytest.mark.parametrize(
    ("outcome", "reason", "stays"),
    [
        ("taken", None, False),
        ("gone", "cancelled", False),
        ("refused", "declined", False),
        ("refused", "suspended", False),
        ("refused", "at_capacity", True),
        ("refused", "paused", True),
        ("refused", "unavailable", True),
        ("pending", None, True),
    ],
)
def test_what_a_lost_grab_leaves_of_the_offer(outcome: str, reason: str | None, stays: bool) -> None:
    verdict = {"type": "verdict", "order_id": "o1", "outcome": outcome, "reason": reason}
    view = told(welcome(offers=[offer()]), verdict)
    assert ("o1" in view.offers) is stays
    assert view.disorder == []


def test_an_outcome_that_the_protocol_does_not_know_is_noted() -> None:
    view = told({"type": "verdict", "order_id": "o1", "outcome": "perhaps"})
    assert "perhaps" in view.disorder[0]


def test_a_confirmed_decline_ends_the_offer() -> None:
    view = told(welcome(offers=[offer()]))
    view.hear({"type": "ok", "ref": "7"}, {"type": "decline", "order_id": "o1"})
    assert view.offers == {}


def test_an_ok_to_something_else_leaves_the_offer() -> None:
    view = told(welcome(offers=[offer()]))
    view.hear({"type": "ok", "ref": "7"}, {"type": "status", "status": "paused"})
    assert set(view.offers) == {"o1"}


def test_a_job_by_another_way_ends_the_offer() -> None:
    view = told(welcome(offers=[offer()]), {"type": "job", "order": job()})
    assert (view.offers, set(view.jobs)) == ({}, {"o1"})


def test_a_completed_job_is_held_no_more() -> None:
    view = told(welcome(jobs=[job()]), {"type": "job", "order": job(version=5, status="completed")})
    assert view.jobs == {}


def test_unjob_takes_the_job() -> None:
    assert told(welcome(jobs=[job()]), {"type": "unjob", "order_id": "o1", "reason": "reassigned"}).jobs == {}


def test_the_desk_shows_what_escalated_until_it_is_assigned() -> None:
    escalated = job(status="escalated", version=4)
    view = told({"type": "desk", "event": "escalated", "order": escalated})
    assert set(view.desk) == {"o1"}
    view.hear({"type": "desk", "event": "assigned", "order": job(version=5)})
    assert view.desk == {}


def test_the_desk_shows_what_stalls_in_a_hand_and_not_what_is_over() -> None:
    assert is_on_desk(job(stalled=True))  # type: ignore[arg-type]  # a plain dict stands for an Order
    assert not is_on_desk(job(stalled=True, status="completed"))  # type: ignore[arg-type]


def test_a_customer_sees_his_unfinished_orders() -> None:
    view = told({"type": "order", "order": job(status="open")})
    assert set(view.orders) == {"o1"}
    view.hear({"type": "order", "order": job(version=9, status="expired")})
    assert view.orders == {}


def test_a_version_that_goes_back_is_noted() -> None:
    view = told({"type": "offer", "order": offer(version=5)}, {"type": "offer", "order": offer(version=4)})
    assert "from version 5 to 4" in view.disorder[0]


def test_an_offer_older_than_its_retracted_forerunner_is_noted() -> None:
    gone = {"type": "retract", "order_id": "o1", "reason": "changed"}
    first, second = {"type": "offer", "order": offer(version=5)}, {"type": "offer", "order": offer(version=3)}
    assert told(first, gone, second).disorder


def test_a_version_that_stays_or_rises_is_in_order() -> None:
    view = told(welcome(jobs=[job()]), {"type": "job", "order": job()}, {"type": "job", "order": job(version=4)})
    assert view.disorder == []


def test_a_new_present_may_begin_below_what_was_heard() -> None:
    view = told({"type": "offer", "order": offer(version=9)}, welcome(offers=[offer(version=2)]))
    assert view.disorder == []


def test_unknown_messages_are_passed_over() -> None:
    assert told({"type": "weather", "order_id": "o1"}) == View()


def test_the_last_assignment_holds_only_while_the_status_says_so() -> None:
    assert holder(job()) == "v-1"  # type: ignore[arg-type]
    assert holder(job(status="escalated")) is None  # type: ignore[arg-type]
