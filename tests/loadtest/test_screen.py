"""The same numbers on a terminal and without one."""

import io

from rich.console import Console

from loadtest.ledger import Ledger
from loadtest.screen import Glance, Screen


def told(terminal: bool) -> str:
    ledger = Ledger(posted={f"o{n}" for n in range(7)}, outside=2, grab_ms=[900, 2000])
    ledger.saw({"id": "o1", "version": 1, "status": "open"})
    ledger.verdicts["won"] = 5
    out = io.StringIO()
    screen = Screen(ledger, Console(file=out, force_terminal=terminal, width=160))
    with screen.open():
        screen.show(Glance("replaying", "17:05", sessions=3, desk=4))
    screen.close(Glance("auditing"), "audit: ok [o1]")
    return out.getvalue()


def test_both_ways_tell_the_numbers_and_the_report() -> None:
    for text in (told(terminal=True), told(terminal=False)):
        for expected in (
            "17:05",
            "7 posted",
            "2 outside",
            "open 1",
            "p50 0.90 s, p95 2.00 s",
            "won 5",
            "[o1]",
        ):
            assert expected in text


def test_without_a_terminal_a_phase_is_one_line() -> None:
    assert "\x1b" not in told(terminal=False)
    assert told(terminal=False).splitlines()[0].startswith("replaying 17:05 | orders: 7 posted")
