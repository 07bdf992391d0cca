"""How an offer is shown: what is said of it never tells what is private."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dispatch.identity import Identity, Role
from dispatch.order import Customer, Spot
from dispatch.view_examples import NOTE, OPEN
from geo.crs import Crs
from geo.point import Point
from tests.realtime.log import LINKS, NOW, SHOWING

SHOP = Identity("s-1", Role.SHOP, None, 0)
STANDS = Point(40.7, -74.0)

# Of letters that no template, number or name of a kind has: what is found can only have leaked.
SECRETS = st.text(alphabet="ÄÖÜßéèñçΩЖ沪粤鄂", min_size=1, max_size=20)
DETAILS = st.recursive(
    SECRETS | st.none() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(SECRETS, inner), max_leaves=5
)


@given(SECRETS, SECRETS, SECRETS, SECRETS, st.dictionaries(SECRETS, DETAILS, min_size=1, max_size=4))
def test_nothing_private_is_ever_said(
    name: str, phone: str, address: str, told: str, details: dict[str, object]
) -> None:
    """Two orders that differ in all that is private, the place within its area, too, are spoken of alike."""
    order = replace(
        OPEN,
        customer=Customer(name, name, phone),
        place=Spot(Point(OPEN.place.point.lat + 0.0001, OPEN.place.point.lon), address),
        destination=Spot(Point(1.0, 2.0), address),
        details=details,
        reason=told,
        voice_notes=(),
    )
    reader = SHOWING.reader(SHOP, Crs.WGS84)
    theirs, plain = SHOWING.offers([order, OPEN], reader, STANDS)
    assert theirs["say"] == plain["say"]
    letters = set(name + phone + address + told + str(details)) & set("ÄÖÜßéèñçΩЖ沪粤鄂")
    assert not letters & set("".join(theirs["say"].values()))


def test_a_reader_is_who_reads_now() -> None:
    reader = SHOWING.reader(SHOP, Crs.GCJ02)
    assert (reader.crs, reader.actor, reader.now_ms) == (Crs.GCJ02, "shop:s-1", NOW)
    assert reader.url(NOTE.id) == LINKS.url(NOTE.id, "shop:s-1", NOW)


def test_what_is_said_in_a_list_is_for_where_the_reader_stands() -> None:
    reader = SHOWING.reader(SHOP, Crs.WGS84)
    for stands, said in (
        (OPEN.place.point, "New towing order, less than 500 metres away, 180 yuan."),
        (Point(41.7, -74.0), "New towing order, more than 20 kilometres away, 180 yuan."),
        (None, "New towing order, 180 yuan."),
    ):
        (entry,) = SHOWING.offers([OPEN], reader, stands)
        assert entry["say"]["en"] == said
