"""A judge that finds nothing is worthless: each test breaks one promise and asks which fault is found."""

from dataclasses import replace

import pytest

from loadtest.judge import (
    GRACE_MS,
    ClientFacts,
    Fault,
    Won,
    ever_over_capacity,
    holdings,
    judge_server,
    judge_told,
)
from tests.loadtest.facts import NOW, event, kept, order, with_order, with_timeline


def rules(faults: list[Fault]) -> set[tuple[str, str]]:
    return {(each.rule, each.subject) for each in faults}


def told_of_kept_world() -> ClientFacts:
    won = [
        Won("done", "v-1", 1),
        Won("held", "v-1", 1),
        Won("passed_on", "v-2", 1),
        Won("passed_on", "v-3", 2),
    ]
    return ClientFacts(acknowledged={"done": 4, "open": 1, "desk": 2, "held": 3}, won=won)


def test_where_every_promise_is_kept_nothing_is_found() -> None:
    assert judge_server(kept()) == []
    assert judge_told(told_of_kept_world(), kept()) == []
    assert list(ever_over_capacity(kept())) == []


# Promise 1


def test_an_order_that_was_answered_and_is_unknown() -> None:
    told = replace(told_of_kept_world(), acknowledged={"vanished": 1})
    assert rules(judge_told(told, kept())) == {("lost order", "vanished")}


def test_a_change_that_was_answered_and_is_undone() -> None:
    told = replace(told_of_kept_world(), acknowledged={"done": 5})
    assert rules(judge_told(told, kept())) == {("lost change", "done")}


@pytest.mark.parametrize("status", ["assigned", "en_route", "arrived", "working"])
def test_a_held_order_that_nobody_holds(status: str) -> None:
    facts = with_timeline(
        with_order(kept(), order("held", status, 2)), "held", [event(1, "placed"), event(2, "opened")]
    )
    assert rules(judge_server(facts)) == {("nowhere", "held")}


def test_an_open_order_without_a_deadline() -> None:
    assert rules(judge_server(with_order(kept(), order("open", "open", 2, expires_at=None)))) == {("nowhere", "open")}


def test_an_open_order_whose_deadline_passed_unheeded() -> None:
    late = order("open", "open", 2, expires_at=NOW - GRACE_MS - 1)
    assert rules(judge_server(with_order(kept(), late))) == {("nowhere", "open")}
    in_grace = order("open", "open", 2, expires_at=NOW - GRACE_MS)
    assert judge_server(with_order(kept(), in_grace)) == []


def test_a_scheduled_order_whose_time_has_passed() -> None:
    late = order("later", "scheduled", 1, scheduled_at=NOW - 60_000)
    assert rules(judge_server(with_order(kept(), late))) == {("nowhere", "later")}


def test_an_escalated_order_that_is_not_at_the_desk() -> None:
    assert rules(judge_server(replace(kept(), desk={}))) == {("nowhere", "desk")}


def test_an_escalated_order_that_should_have_expired() -> None:
    late = order("desk", "escalated", 2, expires_at=NOW - 60_000)
    assert rules(judge_server(with_order(kept(), late))) == {("nowhere", "desk")}


def test_a_status_that_the_protocol_does_not_know() -> None:
    assert rules(judge_server(with_order(kept(), order("open", "limbo", 2)))) == {("nowhere", "open")}


# Promise 2


def test_two_agents_told_won_under_one_fence() -> None:
    told = told_of_kept_world()
    told.won.append(Won("done", "v-2", 1))
    assert rules(judge_told(told, kept())) == {("two winners", "done"), ("ghost", "done")}


def test_the_same_winner_may_hear_it_twice() -> None:
    told = told_of_kept_world()
    told.won.append(Won("done", "v-1", 1))
    assert judge_told(told, kept()) == []


def test_a_winner_whom_the_timeline_does_not_know() -> None:
    told = replace(told_of_kept_world(), won=[Won("passed_on", "v-2", 2), Won("vanished", "v-1", 1)])
    assert rules(judge_told(told, kept())) == {("ghost", "passed_on"), ("ghost", "vanished")}


def test_a_grab_of_what_somebody_held() -> None:
    stolen = [
        event(1, "opened"),
        event(2, "assigned", agent_id="v-2", fence=1, by="grab"),
        event(3, "seasoned"),
        event(4, "assigned", agent_id="v-3", fence=2, by="grab"),
        event(5, "progressed", step="en_route"),
    ]
    assert rules(judge_server(with_timeline(kept(), "passed_on", stolen))) == {("two holders", "passed_on")}


