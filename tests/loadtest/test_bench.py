"""The bench: what it shrinks, how it tells what failed, which files it writes, how it ends."""

import asyncio
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from loadtest.bench import FEWEST_AGENTS, account, interruptible, main, numbers, reason, show, shrunk, write
from loadtest.machine import Machine
from loadtest.modes.options import Options
from loadtest.page import Failure, Run
from loadtest.results import Figure, Percentiles, RatePoint, Result
from loadtest.storm import Mode

LATENCY = Percentiles(100, 6.1, 5.0, 9.0, 40.0, 61.3, 88.0)
RUN = Run(
    datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    480.0,
    False,
    Machine("Fast 9000", 2, 31.25, "Linux 6.8.0", "CPython 3.11.2", 0.25),
    {"Redis": "6.2.14"},
    (
        Result("mixed", latencies={"posted → offer": LATENCY}, curve=(RatePoint(100, 99.5, LATENCY),)),
        Result("deadlines", (Figure("late", "lateness, p99", "ms", 42, None, 100, "absolute"),), {"late": LATENCY}),
        Result("idle", (Figure("idle", "an idle session", "KiB", 9.5, None, 8, "absolute"),)),
    ),
    failures=(Failure("storm", "not done within 180 s"),),
    how={},
)

app = typer.Typer()
app.command()(main)


def test_a_quick_run_measures_a_real_server_and_writes_its_page(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "loadtest.bench", "--quick", "--only", "fanout", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = msgspec.json.decode((tmp_path / "benchmarks" / "results.json").read_bytes())
    assert (told["quick"], told["failures"]) == (True, [])
    assert {"Redis", "PostgreSQL"} <= told["versions"].keys()
    (result,) = told["results"]
    (figure,) = result["figures"]
    assert result["faults"] == []
    assert figure["detail"]["messages"] >= FEWEST_AGENTS
    assert figure["value"] > 0
    page = (tmp_path / "benchmarks.md").read_text()
    assert figure["title"] in page
    assert str(tmp_path) not in page


@pytest.mark.parametrize("wrong", [["--only", "unheard-of"], ["--unknown"], ["--only"]])
def test_wrong_use_is_exit_code_2(wrong: list[str]) -> None:
    assert CliRunner().invoke(app, wrong).exit_code == 2


def test_the_help_says_that_an_unreached_figure_is_no_failure() -> None:
    told = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    assert "A figure that is not reached is a finding, not a failure" in told


def test_a_quick_look_is_smaller_and_still_large_enough_to_work() -> None:
    whole = Options(agents=2_000, orders=20_000, seconds=60.0)
    assert shrunk(whole) == Options(agents=200, orders=2_000, seconds=6.0)
    small = Options(agents=50, orders=0, seconds=1.0)
    assert shrunk(small) == small


def test_each_mode_gives_account_of_how_it_measures() -> None:
    accounts = {mode: account(mode) for mode in Mode}
    assert all(len(told.splitlines()) > 2 for told in accounts.values())
    assert len(set(accounts.values())) == len(accounts)


def test_a_reason_is_one_line_of_the_first_cause(tmp_path: Path) -> None:
    cause = ValueError("no answer, see /tmp/x/serve.log\nand more")
    told = reason(ExceptionGroup("unhandled errors", [ExceptionGroup("inner", [cause]), OSError("later")]))
    assert told == "ValueError: no answer, see …/x/serve.log"
    assert str(Path.cwd()) not in reason(ValueError(f"see {Path.cwd()}/here"))


def test_what_is_written_belongs_together(tmp_path: Path) -> None:
    told = write(RUN, tmp_path)
    assert told == tmp_path / "benchmarks.md"
    text = told.read_text()
    pictures = {"mixed-curve.png", "deadlines-percentiles.png"}
    assert {each.name for each in (tmp_path / "benchmarks").iterdir()} == {"results.json", *pictures}
    assert all(f"](benchmarks/{name})" in text for name in pictures)


def test_remarks_survive_a_rewrite(tmp_path: Path) -> None:
    remarks = tmp_path / "benchmarks" / "remarks.md"
    remarks.parent.mkdir()
    remarks.write_text("## idle\n\nTLS buffers.\n")
    for _ in range(2):
        assert "TLS buffers." in write(RUN, tmp_path).read_text()
    assert remarks.read_text() == "## idle\n\nTLS buffers.\n"


def test_the_numbers_are_complete() -> None:
    told = msgspec.json.decode(numbers(RUN))
    assert told["at"] == "2026-01-02T03:04:00Z"
    assert told["machine"]["cores"] == 2
    assert told["versions"] == {"Redis": "6.2.14"}
    assert told["failures"] == [{"mode": "storm", "error": "not done within 180 s"}]
    assert [result["mode"] for result in told["results"]] == ["mixed", "deadlines", "idle"]
    assert told["results"][2]["figures"][0]["reached"] is False


def test_the_table_is_printed_with_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    show(RUN)
    told = capsys.readouterr().out
    assert "failed" in told
    assert "reached" in told


def test_an_interrupt_cancels_once_and_lets_the_ending_end() -> None:
    """A child's signal handler would do the same with a terminal's Ctrl-C."""
    ended = []

    async def measuring() -> Run:
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.Event().wait()
            raise AssertionError("not cancelled")
        finally:
            signal.raise_signal(signal.SIGINT)
            for _ in range(10):
                await asyncio.sleep(0)
            ended.append("well")

    with pytest.raises(asyncio.CancelledError):
        interruptible(measuring())
    assert ended == ["well"]
