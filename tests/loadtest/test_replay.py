"""The replay's command line: what it refuses before anything is started."""

import pytest
import typer
from typer.testing import CliRunner

from loadtest.replay import Script, main

app = typer.Typer()
app.command()(main)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--http", "http://x"],
        ["--ws", "ws://x"],
        ["--http", "http://x", "--ws", "ws://x"],
        ["--http", "http://x", "--ws", "ws://x", "--secret", "s", "--stay"],
        ["--hours", "10-7"],
        ["--hours", "3-3.01"],
        ["--speed", "0"],
        ["--valets", "0"],
        ["--orders", "0"],
        ["--unknown"],
    ],
)
def test_wrong_use_is_exit_code_2(wrong: list[str]) -> None:
    assert CliRunner().invoke(app, wrong, env={"DISPATCH_SECRET": None}).exit_code == 2


def test_a_script_picks_its_hours_and_no_more_than_it_is_told() -> None:
    script = Script(speed=120, valets=1, shops=1, seed=1, hours=(7, 10), most_orders=25)
    pickups = script.pickups()
    assert len(pickups) == 25
    assert all(7 * 3600 <= each.at_s < 10 * 3600 for each in pickups)
    assert pickups == Script(60, 9, 9, 1, (7, 10), None).pickups()[:25]