@pytest.mark.parametrize("fences", [(1, 1), (1, 3), (2, 3), (2, 1), (1, None)])
def test_fences_that_do_not_rise_by_one(fences: tuple[int, int | None]) -> None:
    timeline = [
        event(1, "opened"),
        event(2, "assigned", agent_id="v-2", fence=fences[0], by="grab"),
        event(3, "released"),
        event(4, "opened"),
        event(5, "assigned", agent_id="v-3", fence=fences[1], by="grab"),
    ]
    assert ("fences", "passed_on") in rules(judge_server(with_timeline(kept(), "passed_on", timeline)))


@pytest.mark.parametrize("said", [("v-9", 1), ("v-1", 2), None])
def test_an_assignment_that_the_timeline_contradicts(said: tuple[str, int] | None) -> None:
    facts = with_order(kept(), order("done", "completed", 4, said))
    assert rules(judge_server(facts)) == {("wrong assignment", "done")}


def test_an_agent_who_holds_more_than_he_may() -> None:
    facts = replace(kept(), capacity={**kept().capacity, "v-1": 0})
    assert rules(judge_server(facts)) == {("over capacity", "v-1")}


def test_what_the_desk_forced_on_him_does_not_count() -> None:
    forced = [
        event(1, "opened"),
        event(2, "placed"),
        event(3, "assigned", agent_id="v-1", fence=1, by="desk", force=True),
    ]
    facts = replace(with_timeline(kept(), "held", forced), capacity={**kept().capacity, "v-1": 0})
    assert judge_server(facts) == []


def test_a_holder_who_is_no_agent() -> None:
    capacity = {agent: most for agent, most in kept().capacity.items() if agent != "v-3"}
    assert rules(judge_server(replace(kept(), capacity=capacity))) == {("unknown agent", "v-3")}


def test_an_agent_who_once_held_too_much() -> None:
    overlapping = [
        event(1, "opened"),
        event(2, "placed"),
        event(3, "assigned", at=3500, agent_id="v-1", fence=1, by="grab"),
    ]
    faults = list(ever_over_capacity(with_timeline(kept(), "held", overlapping)))
    assert rules(faults) == {("once over capacity", "v-1")}


def test_a_job_taken_in_the_millisecond_in_which_another_ended_is_not_too_much() -> None:
    at_the_end = [
        event(1, "opened"),
        event(2, "placed"),
        event(3, "assigned", at=4000, agent_id="v-1", fence=1, by="grab"),
    ]
    assert list(ever_over_capacity(with_timeline(kept(), "held", at_the_end))) == []


def test_a_timeline_is_read_as_holdings() -> None:
    turns = [
        (each.agent_id, each.fence, each.until_at) for each in holdings("reassigned", kept().timelines["reassigned"])
    ]
    assert turns == [("v-2", 1, 3000), ("v-4", 2, None)]


# Promise 4


def test_a_gap_in_a_timeline() -> None:
    facts = with_timeline(kept(), "open", [event(1, "placed"), event(3, "opened")])
    [fault] = judge_server(facts)
    assert (fault.rule, fault.subject) == ("timeline", "open")
    assert "missing [2]" in fault.text


def test_a_version_twice_in_a_timeline() -> None:
    facts = with_timeline(kept(), "open", [event(1, "placed"), event(2, "opened"), event(2, "opened")])
    assert rules(judge_server(facts)) == {("timeline", "open")}


def test_a_timeline_that_ends_before_the_order() -> None:
    facts = with_timeline(kept(), "open", [event(1, "placed")])
    assert rules(judge_server(facts)) == {("timeline", "open")}


def test_a_timeline_that_went_on_since_the_order_was_read_is_no_fault() -> None:
    facts = with_timeline(kept(), "open", [*kept().timelines["open"], event(3, "widened")])
    assert judge_server(facts) == []


def test_an_order_that_no_engine_has_opened_yet_has_no_events() -> None:
    fresh = with_order(kept(), order("open", "open", 0, expires_at=NOW + 1))
    assert judge_server(with_timeline(fresh, "open", [])) == []


# What clients noted themselves


def test_leaks_disorder_and_surprises_are_faults() -> None:
    told = replace(told_of_kept_world(), leaks=["a phone"], disorder=["back to 3"], surprises=["500"])
    assert {each.rule for each in judge_told(told, kept())} == {"leak", "disorder", "unexpected"}
