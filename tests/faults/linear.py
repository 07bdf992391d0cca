"""Whether overlapping operations could have happened one after another: the search of Wing & Gong, with Lowe's memory.

Knows nothing of orders: what an operation does to a state is the caller's `step`, which may name several successors
or none; `is_hopeless` may say early that an operation can not come after a state, nor after any that follows it;
`is_free` that it takes nothing away from those to come, so that to take it later can only be harder. An operation that
never returned may have taken effect at any time after its call, or never. Invariant: a configuration (what has
happened, the state it led to) is looked at once.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Generic, TypeVar

MOST_CONFIGURATIONS = 50_000
_HEAD = -1

What = TypeVar("What")
State = TypeVar("State", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Operation(Generic[What]):
    """`late`: there is no gain in taking it before its return. `kin`: those of one kin that never returned do the same
    to every state, so the one that was called first is tried for all of them."""

    called_at: int
    returned_at: int | None
    what: What
    late: bool = False
    kin: Hashable = None


class Answer(StrEnum):
    LINEARIZABLE = "linearizable"
    NONLINEARIZABLE = "nonlinearizable"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Finding:
    """`prefix`: the operations of an order that explains them, of the longest such order that was found; `stuck`: the
    one that must come next and can not. Both are positions in the list of operations that was checked."""

    answer: Answer
    configurations: int
    prefix: tuple[int, ...]
    stuck: int | None


def check(
    operations: Sequence[Operation[What]],
    initial: State,
    step: Callable[[State, What], Iterable[State]],
    is_hopeless: Callable[[State, What], bool] = lambda state, what: False,
    is_free: Callable[[State, State, What], bool] = lambda state, successor, what: False,
    most: int = MOST_CONFIGURATIONS,
) -> Finding:
    """After `most` configurations it is given up, undecided."""
    return _Search(operations, initial, step, is_hopeless, is_free).run(most)


class _Line:
    """Calls and returns by time, doubly linked; operation i is called at entry i and returns at entry n + i.
    What returns at the very moment of another's call overlaps it."""

    def __init__(self, operations: Sequence[Operation[What]]) -> None:
        self.count = count = len(operations)
        times = [(op.called_at, 0, i) for i, op in enumerate(operations)]
        times += [(op.returned_at, 1, count + i) for i, op in enumerate(operations) if op.returned_at is not None]
        chain = [_HEAD, *(entry for _, _, entry in sorted(times)), _HEAD]
        self._after = dict(pairwise(chain))
        self._before = {after: before for before, after in pairwise(chain)}

    def first(self) -> tuple[list[int], int | None]:
        """The calls before the first return, and whose return that is."""
        calls, entry = [], self._after[_HEAD]
        while 0 <= entry < self.count:
            calls.append(entry)
            entry = self._after[entry]
        return calls, None if entry == _HEAD else entry - self.count

    def lift(self, i: int) -> None:
        self._cut(i)
        if i + self.count in self._after:
            self._cut(i + self.count)

    def put_back(self, i: int) -> None:
        """The last that was lifted, with what stood around it then."""
        if i + self.count in self._after:
            self._join(i + self.count)
        self._join(i)

    def _cut(self, entry: int) -> None:
        before, after = self._before[entry], self._after[entry]
        self._after[before], self._before[after] = after, before

    def _join(self, entry: int) -> None:
        self._after[self._before[entry]] = self._before[self._after[entry]] = entry


class _Search(Generic[What, State]):
    def __init__(
        self,
        operations: Sequence[Operation[What]],
        initial: State,
        step: Callable[[State, What], Iterable[State]],
        is_hopeless: Callable[[State, What], bool],
        is_free: Callable[[State, State, What], bool],
    ) -> None:
        self._operations = operations
        self._step = step
        self._is_hopeless = is_hopeless
        self._is_free = is_free
        self._line = _Line(operations)
        self._state = initial
        self._done = 0
        self._left = sum(op.returned_at is not None for op in operations)
        self._path: list[tuple[int, State, Iterator[tuple[int, State]]]] = []
        self._seen: set[tuple[int, State]] = set()
        self._longest: tuple[int, ...] = ()
        self._stuck: int | None = None

    def run(self, most: int) -> Finding:
        moves = self._moves()
        while self._left:
            move = next(moves, None)
            if move is None:
                self._remember()
                if not self._path:
                    return self._finding(Answer.NONLINEARIZABLE)
                moves = self._back()
            elif len(self._seen) >= most:
                self._remember()
                return self._finding(Answer.UNDECIDED)
            else:
                moves = self._forward(*move, moves)
        return self._finding(Answer.LINEARIZABLE)

    def _forward(self, i: int, successor: State, moves: Iterator[tuple[int, State]]) -> Iterator[tuple[int, State]]:
        configuration = (self._done | 1 << i, successor)
        if configuration in self._seen:
            return moves
        self._seen.add(configuration)
        self._path.append((i, self._state, moves))
        self._line.lift(i)
        self._done, self._state = configuration
        self._left -= self._operations[i].returned_at is not None
        return self._moves()

    def _back(self) -> Iterator[tuple[int, State]]:
        i, self._state, moves = self._path.pop()
        self._line.put_back(i)
        self._done ^= 1 << i
        self._left += self._operations[i].returned_at is not None
        return moves

    def _remember(self) -> None:
        """Here it goes no further."""
        if len(self._path) > len(self._longest) or self._stuck is None:
            self._longest, self._stuck = tuple(i for i, *_ in self._path), self._line.first()[1]

    def _moves(self) -> Iterator[tuple[int, State]]:
        """What may come next. One that is free is the only move; those without an answer come last: most of
        them never took effect."""
        calls, returns = self._line.first()
        answered = sorted((i for i in calls if self._is_due(i, returns)), key=self._returned_at)
        if any(self._is_hopeless(self._state, self._operations[i].what) for i in answered):
            return iter(())
        found = []
        for i in answered:
            what = self._operations[i].what
            successors = tuple(self._step(self._state, what))
            if len(successors) == 1 and self._is_free(self._state, successors[0], what):
                return iter([(i, successors[0])])
            found += [(i, successor) for successor in successors]
        return self._with_unanswered(found, [i for i in calls if self._operations[i].returned_at is None])

    def _returned_at(self, i: int) -> int:
        return self._operations[i].returned_at or 0

    def _is_due(self, i: int, returns: int | None) -> bool:
        operation = self._operations[i]
        return operation.returned_at is not None and (not operation.late or i == returns)

    def _with_unanswered(self, found: list[tuple[int, State]], unanswered: list[int]) -> Iterator[tuple[int, State]]:
        yield from found
        for i in self._one_of_each_kin(unanswered):
            for successor in tuple(self._step(self._state, self._operations[i].what)):
                if successor != self._state:
                    yield i, successor

    def _one_of_each_kin(self, unanswered: list[int]) -> Iterator[int]:
        tried: set[Hashable] = set()
        for i in unanswered:
            kin = self._operations[i].kin
            if kin is None or kin not in tried:
                tried.add(kin)
                yield i

    def _finding(self, answer: Answer) -> Finding:
        prefix = tuple(i for i, *_ in self._path) if answer is Answer.LINEARIZABLE else self._longest
        stuck = None if answer is Answer.LINEARIZABLE else self._stuck
        return Finding(answer, len(self._seen), prefix, stuck)
