"""What a deployment says of the pages: taken as it is, or refused with one line that names the variable."""

import pytest

from admin_api.console import ConsoleTerms, Tiles
from server.page_settings import PageFault, terms

TILES = "https://tiles.example.com/{z}/{x}/{y}.png"


def test_nothing_said() -> None:
    assert terms({}, "") == ConsoleTerms(stream_url="", tiles=None)


@pytest.mark.parametrize(
    "url", ["wss://dispatch.example.com/v1/stream", "ws://[::1]:8001/v1/stream", "ws://10.0.0.5/s"]
)
def test_where_the_stream_is(url: str) -> None:
    assert terms({"DISPATCH_STREAM_URL": url}, "").stream_url == url


@pytest.mark.parametrize(
    "url",
    [
        "https://dispatch.example.com/v1/stream", "wss://dispatch.example.com", "wss:///v1/stream", "/v1/stream",
        "wss://u:p@dispatch.example.com/v1/stream", "wss://h:0/v1/stream", "wss://h:70000/v1/stream", "wss://[::1/s",
        "wss://h/v1/stream#x", "wss://h/v1/stream?token=1", "wss://h;script-src/v1", "wss://h h/v1", "wss://商家/v1",
        "wss://h/v1\n",
    ],
)  # fmt: skip
def test_where_the_stream_can_not_be(url: str) -> None:
    with pytest.raises(PageFault, match=r"^DISPATCH_STREAM_URL must be "):
        terms({"DISPATCH_STREAM_URL": url}, "")


def test_where_voice_notes_are() -> None:
    assert terms({}, "https://h:444/http").sounds_url == "https://h:444/http"


def test_tiles() -> None:
    said = {"DISPATCH_TILES_URL": TILES, "DISPATCH_TILES_ATTRIBUTION": "© 某某", "DISPATCH_TILES_CRS": "gcj02"}
    assert terms(said, "").tiles == Tiles(TILES, "© 某某", "gcj02")
    keyed = "http://tiles.example.com:8080/t?z={z}&x={x}&y={y}&key=a"
    assert terms({"DISPATCH_TILES_URL": keyed, "DISPATCH_TILES_CRS": ""}, "").tiles == Tiles(keyed, "", "wgs84")


@pytest.mark.parametrize(
    "url",
    [
        "https://tiles.example.com/", "https://tiles.example.com/{z}/{x}.png", "https://{s}.example.com/{z}/{x}/{y}.png",
        "https://tiles.example.com/{z}/{x}/{y}{r}.png", "ftp://tiles.example.com/{z}/{x}/{y}", "/{z}/{x}/{y}",
        "https://u@tiles.example.com/{z}/{x}/{y}", "https://tiles.example.com/{z}/{x}/{y}#a", TILES + "/{z}",
        "https://tiles.example.com; img-src *//{z}/{x}/{y}", "https://{z}/{x}/{y}", TILES + "\t", TILES + "}",
    ],
)  # fmt: skip
def test_no_tiles(url: str) -> None:
    with pytest.raises(PageFault, match=r"^DISPATCH_TILES_URL must be "):
        terms({"DISPATCH_TILES_URL": url}, "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DISPATCH_TILES_CRS", "bd09"),
        ("DISPATCH_TILES_ATTRIBUTION", "a\nb"),
        ("DISPATCH_TILES_ATTRIBUTION", "a" * 201),
    ],
)
def test_what_is_wrong_with_tiles(name: str, value: str) -> None:
    with pytest.raises(PageFault, match=f"^{name} must be "):
        terms({"DISPATCH_TILES_URL": TILES, name: value}, "")


@pytest.mark.parametrize("name", ["DISPATCH_TILES_CRS", "DISPATCH_TILES_ATTRIBUTION"])
def test_nothing_is_said_of_tiles_that_there_are_not(name: str) -> None:
    with pytest.raises(PageFault, match=f"^{name} does nothing without DISPATCH_TILES_URL$"):
        terms({name: "gcj02"}, "")
