"""What is to be done once all is answered."""

from realtime.owed import Owed


def test_at_once_when_nothing_is_owed() -> None:
    owed, done = Owed[str](), list[str]()
    owed.asked("b")
    owed.settle("a", lambda: done.append("a"))
    assert done == ["a"]


def test_with_the_last_answer_and_once() -> None:
    owed, done = Owed[str](), list[str]()
    for _ in range(2):
        owed.asked("a")
    owed.settle("a", lambda: done.append("a"))
    owed.answered("a")
    assert done == []
    owed.answered("a")
    assert done == ["a"]
    owed.asked("a")
    owed.answered("a")
    assert done == ["a"]


def test_what_is_answered_leaves_nothing_behind() -> None:
    owed = Owed[int]()
    for i in range(100):
        owed.asked(i)
    assert len(owed) == 100
    for i in range(100):
        owed.answered(i)
    assert len(owed) == 0
