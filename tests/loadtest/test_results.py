"""Verdicts of figures, percentiles, and the JSON form."""

from pathlib import Path

import msgspec
import pytest

from loadtest.results import Figure, LimitKind, Percentiles, RatePoint, Result, Table, histogram, read, record_ns, write


def figure(value: float, floor: float | None, limit: float, kind: LimitKind) -> Figure:
    return Figure("k", "A title", "µs", value, floor, limit, kind)


@pytest.mark.parametrize(
    ("found", "reached"),
    [
        (figure(11.5, 10.0, 1.15, "ratio"), True),
        (figure(11.6, 10.0, 1.15, "ratio"), False),
        (figure(1.0, None, 1.15, "ratio"), False),
        (figure(1.0, 0.0, 1.15, "ratio"), False),
        (figure(8.0, None, 8.0, "absolute"), True),
        (figure(8.1, 100.0, 8.0, "absolute"), False),
        (figure(1.25, None, 1.25, "flat"), True),
        (figure(1.26, None, 1.25, "flat"), False),
    ],
)
def test_a_figure_is_reached_up_to_its_limit(found: Figure, reached: bool) -> None:
    assert found.reached is reached


def test_a_ratio_needs_a_floor() -> None:
    assert figure(30.0, 10.0, 5.0, "ratio").ratio == 3.0
    assert figure(30.0, None, 5.0, "absolute").ratio is None


def test_percentiles_are_milliseconds() -> None:
    found = histogram()
    for each in range(1, 1001):
        record_ns(found, each * 1_000_000)
    told = Percentiles.of(found)
    assert told.count == 1000
    assert told.p50 == pytest.approx(500, rel=0.002)
    assert told.p99 == pytest.approx(990, rel=0.002)
    assert told.most == pytest.approx(1000, rel=0.002)


def test_histograms_of_several_processes_add_up() -> None:
    one, other = histogram(), histogram()
    record_ns(one, 1_000_000)
    record_ns(other, 3_000_000)
    one.decode_and_add(other.encode())
    told = Percentiles.of(one)
    assert told.count == 2
    assert told.most == pytest.approx(3.0, rel=0.002)


def test_times_beyond_the_range_are_kept_at_its_ends() -> None:
    found = histogram()
    record_ns(found, -5)
    record_ns(found, 10**15)
    assert Percentiles.of(found).count == 2


def test_no_times_are_no_error() -> None:
    assert Percentiles.of(histogram()).count == 0


def test_a_broken_promise_outweighs_every_figure() -> None:
    good = figure(1.0, None, 2.0, "absolute")
    assert Result("storm", (good,)).reached
    assert not Result("storm", (good,), faults=("two holders",)).reached
    assert not Result("storm", (good, figure(3.0, None, 2.0, "absolute"))).reached


def test_results_are_written_and_read_again(tmp_path: Path) -> None:
    found = histogram()
    record_ns(found, 2_000_000)
    latency = Percentiles.of(found)
    result = Result(
        "storm", (figure(11.0, 10.0, 1.15, "ratio"),), {"grab": latency}, (RatePoint(10.0, 9.5, latency),),
        (Table("CPU", ("part", "µs"), (("server", "1.0"),)),), ("a note",), ("a fault",), 1.5,
    )  # fmt: skip
    path = tmp_path / "results.json"
    write(path, [result])
    assert read(path) == [result]
    line = msgspec.json.decode(path.read_bytes())[0]["figures"][0]
    assert (line["ratio"], line["reached"]) == (1.1, True)
