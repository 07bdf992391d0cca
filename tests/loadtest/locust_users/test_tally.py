"""The tally: what it counts, that nothing is counted twice on its way to the master, and how it is worded."""

from collections import Counter

import pytest

from loadtest.locust_users.tally import COLUMNS, Tally, percentile, rounded


def counted() -> Tally:
    tally = Tally()
    for waited_ms in (100, 200, 300):
        tally.won(1, waited_ms)
    tally.won(2, 15_678)
    tally.verdicts.update({"valet: won": 3, "valet: taken": 1, "shop: won": 1})
    tally.desk["assign"] += 2
    tally.orders["posted"] += 5
    return tally


def test_rows_tell_waits_by_round_and_verdicts_by_role() -> None:
    rows = {row["what"]: row for row in counted().rows()}
    assert rows["posted → grabbed, all"] == {
        "what": "posted → grabbed, all", "count": 4, "share": "100.0%", "p50": 200, "p95": 15_700, "p99": 15_700,
        "most": 15_700,
    }  # fmt: skip
    assert rows["posted → grabbed, in round 1"]["share"] == "75.0%"
    assert rows["verdict, valet: won"] == {"what": "verdict, valet: won", "count": 3, "share": "75.0%"}
    assert rows["verdict, shop: won"]["share"] == "100.0%"
    assert rows["desk, assign"]["count"] == 2
    assert rows["order posted"]["count"] == 5


def test_what_workers_send_adds_up_on_the_master_and_leaves_them_empty() -> None:
    master, workers = Tally(), (counted(), counted())
    for worker in workers:
        master.merge(worker.drain())
        master.merge(worker.drain())
    assert all(worker == Tally() for worker in workers)
    both = counted()
    both.merge(counted().drain())
    assert master == both
    assert master.grab_ms["all"].total() == 8


def test_what_was_sent_is_not_changed_by_what_comes_later() -> None:
    tally = counted()
    sent = tally.drain()
    tally.won(1, 100)
    assert sum(sent["grab_ms"]["all"].values()) == 4


def test_a_tally_of_nothing_has_no_rows_and_still_a_head() -> None:
    assert Tally().rows() == []
    assert Tally().text().splitlines()[0].split("  ")[0] == "What"


def test_the_text_has_a_line_for_each_row() -> None:
    head, rule, *lines = counted().text().splitlines()
    assert all(title in head for _, title in COLUMNS)
    assert set(rule) == {"-"}
    assert len(lines) == len(counted().rows())
    assert lines[0].split()[-4:] == ["200", "15700", "15700", "15700"]


@pytest.mark.parametrize(("waited_ms", "kept"), [(-3, 0), (0, 0), (7.6, 8), (999, 999), (1234, 1230), (98_765, 98_800)])
def test_times_keep_three_digits(waited_ms: float, kept: int) -> None:
    assert rounded(waited_ms) == kept


def test_percentiles() -> None:
    times = Counter(range(1, 101))
    assert [percentile(times, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert percentile(Counter(), 0.5) == 0
