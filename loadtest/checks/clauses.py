"""The register of clauses: a sentence of PROTOCOL and the function that tries it.

Owns what a clause is, how one is declared and chosen. Runs nothing. Invariant: no two clauses bear the same
text in one section, so a line of the report names exactly one.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from loadtest.checks.corner import Corner

Check = Callable[..., Awaitable[None]]
C = TypeVar("C", bound=Check)


@dataclass(frozen=True, slots=True)
class Clause:
    """A sentence and its check; `given` are the arguments of one of several cases of the function."""

    section: str
    text: str
    check: Check
    slow: bool = False
    apart: bool = False
    given: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.check.__module__.rpartition('.')[2]}.{self.check.__name__}"

    @property
    def title(self) -> str:
        return f"{self.section} {self.text}"

    async def run(self, corner: Corner) -> None:
        await self.check(corner, **self.given)


class Register:
    def __init__(self) -> None:
        self._clauses: dict[tuple[str, str], Clause] = {}

    def clause(
        self, section: str, text: str, *, slow: bool = False, apart: bool = False, **given: Any
    ) -> Callable[[C], C]:
        """Declares the decorated check; several times with other `given` for several cases.

        `slow` is for what takes the better part of a minute by its nature; `apart` for what changes the regions, of
        which customers and dispatchers of all regions may be told by a `snapshot`: it is tried after all others.
        """

        def declare(check: C) -> C:
            declared = Clause(section, text, check, slow, apart, given)
            if (section, text) in self._clauses:
                raise ValueError(f"declared twice: {declared.title}")
            self._clauses[section, text] = declared
            return check

        return declare

    @property
    def clauses(self) -> list[Clause]:
        """By section, as declared within one; last those that are tried apart."""
        return sorted(self._clauses.values(), key=lambda each: (each.apart, each.section))


register = Register()
clause = register.clause


def chosen(
    clauses: Sequence[Clause], only: str | None = None, but: Sequence[str] = (), slow: bool = False
) -> list[Clause]:
    """Those that `only` is found in, by name or title, and none of `but`: regular expressions, any case."""

    def found(pattern: str, each: Clause) -> bool:
        return re.search(pattern, f"{each.name} {each.title}", re.IGNORECASE) is not None

    return [
        each
        for each in clauses
        if (slow or not each.slow)
        and (only is None or found(only, each))
        and not any(found(pattern, each) for pattern in but)
    ]
