"""What a session may complain of, and what it may not."""

from loadtest.judge import Event
from tests.faults.notebook import Heard
from tests.faults.told import SECOND_NS, sessions, strange_retracts, untold


def heard(at_s: float, kind: str, order_id: str = "", word: str = "", session: int = 1) -> Heard:
    return Heard(int(at_s * SECOND_NS), "app", session, kind, order_id, word=word)


def retracts(*told: Heard) -> int:
    return len(list(strange_retracts(sessions([heard(0, "welcome"), *told]))))


def missed(*told: Heard, at_s: float = 10, closed_s: tuple[float, float] = (0, 0)) -> int:
    timeline = {"o": [Event(2, "opened", int(at_s * 1000), {"agents": ["v-1", "v-2"]})]}
    begun, until = (int(each * SECOND_NS) for each in closed_s)
    return len(list(untold(sessions([heard(0, "welcome"), *told]), {"app": "v-1"}, timeline, 0, [(begun, until)])))


def test_a_retract_follows_its_offer() -> None:
    assert retracts(heard(1, "offer", "o"), heard(2, "retract", "o", "taken")) == 0
    assert retracts(heard(1, "welcome:offers", "o"), heard(2, "retract", "o", "taken")) == 0
    assert retracts(heard(2, "retract", "o", "taken")) == 1


def test_an_offer_ends_once() -> None:
    offer, retract = heard(1, "offer", "o"), heard(3, "retract", "o", "taken")
    assert retracts(offer, heard(2, "verdict", "o", "taken"), retract) == 1
    assert retracts(offer, heard(2, "verdict", "o", "refused at_capacity"), retract) == 0
    assert retracts(offer, heard(2, "job", "o"), retract) == 1
    assert retracts(offer, heard(2, "snapshot"), retract) == 1
    assert retracts(offer, heard(2, "retract", "o", "changed"), retract) == 1


def test_another_session_knows_nothing_of_it() -> None:
    assert retracts(heard(1, "offer", "o"), heard(2, "welcome", session=2), heard(3, "retract", "o", session=2)) == 1


def test_an_offer_that_never_came_is_missed() -> None:
    assert missed(heard(60, "offer", "another")) == 1
    assert missed(heard(11, "offer", "o"), heard(60, "offer", "another")) == 0


def test_whoever_was_told_the_present_since_has_missed_nothing() -> None:
    assert missed(heard(12, "snapshot"), heard(60, "offer", "another")) == 0
    assert missed(heard(5, "snapshot"), heard(60, "offer", "another")) == 1


def test_a_session_that_ended_soon_after_or_began_just_before_may_not_complain() -> None:
    assert missed(heard(12, "offer", "another")) == 0
    assert missed(heard(12, "offer", "another"), heard(60, "bye")) == 0
    assert missed(heard(60, "offer", "another"), at_s=1) == 0


def test_while_redis_is_in_trouble_nobody_can_be_told() -> None:
    """Patience begins when that is over."""
    another = heard(60, "offer", "another")
    assert missed(another, closed_s=(20, 45)) == 0
    assert missed(another, closed_s=(20, 35)) == 1
    assert missed(another, closed_s=(31, 45)) == 1, "it had been told long before"
