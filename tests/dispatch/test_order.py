"""The status table of PROTOCOL §3."""

import pytest

from dispatch.order import CUSTODY, HELD, STEPS, TERMINAL, TRANSITIONS, Order, Status
from dispatch.state import new_state, order_of
from tests.dispatch.drafts import draft


def _order(**changes: str) -> Order:
    return order_of("01J", "r", new_state("towing", draft(), 1) | changes)


def test_every_status_stands_in_the_table() -> None:
    assert set(TRANSITIONS) == set(Status)


def test_nothing_leaves_a_terminal_status() -> None:
    assert {status for status, following in TRANSITIONS.items() if not following} == set(TERMINAL)


def test_every_unfinished_status_can_be_cancelled() -> None:
    assert {s for s, following in TRANSITIONS.items() if Status.CANCELLED in following} == set(Status) - set(TERMINAL)


@pytest.mark.parametrize("status", HELD)
def test_a_holder_skips_steps_forward_never_back(status: Status) -> None:
    ahead = set(STEPS[STEPS.index(status) + 1 :])
    assert TRANSITIONS[status] & set(STEPS) == ahead | {Status.ASSIGNED}  # `assigned` again: reassigned by the desk


@pytest.mark.parametrize("status", HELD)
def test_who_may_have_the_car_gives_it_back_to_the_desk(status: Status) -> None:
    back = TRANSITIONS[status] & {Status.OPEN, Status.ESCALATED}
    assert back == ({Status.ESCALATED} if status in CUSTODY else {Status.OPEN})


def test_only_what_waits_at_the_desk_expires() -> None:
    assert [s for s, following in TRANSITIONS.items() if Status.EXPIRED in following] == [Status.ESCALATED]


def test_the_card_is_shown_while_the_agent_holds_it() -> None:
    taken = {"agent_id": "v-1", "agent_role": "valet", "by": "grab", "fence": "1", "assigned_at": "5"}
    held, back = _order(status="working", **taken), _order(status="open", **taken)
    assert (held.held, held.holder) == (True, "v-1")
    assert (back.held, back.holder, back.agent) == (False, None, None)
    assert back.assignment is not None
    assert back.assignment.agent_id == "v-1"


@pytest.mark.parametrize(("released", "finisher"), [(",", "v-1"), (",v-2,", "v-1"), (",v-2,v-1,", None)])
def test_who_gave_it_back_did_not_finish_it(released: str, finisher: str | None) -> None:
    taken = {"agent_id": "v-1", "agent_role": "valet", "by": "grab", "fence": "1", "assigned_at": "5"}
    assert _order(status="completed", released=released, **taken).finisher == finisher
    assert _order(status="cancelled", released=released, **taken).finisher is None


def test_an_offer_ends_with_its_round_and_a_wait_with_the_desk() -> None:
    assert _order(status="open", due_at="7").expires_at == 7
    assert _order(status="escalated", due_at="7").expires_at == 7
    assert _order(status="assigned", due_at="7").expires_at is None
