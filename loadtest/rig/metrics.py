"""What `/metrics` says, as numbers.

Owns the reading of the exposition format as far as the measurements need it. Pure. Invariant: what several processes
count adds up; a sample that nobody gave is 0.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Self

_LINE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Labels = frozenset[tuple[str, str]]


class Samples:
    def __init__(self, values: Mapping[tuple[str, Labels], float]) -> None:
        self._values = values

    @classmethod
    def sum(cls, several: Iterable["Samples"]) -> Self:
        total: dict[tuple[str, Labels], float] = {}
        for each in several:
            for key, value in each._values.items():
                total[key] = total.get(key, 0.0) + value
        return cls(total)

    def since(self, earlier: "Samples") -> "Samples":
        return Samples({key: value - earlier._values.get(key, 0.0) for key, value in self._values.items()})

    def value(self, name: str, **labels: str) -> float:
        """The sum over all samples of that name which bear these labels, whatever others they bear."""
        asked = set(labels.items())
        return sum(value for (known, has), value in self._values.items() if known == name and asked <= has)

    def by(self, name: str, label: str) -> dict[str, float]:
        """The samples of a name by the value of one label."""
        found: dict[str, float] = {}
        for (known, has), value in self._values.items():
            if known == name:
                word = dict(has).get(label, "")
                found[word] = found.get(word, 0.0) + value
        return found


def parse(text: str) -> Samples:
    values: dict[tuple[str, Labels], float] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match:
            labels = frozenset(_LABEL.findall(match[2] or ""))
            values[match[1], labels] = float(match[3])
    return Samples(values)
