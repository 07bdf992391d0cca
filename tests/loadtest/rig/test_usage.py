"""CPU and memory of process trees."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.rig.usage import Beside, Cost, Usage, has_offspring, measured, part_of, private_kib, private_of, trees

BURN = "import time\nuntil = time.process_time() + 0.3\nwhile time.process_time() < until: pass\n"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}], check=True)
print("done", flush=True)
sys.stdin.read()
"""


def test_usage_is_subtracted_and_added_by_part() -> None:
    later, earlier = Usage(5.0, 3.0, 2.0), Usage(1.0, 1.0, 1.5)
    spent = later.since(earlier)
    assert spent == Usage(4.0, 2.0, 0.5)
    assert spent.of("server", "redis") == 6.0
    assert spent.plus(earlier) == later
    assert spent.total == 6.5


def test_programs_are_told_apart() -> None:
    assert [part_of(name) for name in ("redis-server", "postgres", "python3", "valet-dispatch")] == [
        "redis", "postgres", "server", "server",
    ]  # fmt: skip


def test_a_child_that_ended_is_counted_with_its_parent() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "done\n"
        assert [each.pid for each in trees([parent.pid])] == [parent.pid]
        assert measured([parent.pid]).server >= 0.3
        parent.communicate()


def test_a_tree_named_twice_is_counted_once() -> None:
    own = os.getpid()
    assert [each.pid for each in trees([own, own])].count(own) == 1


def test_private_memory_is_clean_and_dirty_together() -> None:
    rollup = "00-ff ---p 0 00:00 0 [rollup]\nRss: 900 kB\nPrivate_Clean:  100 kB\nPrivate_Dirty: 20 kB\nSwap: 7 kB\n"
    assert private_of(rollup) == 120
    assert private_kib([os.getpid()]) > 1_000


@pytest.mark.parametrize(("program", "child", "has"), [
    ("redis-server", "sleep 60 & ", True), ("redis-server", "", False), ("postgres", "sleep 60 & ", False),
])  # fmt: skip
def test_redis_is_seen_to_write_its_file_anew(tmp_path: Path, program: str, child: str, has: bool) -> None:
    shell = shutil.which("sh")
    assert shell is not None
    (tmp_path / program).symlink_to(shell)
    script = f"{child} echo started; read line; kill $! 2>/dev/null"
    with subprocess.Popen(
        [tmp_path / program, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "started\n"
        assert has_offspring([parent.pid]) is has
        parent.communicate("\n")


def test_a_machine_that_became_slower_changes_no_ratio() -> None:
    before = Beside(Cost(cpu=3.0, count=1000), Cost(cpu=0.1, count=10_000))
    after = Beside(Cost(cpu=4.5, count=1000), Cost(cpu=0.15, count=10_000))
    assert before.ratio == pytest.approx(after.ratio) == pytest.approx(300.0)
