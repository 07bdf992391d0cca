"""`track`: the order's customer hears where the agent is who comes to him, on whichever node each is."""

from dispatch.events import Type
from dispatch.identity import Identity, Role
from dispatch.order import Customer, Status
from geo.crs import Crs, from_wgs84
from geo.point import Point
from realtime.session import CustomerSession
from realtime.telling import Telling
from tests.conftest import City
from tests.realtime.log import Log
from tests.realtime.nodes import node

AT = Point(31.23, 121.47)


async def test_from_en_route_on_the_customer_is_told(city: City) -> None:
    mine = f"c-{city.region}"
    async with node(city.dispatch) as here, node(city.dispatch) as there:
        _, valet = await here.valet(city, "v")
        order = await city.place(customer=Customer(mine))
        await valet.hear("offer")
        await valet.grab(order)
        customer, phone = await there.enter(mine, "customer"), await here.enter(mine, "customer", "msgpack")
        stranger = await there.enter(f"x-{city.region}", "customer")
        desk = await there.dispatcher(city)
        await valet.ask("progress", "ok", order_id=order.id, fence=1, step="en_route")
        await valet.hear("job")
        for client in (customer, phone):
            assert (await client.hear("order"))["order"]["status"] == "en_route"
        at = city.at(700)
        await valet.say("position", lat=at.lat, lon=at.lon)
        for client in (customer, phone):
            told = await client.hear("track")
            assert told == {"type": "track", "order_id": order.id, "lat": at.lat, "lon": at.lon, "at": told["at"]}
        await here.settled(city)
        await there.settled(city)
        for silent in (stranger, desk, valet):
            await silent.quiet()


def _session(crs: Crs = Crs.WGS84) -> CustomerSession:
    who = Identity("c-1", Role.CUSTOMER, None, 0)
    session = CustomerSession("s-1", who, crs, "customer:c-1", ("r",))
    session.lists([], False)
    session.resume()
    return session


def _tracked(log: Log) -> Telling:
    """As `signal` appends it."""
    telling = log.add(
        Type.TRACKED, Status.EN_ROUTE, order_id="", data={"order_id": "o-1", "lat": AT.lat, "lon": AT.lon}
    )
    return telling


def test_positions_are_in_the_sessions_coordinates_and_may_be_left_out() -> None:
    for crs in Crs:
        (said,) = _session(crs).hear(_tracked(Log()))
        expected = from_wgs84(AT, crs)
        assert (said.message["lat"], said.message["lon"], said.sheddable) == (expected.lat, expected.lon, True)


def test_it_is_encoded_once_for_all_sessions_of_a_coordinate_system() -> None:
    telling = _tracked(Log())
    assert _session().hear(telling)[0] is _session().hear(telling)[0]


def test_no_position_comes_before_the_present_or_an_order_that_waits() -> None:
    log = Log()
    session = _session()
    session.doubt()
    assert session.hear(_tracked(log)) == []
    assert session.resume() == []
    session.wait("o-1")
    assert session.hear(_tracked(log)) == []
    assert session.go_on("o-1") == []
    assert len(session.hear(_tracked(log))) == 1
    session.close()
    assert session.hear(_tracked(log)) == []
