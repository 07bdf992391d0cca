"""The schedule for itself, and some faults on the whole stand: each is healed and recorded."""

import random
import time
from collections.abc import AsyncIterator
from itertools import islice

import pytest

from tests.faults.nemesis import ALWAYS, KINDS, Nemesis, deck
from tests.faults.stand import Stand, stand

ASKED_FOR = {
    *(f"{role}_{what}" for role in ("hub", "api", "engine") for what in ("killed", "stopped")),
    *("redis_killed", "redis_emptied", "redis_set_back", "redis_power_cut", "redis_clock"),
    *("redis_without_memory", "redis_without_disk", "postgres_killed", "postgres_away"),
    *(
        f"{place}_{what}"
        for place in ("redis", "postgres", "hub", "api")
        for what in ("delayed", "replies_dropped", "cut", "half_open")
    ),
    *("node_clock", "slow_readers", "reconnect_storm", "rolling_restart"),
}


def test_every_fault_that_was_asked_for_is_known() -> None:
    assert set(KINDS) >= ASKED_FOR


@pytest.mark.parametrize("seed", range(20))
def test_a_full_run_must_provoke_every_kind(seed: int) -> None:
    must, more = deck(random.Random(seed), quick=False)
    assert sorted(must) == sorted(KINDS)
    assert set(islice(more, len(KINDS))) == set(KINDS)


@pytest.mark.parametrize("seed", range(20))
def test_a_quick_run_must_provoke_some(seed: int) -> None:
    must, more = deck(random.Random(seed), quick=True)
    assert len(must) == len(ALWAYS)
    assert all(set(choice) & set(must) for choice in ALWAYS)
    assert set(must) <= KINDS.keys()
    assert next(more) in KINDS


def test_the_seed_decides() -> None:
    def drawn(seed: int) -> list[str]:
        must, more = deck(random.Random(seed), quick=False)
        return [*must, *islice(more, 50)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


@pytest.fixture(scope="module")
async def everything(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    async with stand(tmp_path_factory.mktemp("stand"), seed=1) as found:
        yield found


async def test_faults_touch_what_there_is(everything: Stand) -> None:
    """Else two that do not go together would be provoked together."""
    for quick in (True, False):
        nemesis = Nemesis(everything, random.Random(3), quick)
        for kind in KINDS:
            fault = nemesis.draw(kind)
            assert fault.kind == kind
            assert fault.touches
            assert fault.touches <= everything.everything
            assert 0 < fault.hold_s <= 60
            assert fault.loses_data == (kind in ("redis_emptied", "redis_set_back"))
            assert (fault.clock_ms != 0) == (kind in ("redis_clock", "node_clock"))


async def test_two_faults_at_once_are_healed_and_recorded(everything: Stand) -> None:
    nemesis = Nemesis(everything, random.Random(4), quick=True)
    began = time.monotonic_ns()
    await nemesis.provoke(nemesis.draw("redis_set_back"), nemesis.draw("hub_killed"), nemesis.draw("api_cut"))
    await nemesis.heal_all()
    assert nemesis.by_kind == {"redis_set_back": 1, "hub_killed": 1, "api_cut": 1}
    assert all(began < one.from_ns < one.until_ns < time.monotonic_ns() for one in nemesis.incidents)
    assert [one.kind for one in nemesis.incidents if one.loses_data] == ["redis_set_back"]
    for member in everything.members:
        assert await member.node.readiness() == "ok"
        assert not member.node.deaths


async def test_a_rolling_restart_ends_with_the_other_version_everywhere(everything: Stand) -> None:
    nemesis = Nemesis(everything, random.Random(5), quick=True)
    fault = nemesis.draw("rolling_restart")
    async with fault.trouble():
        sources = [member.node.source for member in everything.members]
        assert sources.count(everything.other_version) == len(sources) // 2
    await nemesis.heal_all()
    assert {member.node.source for member in everything.members} == {everything.other_version}
