"""The Lua scripts: their texts, and the signatures that their headers declare.

Owns how a script is put together: parsed header, status words from the enums, prelude, the parts it `USES`,
body. Knows no connection. Invariant: header and call can not drift; a call with a missing or an unknown
name, or a script with a status that the enum lacks, fails before anything is sent.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import get_args

from dispatch.order import HELD, TERMINAL, Status
from dispatch.policy import AgentRole

FOLDER = files("dispatch") / "lua"
BY_ORDER = frozenset({"order", "offers"})
BY_AGENT = frozenset({"agent", "inbox", "jobs", "sessions"})
REGION_WIDE = frozenset({"log", "n", "deadlines", "desk", "hall", "seen", "session", "connected", "unsent", "lease"})
COMMON_ARGS = ("region", "epoch", "request")

Argument = str | int | float | bytes


def key(region: str, name: str, member: str | None = None) -> str:
    """A key of the region's slot; the same rule as `key` in the prelude."""
    return f"{name}:{{{region}}}" if member is None else f"{name}:{{{region}}}:{member}"


class Script:
    """One transition or reading. `keys` and `args` are the names of its header, in order."""

    def __init__(self, name: str, body: str) -> None:
        self.name = name
        self.keys = _header(body, "KEYS")
        self.args = _header(body, "ARGV")
        self.text = _assemble(self.keys, self.args, _header(body, "USES"), body)
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        self.keeps_requests = "replayed()" in body
        _check_words(name, self.text)

    def bind(
        self, region: str, epoch: int | str, request: str, values: Mapping[str, Argument]
    ) -> tuple[list[str], list[Argument]]:
        """KEYS and ARGV of one call; raises TypeError when `values` are not the header's names."""
        if values.keys() != set(self.args):
            raise TypeError(f"{self.name} takes {self.args}, not {tuple(values)}")
        keys = [key(region, name, self._member(name, values)) for name in self.keys]
        return keys, [region, epoch, request, *(values[name] for name in self.args)]

    def _member(self, name: str, values: Mapping[str, Argument]) -> str | None:
        if name in BY_ORDER:
            return str(values["order_id"])
        if name in BY_AGENT:
            return str(values["agent_id"])
        return None


@cache
def scripts(shebang: bool = False) -> Mapping[str, Script]:
    """All scripts by name. `shebang`: Redis ≥ 7 refuses an out-of-memory script before its first write
    only when it begins with `#!lua`; 6.2 does not know that line."""
    found = {}
    for path in FOLDER.iterdir():
        if path.name.endswith(".lua") and not path.name.startswith("_"):
            name = path.name.removesuffix(".lua")
            found[name] = Script(name, path.read_text(encoding="utf-8"))
    if shebang:
        for script in found.values():
            script.text = "#!lua\n" + script.text
            script.sha = hashlib.sha1(script.text.encode(), usedforsecurity=False).hexdigest()
    return found


def _header(body: str, word: str) -> tuple[str, ...]:
    match = re.search(rf"^-- {word}: *(.*)$", body, re.MULTILINE)
    return tuple(match.group(1).split()) if match else ()


def _assemble(keys: tuple[str, ...], args: tuple[str, ...], uses: tuple[str, ...], body: str) -> str:
    unknown = set(keys) - BY_ORDER - BY_AGENT - REGION_WIDE
    if unknown:
        raise ValueError(f"unknown keys {unknown}")
    names = (*COMMON_ARGS, *args)
    lines = [
        f"local {', '.join(names)} = {', '.join(f'ARGV[{i}]' for i in range(1, len(names) + 1))}",
        f"local {', '.join(f'{k}_key' for k in keys)} = {', '.join(f'KEYS[{i}]' for i in range(1, len(keys) + 1))}",
        f"local STATUS = {{{', '.join(f'{s.value}={s.value!r}' for s in Status)}}}",
        f"local HELD = {{{', '.join(f'{s.value}=true' for s in HELD)}}}",
        f"local ROLES = {{{', '.join(map(repr, get_args(AgentRole)))}}}",
        f"local TERMINAL = {{{', '.join(f'{s.value}=true' for s in TERMINAL)}}}",
    ]
    parts = (_part("prelude"), *(_part(part) for part in uses))
    return "\n".join((*lines, *parts, body))


@cache
def _part(name: str) -> str:
    return (FOLDER / f"_{name}.lua").read_text(encoding="utf-8")


def _check_words(name: str, text: str) -> None:
    """A misspelt status would be nil in Lua and compare equal to nothing."""
    unknown = set(re.findall(r"STATUS\.(\w+)", text)) - {status.value for status in Status}
    if unknown:
        raise ValueError(f"{name}.lua names statuses that do not exist: {unknown}")
