"""Names and labels of a PromQL expression, and those that a process tells: enough to see that the first are among
the second.

No parser of the language: it knows selectors, groupings and functions, and refuses a word that is none of them.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from dispatch import metrics

TARGET = {"job", "instance"}
"""Labels that Prometheus adds when it scrapes."""
OTHERS: Mapping[str, set[str]] = {"up": set(), "python_gc_collections_total": {"generation"}}
"""Of Prometheus itself; and of its client library, which shows labels only with a value."""
FUNCTIONS = {
    "absent", "changes", "histogram_quantile", "increase", "max", "min_over_time", "rate", "sum", "topk",
}  # fmt: skip
WORDS = {"and", "or", "unless", "offset"}
_STRING = r'"(?:[^"\\]|\\.)*"'
_MATCHER = re.compile(rf"\s*(\w+)\s*(=~|!~|!=|=)\s*({_STRING})\s*")
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


class Selector(NamedTuple):
    metric: str
    matchers: tuple[tuple[str, str], ...]
    """Label and value, whatever the operator."""


class Parsed(NamedTuple):
    selectors: list[Selector]
    grouped: set[str]


def parse(expression: str) -> Parsed:
    """Raises ValueError for a word that is no metric's place, no function and no keyword."""
    grouped: set[str] = set()

    def group(found: re.Match[str]) -> str:
        grouped.update(part.strip() for part in found[1].split(","))
        return " "

    rest = re.sub(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", group, expression)
    rest = re.sub(r"\[[^\]]*\]", " ", rest)
    rest = re.sub(r"\boffset\s+\d+[smhd]", " ", rest)
    selectors = []
    for found in re.finditer(rf"([a-zA-Z_:][\w:]*)\s*(\(|\{{((?:[^{{}}\"]|{_STRING})*)\}})?", rest):
        name, follows, inner = found[1], found[2], found[3]
        if follows == "(":
            if name not in FUNCTIONS:
                raise ValueError(f"{name} is no function that is known here")
        elif name not in WORDS:
            selectors.append(Selector(name, tuple(_matchers(inner or ""))))
    if not selectors:
        raise ValueError(f"no metric in {expression!r}")
    return Parsed(selectors, grouped)


def _matchers(inner: str) -> Iterable[tuple[str, str]]:
    for part in filter(None, re.findall(rf"(?:[^,\"]|{_STRING})+", inner)):
        found = _MATCHER.fullmatch(part)
        if found is None:
            raise ValueError(f"{part!r} is no matcher")
        yield found[1], found[3][1:-1]


def told(exposition: str) -> dict[str, set[str]]:
    """Sample name → labels, of everything that a process tells, also where there is no value yet."""
    found = {name: set(names) for name, names in OTHERS.items()}
    for family in text_string_to_metric_families(exposition):
        for suffix in _SUFFIXES.get(family.type, ("",)):
            extra = {"le"} if suffix == "_bucket" else set()
            found.setdefault(family.name + suffix, {*own().get(family.name, ()), *extra})
    return found


def own() -> dict[str, tuple[str, ...]]:
    """Every metric of ours: the name that its samples begin with, and its labels."""
    return {each._name: each._labelnames for each in vars(metrics).values() if hasattr(each, "_labelnames")}


def faults(expression: str, known: Mapping[str, set[str]], values: Mapping[str, set[str]]) -> list[str]:
    """What is wrong with it, in words."""
    try:
        parsed = parse(expression)
    except ValueError as exc:
        return [str(exc)]
    found = [f"no metric {each.metric}" for each in parsed.selectors if each.metric not in known]
    for each in parsed.selectors:
        labels = known.get(each.metric, set()) | TARGET
        found += [f"{each.metric} has no label {label}" for label, _ in each.matchers if label not in labels]
        for label, value in each.matchers:
            wrong = set() if value.startswith("$") else set(value.split("|")) - values.get(label, set(value.split("|")))
            found += [f"{label} is never {word}" for word in sorted(wrong)]
    everywhere = set().union(*(known.get(each.metric, set()) for each in parsed.selectors)) | TARGET
    return found + [f"grouped by {label}, which none has" for label in sorted(parsed.grouped - everywhere)]
