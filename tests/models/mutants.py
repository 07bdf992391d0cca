"""Mutants: faults put into the server on purpose, to see that the model finds them.

Owns how a script, a statement or a rule is changed for a while. Invariant: a mutant whose original text is not there
any more is an error, never a silent no-op.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dispatch import eligibility, scripts
from dispatch.eligibility import WhyNot
from dispatch.reconcile import Reconciler
from dispatch.records import ledger

Mutant = Callable[[Path], AbstractContextManager[Any]]
"""Takes an empty folder."""


def _script(name: str, old: str, new: str) -> Mutant:
    @contextmanager
    def mutated(folder: Path) -> Iterator[None]:
        lua = folder / "lua"
        shutil.copytree(str(scripts.FOLDER), lua)
        path = lua / f"{name}.lua"
        original = path.read_text(encoding="utf-8")
        assert old in original, f"{name}.lua has changed"
        path.write_text(original.replace(old, new), encoding="utf-8")
        with patch.object(scripts, "FOLDER", lua):
            _forget_scripts()
            yield
        _forget_scripts()

    return mutated


def _forget_scripts() -> None:
    scripts.scripts.cache_clear()
    scripts._part.cache_clear()


def _statement(name: str, old: str, new: str) -> Mutant:
    original: str = getattr(ledger, name)
    assert old in original
    return lambda _: patch.object(ledger, name, original.replace(old, new))


def _no_survivors(_: Path) -> AbstractContextManager[Any]:
    async def survive(*_: object) -> None:
        """Takes nothing in."""

    return patch.object(Reconciler, "_survive", survive)


@contextmanager
def _any_epoch(folder: Path) -> Iterator[None]:
    async def share(*_: object) -> None:
        """Lets everything in."""

    unread = _statement("_WRITE", "t.epoch < shared.epoch", "false")
    with patch.object(ledger, "_share_epochs", share), unread(folder):
        yield


def _blind_to(reason: WhyNot) -> Mutant:
    def why_not(*values: Any) -> WhyNot | None:
        found = eligibility.why_not(*values)
        return None if found is reason else found

    return lambda _: patch("tests.models.play.why_not", why_not)


MUTANTS: Mapping[str, Mutant] = {
    "claim without the status": _script("claim", "if offered and HELD[f.status] then return 'taken' end", ""),
    "claim without the capacity": _script(
        "claim", ">= p.capacity then return 'refused at_capacity'", "> 99 then return ''"
    ),
    "claim forgets the holder": _script("claim", "if HELD[f.status] and f.agent_id == agent_id then", "if false then"),
    "a grab of the paused wins": _script("claim", "if not p.available then return 'refused paused' end", ""),
    "the car stays with nobody": _script(
        "release", "if from == STATUS.arrived or from == STATUS.working then", "if false then"
    ),
    "any fence moves a job": _script("progress", "f.fence ~= fence or", ""),
    "a job goes back": _script("progress", "if rank[step] < rank[f.status] then", "if false then"),
    "the paused are offered": _script("_match", "if not p.available then return 'paused' end", ""),
    "who released is offered it": _script("_match", "if has(f.released, agent_id) then return 'released' end", ""),
    "an old deadline escalates": _script("escalate", "or o.f.due_at ~= due_at", ""),
    "the desk is not left": _script(
        "_emit", "elseif o.was_on_desk then redis.call('ZREM', key('desk'), o.id) end", "end"
    ),
    "a repeat takes effect again": _script("_prelude", "if request == '' then return nil end", "do return nil end"),
    "two dispatchers at once": _script("close", "if taken_by_another(o.f, dispatcher_id) then", "if false then"),
    "the former holder gets it again": _script(
        "assign", "if previous ~= '' and not has(f.released, previous) then", "if false then"
    ),
    "restored with its old offers": _script(
        "restore", "redis.call('DEL', key('order', id), key('offers', id))", "redis.call('DEL', key('order', id))"
    ),
    "what a holder is told is for all": _script("note", "held and unshared or shared", "shared"),
    "any agent speaks to any order": _script("note", "not (held and f.agent_id == agent_id)", "false"),
    "a place is not looked at anew": _script("edit", "data.retracted = retract()", ""),
    "an older event undoes a newer": _statement("_WRITE", "WHERE orders.version < excluded.version", ""),
    "assignments do not end": _statement("_SETTLE", "assignments.fence < orders.fence OR", ""),
    "survivors are lost": _no_survivors,
    "a lost past comes back": _any_epoch,
    "declined does not count": _blind_to(WhyNot.DECLINED),
    "capacity does not count": _blind_to(WhyNot.AT_CAPACITY),
}
