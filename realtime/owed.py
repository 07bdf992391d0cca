"""Answers that are owed: who has asked something that is not answered yet.

Pure, and empty while nothing is under way. Invariant: what is to be done once all is answered is done exactly once, at
once when nothing is owed, else with the last answer.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Asker = TypeVar("_Asker", bound=Hashable)


class Owed(Generic[_Asker]):
    def __init__(self) -> None:
        self._open: dict[_Asker, int] = {}
        self._then: dict[_Asker, Callable[[], None]] = {}

    def __len__(self) -> int:
        """How many have asked."""
        return len(self._open)

    def asked(self, asker: _Asker) -> None:
        self._open[asker] = self._open.get(asker, 0) + 1

    def answered(self, asker: _Asker) -> None:
        left = self._open.pop(asker) - 1
        if left:
            self._open[asker] = left
        elif then := self._then.pop(asker, None):
            then()

    def settle(self, asker: _Asker, then: Callable[[], None]) -> None:
        """`then`, as soon as nothing is owed to him."""
        if asker in self._open:
            self._then[asker] = then
        else:
            then()
