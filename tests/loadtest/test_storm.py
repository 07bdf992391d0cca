"""The command line, and one small storm against the real server: counts and promises, never speed."""

from pathlib import Path

import pytest
import typer

from loadtest.modes import nodes, storm
from loadtest.modes.options import Options, silent
from loadtest.rig import cast
from loadtest.rig.venue import started
from loadtest.storm import MEASUREMENTS, Mode, named_server, parse_codec, parse_rate

ORDERS = 6


def test_every_mode_has_its_measurement() -> None:
    assert MEASUREMENTS.keys() == set(Mode)


def test_a_rate_is_a_number_or_max() -> None:
    assert parse_rate("max") is None
    assert parse_rate("12.5") == 12.5
    for wrong in ("fast", "0", "-1", "nan", "inf"):
        with pytest.raises(typer.BadParameter):
            parse_rate(wrong)


def test_a_codec_is_one_of_two() -> None:
    assert parse_codec("msgpack") == "msgpack"
    with pytest.raises(typer.BadParameter):
        parse_codec("xml")


def test_a_named_server_needs_both_urls_its_secret_and_its_processes() -> None:
    assert named_server(None, None, None, []) is None
    found = named_server("http://h:1", "ws://h:2", "secret", [7, 8])
    assert found is not None
    assert (found.http_url, found.hubs[0].ws_url, found.roots) == ("http://h:1", "ws://h:2", [7, 8])
    for http, ws, secret in (("http://h:1", None, "s"), (None, "ws://h:2", "s"), ("http://h:1", "ws://h:2", None)):
        with pytest.raises(typer.BadParameter):
            named_server(http, ws, secret, [7])
    with pytest.raises(typer.BadParameter):
        named_server("http://h:1", "ws://h:2", "secret", [])


async def test_a_storm_on_two_nodes_gives_each_hand_a_verdict(tmp_path: Path) -> None:
    async with started(tmp_path, nodes.ROLES) as venue:
        found = await storm.run(venue, Options(agents=2 * cast.GROUP, orders=ORDERS, processes=2), silent)
    assert found.faults == ()
    cost, calls = found.figures
    assert cost.detail["orders"] == ORDERS
    assert cost.detail["verdicts"] == ORDERS * cast.GROUP
    assert cost.floor is not None
    assert cost.value > 0 < cost.floor
    assert calls.key == "script_calls_2"
    assert calls.detail["place"] == 1
    assert float(calls.detail["claim"]) >= 1
    assert found.latencies["first grab to won"].count == ORDERS
    assert found.latencies["order posted to offer heard"].count == ORDERS * cast.GROUP
