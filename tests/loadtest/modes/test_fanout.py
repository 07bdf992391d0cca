"""The arithmetic of a message."""

from loadtest.modes.fanout import Spent
from loadtest.rig.usage import Usage


def test_a_message_costs_its_part_of_the_whole() -> None:
    spent = Spent(Usage(server=0.02, redis=0.001), Usage(server=0.016), 2_000)
    assert spent.us("server") == 10.0
    assert spent.us("redis") == 0.5
    assert spent.hub_us == 8.0
    assert Spent().us("server") == 0.0
