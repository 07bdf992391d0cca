"""The checker is tried on what must pass and on what must not: legal histories, and mutants of them that are wrong by
construction. Where a mutation could leave a legal history, it is not made."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.faults.history import Call, History
from tests.faults.linear import Answer
from tests.faults.order_histories import Gap, Story, overlap
from tests.faults.order_model import OrderModel, check, check_order

MUTANTS = 50
Mutation = Callable[[Story], bool]
"""Makes one history wrong, if it can; False: this one offers no place for it."""


def answer(story: Story, *, redis_lost_data: bool = False) -> Answer:
    return OrderModel(story.calls, redis_lost_data=redis_lost_data).find().answer


def wild_story(seed: int) -> Story:
    return Story(seed, unanswered=(0.0, 0.1, 0.3)[seed % 3], calls=(6, 12, 20)[seed // 3 % 3])


# --- what must pass -------------------------------------------------------------------------------------


def test_legal_histories_pass() -> None:
    assert [seed for seed in range(150) if answer(wild_story(seed)) is not Answer.LINEARIZABLE] == []


def test_many_hands_at_once_pass() -> None:
    stories = [Story(seed, calls=64, grabs=0.84, unanswered=0.05) for seed in range(12)]
    assert max(overlap(story.calls) for story in stories) >= 40
    assert [answer(story) for story in stories] == [Answer.LINEARIZABLE] * 12


def test_what_redis_lost_explains_what_was_said_meanwhile() -> None:
    """Without the flag the same histories are found wrong: it matters."""
    stories = [Story(seed, unanswered=0.4, calls=15, lossy=True) for seed in range(150)]
    assert [story for story in stories if answer(story, redis_lost_data=True) is not Answer.LINEARIZABLE] == []
    assert any(answer(story) is Answer.NONLINEARIZABLE for story in stories if story.lost)


# --- what must be found ---------------------------------------------------------------------------------


def fences_told(story: Story) -> Iterator[tuple[Call, int]]:
    """Who was answered that an agent got the order under this fence."""
    for call in story.calls:
        if call.outcome == "won" and "fence" in call.result:
            yield call, call.result["fence"]


def double_win(story: Story) -> bool:
    """One fence, two agents."""
    for winner, fence in fences_told(story):
        for loser in story.calls:
            if loser.outcome in ("taken", "refused") and loser.op == "grab" and loser.actor != winner.actor:
                loser.outcome, loser.result = "won", {"fence": fence}
                return True
    return False


def lost_win(story: Story) -> bool:
    """The only one who can have made him the holder is told `taken`, and yet he works under that fence."""
    for winner, fence in fences_told(story):
        agent = winner.actor
        grabs = [call for call in story.calls if call.op == "grab" and call.actor == agent and call is not winner]
        maybe = any(not call.outcome or call.result.get("fence") == fence for call in grabs)
        maybe |= any(call.result.get("reason") == "unavailable" for call in grabs)
        assigned = any(call.op == "assign" and call.args["agent_id"] == agent for call in story.calls)
        works = any(
            call.outcome == "ok" and call.actor == agent and call.args.get("fence") == fence for call in story.calls
        )
        if works and not maybe and not assigned:
            winner.outcome, winner.result = "taken", {}
            return True
    return False


def stale_read(story: Story) -> bool:
    """Asked after an answer that stands, it shows what was before it."""
    for winner, fence in fences_told(story):
        for read in story.calls:
            if read.op == "read" and winner.returned_at is not None and read.called_at > winner.returned_at:
                read.result = {"status": "open", "holder": None, "fence": fence - 1}
                return True
    return False


def read_of_an_older_version(story: Story) -> bool:
    """The face is right, the version went back."""
    shown = [call for call in story.calls if "version" in call.result and call.returned_at is not None]
    for first, later in itertools.permutations(shown, 2):
        if later.op == "read" and later.called_at > (first.returned_at or 0) and first.result["version"] > 1:
            later.result = {**later.result, "version": first.result["version"] - 1}
            return True
    return False


def wrong_fence(story: Story) -> bool:
    for winner, fence in fences_told(story):
        winner.result = {**winner.result, "fence": fence + 100}
        return True
    return False


def gone_before_anything_ended_it(story: Story) -> bool:
    """`gone escalated`, and whatever can escalate was asked later; `gone expired` where nothing expired."""
    for grab in story.calls:
        if grab.op == "grab" and grab.outcome in ("taken", "refused") and "after_retract" not in grab.args:
            early = [call for call in story.calls if call.called_at <= (grab.returned_at or 0)]
            reason = "expired" if len(story.calls) % 2 else "escalated"
            if not any(call.op in ("escalate", "release", "expire") for call in early):
                grab.outcome, grab.result = "gone", {"reason": reason}
                return True
    return False


def resurrection_by_read(story: Story) -> bool:
    """Cancelled and answered; then a read shows it open."""
    for cancel in story.calls:
        if cancel.op == "cancel" and cancel.outcome == "ok":
            for read in story.calls:
                if read.op == "read" and read.called_at > (cancel.returned_at or 0):
                    read.result = {**read.result, "status": "open", "holder": None}
                    return True
    return False


OVERLAPPING = [
    double_win, lost_win, stale_read, read_of_an_older_version, wrong_fence, gone_before_anything_ended_it,
    resurrection_by_read,
]  # fmt: skip


@pytest.mark.parametrize("mutation", OVERLAPPING, ids=lambda mutation: mutation.__name__)
def test_mutants_of_overlapping_calls_are_found(mutation: Mutation) -> None:
    assert_all_found(mutation, wild_story)


UNDONE_OR_NOT = [double_win, stale_read, read_of_an_older_version, wrong_fence, resurrection_by_read]


@pytest.mark.parametrize("mutation", UNDONE_OR_NOT, ids=lambda mutation: mutation.__name__)
def test_that_redis_lost_data_excuses_none_of_these(mutation: Mutation) -> None:
    assert_all_found(mutation, lambda seed: Story(seed, calls=8, lossy=True), redis_lost_data=True)


def assert_all_found(mutation: Mutation, story_of: Callable[[int], Story], *, redis_lost_data: bool = False) -> None:
    found = 0
    for seed in range(2000):
        story = story_of(seed)
        if mutation(story):
            assert answer(story, redis_lost_data=redis_lost_data) is Answer.NONLINEARIZABLE, seed
            found += 1
        if found == MUTANTS:
            return
    raise AssertionError(f"{mutation.__name__} was possible in {found} histories only")


# --- one wrong answer in a gap, where a read has just shown the only state that is possible ------------------


def told(story: Story, gap: Gap, op: str, actor: str, outcome: str, result: Mapping[str, Any], **args: Any) -> bool:
    story.calls.append(Call("o-1", op, actor, gap.at + 100, args, gap.at + 200, outcome, dict(result)))
    return True


def taken_while_open(story: Story, gap: Gap) -> bool:
    return gap.view["status"] == "open" and told(story, gap, "grab", "a-0", "taken", {})


def gone_while_open(story: Story, gap: Gap) -> bool:
    return gap.view["status"] == "open" and told(story, gap, "grab", "a-0", "gone", {"reason": "cancelled"})


def holder_told_taken(story: Story, gap: Gap) -> bool:
    return bool(gap.view["holder"]) and told(story, gap, "grab", gap.view["holder"], "taken", {})


def holder_refused(story: Story, gap: Gap) -> bool:
    told_of = {"reason": "not_offered"}
    return bool(gap.view["holder"]) and told(story, gap, "grab", gap.view["holder"], "refused", told_of)


def second_holder(story: Story, gap: Gap) -> bool:
    won = {"fence": gap.view["fence"] + 1}
    return bool(gap.view["holder"]) and told(story, gap, "grab", "a-stranger", "won", won)


def same_win_under_another_fence(story: Story, gap: Gap) -> bool:
    won = {"fence": gap.view["fence"] + 1}
    return bool(gap.view["holder"]) and told(story, gap, "grab", gap.view["holder"], "won", won)


def win_after_cancel(story: Story, gap: Gap) -> bool:
    won = {"fence": gap.view["fence"] + 1}
    return gap.view["status"] == "cancelled" and told(story, gap, "grab", "a-0", "won", won)


def assign_after_cancel(story: Story, gap: Gap) -> bool:
    return gap.view["status"] == "cancelled" and told(story, gap, "assign", "d-1", "ok", {}, agent_id="a-0")


def conflict_for_a_holder_who_goes_on(story: Story, gap: Gap) -> bool:
    work = {"fence": gap.view["fence"], "step": "completed"}
    return bool(gap.view["holder"]) and told(story, gap, "progress", gap.view["holder"], "conflict", {}, **work)


def stale_fence_for_the_right_one(story: Story, gap: Gap) -> bool:
    work = {"fence": gap.view["fence"], "step": "completed"}
    return bool(gap.view["holder"]) and told(story, gap, "progress", gap.view["holder"], "stale_fence", {}, **work)


def work_under_an_old_fence(story: Story, gap: Gap) -> bool:
    work = {"fence": gap.view["fence"] - 1}
    return bool(gap.view["holder"]) and told(story, gap, "release", gap.view["holder"], "ok", {}, **work)


def unknown_to_its_client(story: Story, gap: Gap) -> bool:
    return told(story, gap, "read", "s-1", "not_found", {})


IN_A_GAP = [
    taken_while_open, gone_while_open, holder_told_taken, holder_refused, second_holder, same_win_under_another_fence,
    win_after_cancel, assign_after_cancel, conflict_for_a_holder_who_goes_on, stale_fence_for_the_right_one,
    work_under_an_old_fence, unknown_to_its_client,
]  # fmt: skip


@pytest.mark.parametrize("mutation", IN_A_GAP, ids=lambda mutation: mutation.__name__)
def test_wrong_answers_in_a_gap_are_found(mutation: Callable[[Story, Gap], bool]) -> None:
    """Without unanswered calls and timeouts, nothing is decided that does not stand in a gap."""
    assert_all_found(
        lambda story: any(mutation(story, gap) for gap in story.gaps),
        lambda seed: Story(seed, calls=8, unanswered=0.0, timeouts=False),
    )


# --- what PROTOCOL lets an answer be --------------------------------------------------------------------


def call(op: str, actor: str, called_at: int, outcome: str = "", result: Any = None, **args: Any) -> Call:
    returned_at = called_at + 5 if outcome else None
    return Call("o-1", op, actor, called_at, args, returned_at, outcome, result or {})


PLACED = call("place", "s-1", 0, "ok", {"status": "open", "holder": None, "fence": 0})
WON = call("grab", "a-1", 10, "won", {"fence": 1})


def passes(*calls: Call, redis_lost_data: bool = False) -> bool:
    return check_order(calls, redis_lost_data=redis_lost_data) is None


def test_the_holder_hears_the_same_again() -> None:
    assert passes(PLACED, WON, call("grab", "a-1", 20, "won", {"fence": 1}))
    assert not passes(PLACED, WON, call("grab", "a-1", 20, "won", {"fence": 2}))


def test_after_a_retract_its_reason_may_be_the_answer() -> None:
    released = call("release", "a-1", 20, "ok", {}, fence=1)
    for told_before in ({"after_retract": "taken"}, {"standing": "verdict taken"}, {"standing": "unjob reassigned"}):
        assert passes(PLACED, WON, released, call("grab", "a-2", 30, "taken", **told_before))
    for other in ({"after_retract": "escalated"}, {"standing": "offered"}, {}):
        assert not passes(PLACED, WON, released, call("grab", "a-2", 30, "taken", **other))


def test_losers_may_hear_of_a_win_that_does_not_stand_yet() -> None:
    """But nobody who asks after the win was answered may read what was before it."""
    win = Call("o-1", "grab", "a-1", 10, {}, 90, "won", {"fence": 1})
    lost = call("grab", "a-2", 20, "taken")
    old = {"status": "open", "holder": None, "fence": 0, "version": 2}
    assert passes(PLACED, win, lost, call("read", "s-1", 30, "ok", old))
    assert not passes(PLACED, win, lost, call("read", "s-1", 91, "ok", old))


def test_to_ask_again_is_no_answer() -> None:
    unsure = call("grab", "a-1", 10, "refused", {"reason": "unavailable"})
    assert passes(PLACED, unsure, call("grab", "a-2", 20, "taken"))
    assert passes(PLACED, unsure, call("grab", "a-2", 20, "won", {"fence": 1}))


def test_an_order_that_was_not_placed_is_not_open() -> None:
    early = Call("o-1", "grab", "a-1", -20, {}, -10, "won", {"fence": 1})
    assert not passes(PLACED, early)
    assert passes(call("read", "s-1", -20, "not_found"), PLACED)
    assert not passes(PLACED, call("read", "s-1", 20, "not_found"))


def test_a_scheduled_order_opens_by_itself() -> None:
    placed = call("place", "s-1", 0, "ok", {"status": "scheduled", "holder": None, "fence": 0})
    assert passes(placed, WON)
    assert passes(placed, call("read", "s-1", 10, "ok", {"status": "scheduled"}), call("grab", "a-1", 20, "won"))
    assert not passes(placed, WON, call("read", "s-1", 20, "ok", {"status": "scheduled"}))


def test_who_asks_for_long_may_be_shown_what_came_in_between() -> None:
    """An order that was placed at the first try; the repeat was answered while somebody worked at it."""
    result = {"status": "en_route", "holder": "a-1", "fence": 1, "version": 4, "tries": 11}
    placed = Call("o-1", "place", "s-1", 0, {}, 100, "ok", result)
    steps = [
        call("progress", "a-1", at, "ok", {}, fence=1, step=step) for at, step in ((20, "en_route"), (30, "arrived"))
    ]
    assert passes(placed, WON, *steps)
    assert not passes(placed, WON, steps[1])


def test_where_a_release_leads() -> None:
    for step, status in (("en_route", "open"), ("arrived", "escalated"), ("working", "escalated")):
        work = call("progress", "a-1", 20, "ok", {}, fence=1, step=step)
        for shown in ("open", "escalated"):
            result = {"status": shown, "holder": None, "fence": 1}
            assert passes(PLACED, WON, work, call("release", "a-1", 30, "ok", result, fence=1)) == (shown == status)


def test_steps_go_forward_and_may_be_said_again() -> None:
    arrived = call("progress", "a-1", 20, "ok", {}, fence=1, step="arrived")
    again = call("progress", "a-1", 30, "ok", {}, fence=1, step="arrived")
    back = call("progress", "a-1", 40, "ok", {}, fence=1, step="en_route")
    assert passes(PLACED, WON, arrived, again)
    assert not passes(PLACED, WON, arrived, back)
    assert passes(PLACED, WON, arrived, call("progress", "a-1", 40, "conflict", {}, fence=1, step="en_route"))


def test_notes_change_nothing_but_show_the_order() -> None:
    assert passes(PLACED, WON, call("edit", "s-1", 20, "ok", {"status": "assigned", "holder": "a-1", "fence": 1}))
    assert not passes(PLACED, WON, call("edit", "s-1", 20, "ok", {"status": "open", "holder": None, "fence": 0}))


def test_timeouts_explain_gone() -> None:
    gone = call("grab", "a-1", 20, "gone", {"reason": "escalated"})
    assert passes(PLACED, call("escalate", "", 10), gone)
    assert not passes(PLACED, gone)


def test_what_was_lost_with_redis_may_have_been_told() -> None:
    """A win that nobody was answered vanished; who lost against it was told so, and another wins."""
    win = Call("o-1", "grab", "a-1", 10, {}, 90, "taken")
    lost, later = call("grab", "a-2", 20, "taken"), call("grab", "a-3", 40, "won", {"fence": 1})
    assert passes(PLACED, win, lost, later, redis_lost_data=True)
    assert not passes(PLACED, win, lost, later)
    assert not passes(PLACED, lost, later, redis_lost_data=True)


# --- how it says so -------------------------------------------------------------------------------------


def test_the_explanation_names_what_is_needed_and_what_can_not_be() -> None:
    losers = [call("grab", f"a-{i}", 20, "taken") for i in range(5, 40)]
    second = call("grab", "a-2", 30, "won", {"fence": 2})
    fault = check_order([PLACED, WON, *losers, second])
    assert fault is not None
    assert (fault.answer, fault.calls) == (Answer.NONLINEARIZABLE, (PLACED, WON, second))
    assert "can not follow: 37" in fault.explanation
    assert "a-2 grab" in fault.explanation


def test_undecided_is_a_fault_and_says_so() -> None:
    fault = check_order(Story(3, calls=40).calls, most=5)
    assert fault is not None
    assert fault.answer is Answer.UNDECIDED
    assert "undecided after 5 configurations" in fault.explanation


def test_every_order_of_a_history_is_checked_by_itself() -> None:
    history = History()
    for order_id, fence in (("o-1", 1), ("o-2", 7)):
        history.ask(order_id, "place", "s-1").answer("ok", status="open", holder=None, fence=0)
        history.ask(order_id, "grab", "a-1").answer("won", fence=fence)
    assert [fault.order_id for fault in check(history)] == ["o-2"]


def test_an_unknown_call_is_an_error_of_the_recorder() -> None:
    with pytest.raises(ValueError, match="no such call"):
        check_order([call("paint", "s-1", 0, "ok")])
