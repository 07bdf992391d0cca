"""The search itself, on a register: what brute force says it says, and it is quick where answers commute."""

from collections.abc import Sequence
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.linear import Answer, Operation, check

Act = tuple[str, int]
Acts = Sequence[Operation[Act]]


def register(state: int, act: Act) -> list[int]:
    """`write` sets, `read` shows, `maybe` may have set or not."""
    name, value = act
    match name:
        case "write":
            return [value]
        case "read":
            return [state] if state == value else []
    return [state, value]


def is_free(state: int, successor: int, act: Act) -> bool:
    return act[0] == "read" and successor == state


def by_brute_force(operations: Acts) -> bool:
    """Every choice of the unanswered, in every order that respects the times."""
    required = {i for i, op in enumerate(operations) if op.returned_at is not None}
    for size in range(len(required), len(operations) + 1):
        for order in permutations(range(len(operations)), size):
            if required <= set(order) and respects_times(operations, order) and explains(operations, order):
                return True
    return False


def respects_times(operations: Acts, order: Sequence[int]) -> bool:
    for place, later in enumerate(order):
        for earlier in order[:place]:
            returned_at = operations[later].returned_at
            if returned_at is not None and returned_at < operations[earlier].called_at:
                return False
    return True


def explains(operations: Acts, order: Sequence[int]) -> bool:
    states = {0}
    for i in order:
        states = {new for state in states for new in register(state, operations[i].what)}
    return bool(states)


acts = st.tuples(st.sampled_from(["write", "read", "maybe"]), st.integers(0, 2))
operation = st.builds(
    lambda at, lasts, act: Operation(at, None if lasts is None else at + lasts, act, kin=act),
    st.integers(0, 12),
    st.none() | st.integers(0, 6),
    acts,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(operation, max_size=5))
def test_agrees_with_brute_force(operations: list[Operation[Act]]) -> None:
    found = check(operations, 0, register, is_free=is_free)
    assert (found.answer is Answer.LINEARIZABLE) == by_brute_force(operations)


def test_an_explanation_is_one() -> None:
    operations = [Operation(0, 9, ("write", 1)), Operation(1, 8, ("read", 0)), Operation(2, 7, ("read", 1))]
    found = check(operations, 0, register)
    assert found.answer is Answer.LINEARIZABLE
    assert found.prefix == (1, 0, 2)
    assert found.stuck is None


def test_names_the_longest_prefix_and_what_can_not_follow() -> None:
    operations = [Operation(0, 1, ("write", 1)), Operation(2, 3, ("read", 1)), Operation(4, 5, ("read", 0))]
    found = check(operations, 0, register)
    assert (found.answer, found.prefix, found.stuck) == (Answer.NONLINEARIZABLE, (0, 1), 2)


def test_what_returns_at_the_moment_of_a_call_overlaps_it() -> None:
    assert check([Operation(0, 5, ("write", 1)), Operation(5, 6, ("read", 0))], 0, register).answer == "linearizable"
    assert check([Operation(0, 4, ("write", 1)), Operation(5, 6, ("read", 0))], 0, register).answer == "nonlinearizable"


def test_the_unanswered_may_take_effect_late_or_never() -> None:
    unanswered = Operation(0, None, ("write", 1))
    before, after = Operation(5, 6, ("read", 0)), Operation(7, 8, ("read", 1))
    assert check([unanswered, before, after], 0, register).answer is Answer.LINEARIZABLE
    assert check([unanswered, before], 0, register).answer is Answer.LINEARIZABLE
    assert check([unanswered, Operation(0, 4, ("read", 1)), before], 0, register).answer is Answer.NONLINEARIZABLE


def test_observations_that_commute_cost_one_configuration_each() -> None:
    """60 overlapping reads and a fault at the end: without the memory 2^60 orders, and all of them wrong."""
    reads = [Operation(i, 1000 + i, ("read", 0)) for i in range(60)]
    wrong = [*reads, Operation(2000, 2001, ("read", 1))]
    found = check(wrong, 0, register, is_free=is_free)
    assert found.answer is Answer.NONLINEARIZABLE
    assert found.configurations == 60


def test_of_one_kin_that_never_returned_the_first_is_tried_for_all() -> None:
    """Two who ask twenty times each, in vain, and a fault at the end: not 2^40 choices, but 21 x 21 a state."""
    asked = [Operation(i, None, ("write", 1 + i % 2), kin=1 + i % 2) for i in range(40)]
    found = check([*asked, Operation(100, 101, ("read", 9))], 0, register)
    assert found.answer is Answer.NONLINEARIZABLE
    assert found.configurations <= 3 * 21 * 21


def test_gives_up_undecided() -> None:
    writes = [Operation(i, 1000 + i, ("write", i)) for i in range(1, 30)]
    found = check([*writes, Operation(2000, 2001, ("read", 99))], 0, register, most=500)
    assert (found.answer, found.configurations) == (Answer.UNDECIDED, 500)


def test_a_thousand_operations_need_no_recursion() -> None:
    writes = [Operation(2 * i, 2 * i + 1, ("write", i)) for i in range(5000)]
    assert check(writes, 0, register).answer is Answer.LINEARIZABLE
