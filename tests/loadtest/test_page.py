"""The page of benchmarks: numbers, verdicts, what failed, what was written by hand."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from loadtest.machine import Machine
from loadtest.page import (
    FAILED,
    NOT_REACHED,
    REACHED,
    Failure,
    Run,
    compared,
    curve_table,
    figure_row,
    latency_table,
    limit_of,
    markdown,
    number,
    page,
    remarks_of,
    table_rows,
)
from loadtest.results import Figure, Percentiles, RatePoint, Result

MACHINE = Machine("Fast 9000", 2, 31.25, "Linux 6.8.0", "CPython 3.11.2", 0.25)
FIGURE = Figure("fanout", "fan-out to 2,000 sessions", "µs", 7.7, 7.0, 1.15, "ratio")
LATE = Figure("late", "lateness, p99", "ms", 42.0, None, 100, "absolute")
FLAT = Figure("flat", "CPU an order, 1,000 → 10,000 agents", "", 1.4, None, 1.25, "flat", {"small": 810.0, "of": "µs"})
LATENCY = Percentiles(20_000, 6.1, 5.0, 9.0, 40.0, 61.3, 88.0)
RESULT = Result(
    "mixed",
    (FIGURE, FLAT),
    {"posted → offer": LATENCY},
    (RatePoint(100, 99.5, LATENCY, {"grab → verdict": replace(LATENCY, p50=3.0)}), RatePoint(200, 150, LATENCY)),
    notes=("the rate was raised until the queue grew",),
    seconds=61.4,
)
RUN = Run(
    datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    480.0,
    False,
    MACHINE,
    {"Redis": "6.2.14", "PostgreSQL": "18.0"},
    (RESULT, Result("deadlines", (LATE,))),
    how={"mixed": "Everything at once.\n\nOrders are posted at rising rates.\n"},
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (2, "2"), (20_000, "20,000"), (1234.5, "1,234"), (99.94, "99.9"), (7.777, "7.78"), (0.01234, "0.0123")],
)
def test_a_number_has_the_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("figure", "limit", "told"),
    [
        (FIGURE, "≤ 1.15 × the floor", "1.10 ×"),
        (LATE, "≤ 100 ms", "42 ms"),
        (FLAT, "≤ 1.25 × the small case", "1.40 ×"),
        (replace(FIGURE, floor=None), "≤ 1.15 × the floor", "–"),
    ],
)
def test_a_limit_and_what_is_held_against_it(figure: Figure, limit: str, told: str) -> None:
    assert limit_of(figure) == limit
    assert compared(figure) == told


def test_a_figure_has_its_verdict_in_words() -> None:
    title, limit, floor, value, ratio, verdict = figure_row(FIGURE)
    assert (title, limit) == (FIGURE.title, "≤ 1.15 × the floor")
    assert (floor, value, ratio, verdict) == ("7 µs", "7.7 µs", "1.10 ×", REACHED)
    assert figure_row(FLAT)[-1] == NOT_REACHED
    assert figure_row(replace(FIGURE, floor=None))[-1] == NOT_REACHED


def test_a_failed_mode_has_a_line_with_its_error() -> None:
    rows = table_rows(replace(RUN, failures=(Failure("idle", "took longer than 60 s"),)))
    assert len(rows) == 4
    assert rows[-1][0] == "mode `idle`"
    assert "took longer than 60 s" in rows[-1]
    assert rows[-1][-1] == FAILED


def test_an_unreached_figure_is_no_failure_of_the_run() -> None:
    assert not RESULT.reached
    assert not RUN.failed


def test_a_failed_mode_and_a_broken_promise_are() -> None:
    assert replace(RUN, failures=(Failure("idle", "gone"),)).failed
    assert replace(RUN, results=(replace(RESULT, faults=("order 1: two holders",)),)).failed


def test_the_page_tells_date_machine_versions_and_commands() -> None:
    text = page(RUN, {}, {})
    assert "2026-01-02 03:04 UTC" in text
    for told in (
        "Fast 9000",
        "31.2 GiB",
        "Linux 6.8.0",
        "CPython 3.11.2",
        "| Redis | 6.2.14 |",
        "| PostgreSQL | 18.0 |",
    ):
        assert told in text
    assert "make bench ARGS='--only mixed --no-write'" in text
    assert "2 of 3 figures reached." in text
    assert "share its cores" in text


def test_a_mode_gives_account_of_itself() -> None:
    text = page(RUN, {}, {"mixed": [("latency over rate", "benchmarks/mixed.png")]})
    assert "## Everything at once (`mixed`)\n\nOrders are posted at rising rates.\n" in text
    assert "It took 61 s." in text
    assert "## `deadlines`\n" in text
    assert "![latency over rate](benchmarks/mixed.png)" in text
    assert "- the rate was raised until the queue grew" in text
    assert "- CPU an order, 1,000 → 10,000 agents: small 810, of µs." in text


def test_broken_promises_are_told_twice() -> None:
    text = page(replace(RUN, results=(replace(RESULT, faults=("order 1: two holders",)),)), {}, {})
    assert "Promises broken in: mixed." in text
    assert "- order 1: two holders" in text


def test_a_quick_or_partial_run_says_so() -> None:
    assert "--quick" not in page(RUN, {}, {})
    text = page(replace(RUN, quick=True, left_out=("idle", "storm")), {}, {})
    assert "`--quick`" in text
    assert "Left out: `idle`, `storm`." in text


def test_remarks_are_read_by_the_key_of_their_figure() -> None:
    written = (
        "# Remarks\n\nFor the writer.\n\n## flat\n\nRedis searches\nmore.\n\n## empty\n\n## late \n### inside\nfine\n"
    )
    assert remarks_of(written) == {"flat": "Redis searches\nmore.", "late": "### inside\nfine"}
    assert remarks_of("") == {}


def test_a_remark_stands_with_its_figure() -> None:
    text = page(RUN, {"flat": "Redis searches more.", "unknown": "Lost."}, {})
    assert f"**{FLAT.title}** (not reached): Redis searches more." in text
    assert text.index("## Everything") < text.index("Redis searches more.") < text.index("## `deadlines`")
    assert "Lost." not in text


def test_latencies_are_rows_of_milliseconds() -> None:
    table = latency_table({"posted → offer": LATENCY})
    assert len(table.columns) == len(table.rows[0])
    assert table.rows[0] == ("posted → offer", "20,000", "6.1", "5", "9", "40", "61.3", "88")


def test_the_curve_as_numbers_has_a_column_for_each_latency() -> None:
    table = curve_table(RESULT)
    assert table.columns[2:] == (
        "posted → offer, p50 ms", "posted → offer, p99 ms", "grab → verdict, p50 ms", "grab → verdict, p99 ms",
    )  # fmt: skip
    assert table.rows == (("100", "99.5", "5", "40", "3", "40"), ("200", "150", "5", "40", "–", "–"))


def test_a_cell_can_not_break_its_table() -> None:
    lines = markdown(("a", "b"), [("x|y", "two\nlines")]).splitlines()
    assert lines == ["| a | b |", "|---|---|", "| x&#124;y | two lines |"]
