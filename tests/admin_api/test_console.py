"""The pages as a browser gets them: addresses, media types, the policy, caching, and what `settings.json` tells."""

import gzip
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from structlog.testing import capture_logs

from admin_api.app import build_app
from admin_api.console import Console, ConsoleTerms, Tiles, is_host
from admin_api.journal import Journal
from admin_api.page_files import PAGES, PageFiles
from admin_api.problems import on_http_error
from dispatch.assembly import Dispatch
from server.node import CONSOLE
from tests.admin_api.conftest import problem

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self' ws://dispatch.test:8001; media-src 'self' blob:; manifest-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
LONG = "/* 抢单 */\n" + "body { color: inherit; }\n" * 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A console of a few files, with a secret beside it."""
    (tmp_path / "secret.txt").write_text("not for you")
    console = tmp_path / "console"
    files = {
        "desk.html": "<!doctype html><title></title>",
        "login.html": "<!doctype html>",
        "worker.js": "self;",
        "desk/page.js": "export {};",
        "style/base.css": LONG,
        "text/en/kit.json": '{"kit.yes": "Yes"}',
        "valet.webmanifest": "{}",
        "icons/icon.svg": "<svg/>",
        "icons/icon.png": "PNG",
        "vendor/libraries.json": "[]",
        "vendor/lit-html/LICENSE": "BSD",
        "README.md": "# For people",
        "notes.py": "1",
        ".hidden.js": "1",
        ".git/config.txt": "1",
    }
    for name, text in files.items():
        (console / name).parent.mkdir(parents=True, exist_ok=True)
        (console / name).write_text(text)
    (console / "outside.txt").symlink_to(tmp_path / "secret.txt")
    (console / "inside.js").symlink_to(console / "worker.js")
    return console


@asynccontextmanager
async def browsing(
    folder: Path, terms: ConsoleTerms | None = None, url: str = "http://dispatch.test", stream_port: int = 8001
) -> AsyncIterator[httpx.AsyncClient]:
    """The console alone: it needs no database."""
    app = Starlette(
        routes=Console(folder, terms or ConsoleTerms(), stream_port).routes(),
        middleware=[Middleware(Journal)],
        exception_handlers={HTTPException: on_http_error},
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=url) as client:
        yield client


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with browsing(folder) as found:
        yield found


@pytest.mark.parametrize("path", ["/", "/console", "/console/"])
async def test_who_names_no_page_comes_to_the_login(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (307, "/console/login")


@pytest.mark.parametrize(
    ("path", "media"),
    [
        ("desk", "text/html; charset=utf-8"),
        ("login", "text/html; charset=utf-8"),
        ("worker.js", "text/javascript; charset=utf-8"),
        ("desk/page.js", "text/javascript; charset=utf-8"),
        ("style/base.css", "text/css; charset=utf-8"),
        ("text/en/kit.json", "application/json; charset=utf-8"),
        ("valet.webmanifest", "application/manifest+json; charset=utf-8"),
        ("icons/icon.svg", "image/svg+xml; charset=utf-8"),
        ("icons/icon.png", "image/png"),
        ("vendor/lit-html/LICENSE", "text/plain; charset=utf-8"),
        ("settings.json", "application/json"),
        ("inside.js", "text/javascript; charset=utf-8"),
    ],
)
async def test_whatever_is_served_bears_its_media_type_and_the_whole_policy(
    client: httpx.AsyncClient, path: str, media: str
) -> None:
    answer = await client.get(f"/console/{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-cache"
    allowed = {each for each in answer.headers["permissions-policy"].split(", ") if each.endswith("=(self)")}
    assert allowed == {f"{each}=(self)" for each in ("camera", "geolocation", "microphone", "screen-wake-lock")}


@pytest.mark.parametrize(
    "path",
    [
        "nothing.js", "shop", "desk.html", "desk/", "desk", "README.md", "notes.py", ".hidden.js", ".git/config.txt",
        "outside.txt", "..%2fsecret.txt", "%2e%2e/secret.txt", "style/%2e%2e/worker.js", "..%5csecret.txt", "style",
        "style/", "/worker.js", "//etc/passwd", "worker.js%00", "worker%0a.js", "worker.js/x", "style//base.css",
        "x" * 5000, "%E6%8A%A2.js",
    ],
)  # fmt: skip
async def test_anything_else_is_a_problem(folder: Path, path: str) -> None:
    if path == "desk":
        (folder / "desk.html").unlink()
    async with browsing(folder) as client:
        url = httpx.URL("http://dispatch.test").copy_with(raw_path=f"/console/{path}".encode())
        problem(await client.get(url), 404, "not_found")


@pytest.mark.parametrize(
    "path",
    ["../secret.txt", "style/../worker.js", "./worker.js", "/etc/passwd", "", ".", "..", "worker.js\n", "a\\b.js"],
)
def test_no_path_leads_out_of_the_folder(folder: Path, path: str) -> None:
    """Also those that a client, or a proxy, would have made straight before we see them."""
    files = PageFiles(folder)
    assert files.find(path) is None
    assert files.find("worker.js") is not None


async def test_no_page_is_written_to(client: httpx.AsyncClient) -> None:
    answer = await client.post("/console/desk")
    problem(answer, 405, "invalid")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    for path in ("/console/style/base.css", "/console/settings.json", "/console/desk"):
        head, got = await client.head(path), await client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert {**head.headers, "x-request-id": ""} == {**got.headers, "x-request-id": ""}


async def test_text_travels_compressed_where_that_is_wanted(client: httpx.AsyncClient) -> None:
    plain = await client.get("/console/style/base.css", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == LONG
    async with client.stream("GET", "/console/style/base.css", headers={"accept-encoding": "br, gzip"}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) == len(raw) < len(LONG) // 4
    assert gzip.decompress(raw).decode() == LONG
    assert plain.headers["etag"] != answer.headers["etag"]
    assert plain.headers["vary"] == answer.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(("wanted", "zipped"), [("gzip;q=0", False), ("gzip; q=0.5", True), ("", False), ("*", False)])
async def test_who_does_not_want_it_compressed_gets_it_plain(
    client: httpx.AsyncClient, wanted: str, zipped: bool
) -> None:
    answer = await client.get("/console/style/base.css", headers={"accept-encoding": wanted})
    assert ("content-encoding" in answer.headers) is zipped


async def test_what_is_small_or_a_picture_is_not_compressed(client: httpx.AsyncClient) -> None:
    for path in ("worker.js", "icons/icon.png"):
        assert "content-encoding" not in (await client.get(f"/console/{path}")).headers


@pytest.mark.parametrize("path", ["desk", "style/base.css", "settings.json"])
async def test_who_has_it_already_is_told_so(client: httpx.AsyncClient, path: str) -> None:
    tag = (await client.get(f"/console/{path}")).headers["etag"]
    for given in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = await client.get(f"/console/{path}", headers={"if-none-match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["content-security-policy"] == POLICY
    assert (await client.get(f"/console/{path}", headers={"if-none-match": '"x"'})).status_code == 200


async def test_an_edited_file_is_seen_at_the_next_look(folder: Path, client: httpx.AsyncClient) -> None:
    before, settings = await client.get("/console/worker.js"), (await client.get("/console/settings.json")).json()
    (folder / "worker.js").write_text("null;")
    os.utime(folder / "worker.js", ns=(1, 1))  # the clock of a file system may be coarse
    after = await client.get("/console/worker.js", headers={"if-none-match": before.headers["etag"]})
    assert (after.status_code, after.text) == (200, "null;")
    edited = (await client.get("/console/settings.json")).json()
    assert edited["version"] != settings["version"]
    (folder / "desk" / "more.js").write_text("1;")
    assert "/console/desk/more.js" in (await client.get("/console/settings.json")).json()["files"]
    (folder / "worker.js").unlink()
    problem(await client.get("/console/worker.js"), 404, "not_found")


async def test_settings_name_the_stream_and_the_files_of_the_shell(client: httpx.AsyncClient, folder: Path) -> None:
    settings = (await client.get("/console/settings.json")).json()
    assert re.fullmatch("[0-9a-f]{16}", settings.pop("version"))
    assert settings == {
        "stream": "ws://dispatch.test:8001/v1/stream",
        "tiles": None,
        "files": [
            "/console/desk", "/console/desk/page.js", "/console/icons/icon.png", "/console/icons/icon.svg",
            "/console/inside.js", "/console/login", "/console/style/base.css", "/console/text/en/kit.json",
            "/console/valet.webmanifest", "/console/worker.js",
        ],
    }  # fmt: skip
    for path in settings["files"]:
        assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("url", "port", "stream"),
    [
        ("http://dispatch.test:8000", 8001, "ws://dispatch.test:8001"),
        ("http://127.0.0.1:41000", 41001, "ws://127.0.0.1:41001"),
        ("http://[::1]:8000", 8001, "ws://[::1]:8001"),
        ("https://dispatch.test", 8001, "wss://dispatch.test"),
        ("https://dispatch.test:8443", 8001, "wss://dispatch.test:8443"),
    ],
)
async def test_the_stream_is_where_the_pages_are(folder: Path, url: str, port: int, stream: str) -> None:
    """Over https a proxy is in front, and has both behind one address."""
    async with browsing(folder, url=url, stream_port=port) as client:
        answer = await client.get("/console/settings.json")
    assert answer.json()["stream"] == f"{stream}/v1/stream"
    assert f"connect-src 'self' {stream};" in answer.headers["content-security-policy"]


async def test_a_deployment_may_say_where_the_stream_is(folder: Path) -> None:
    terms = ConsoleTerms(stream_url="wss://stream.example.com:444/v1/stream")
    async with browsing(folder, terms) as client:
        answer = await client.get("/console/settings.json", headers={"host": "not a host"})
    assert answer.json()["stream"] == terms.stream_url
    assert "connect-src 'self' wss://stream.example.com:444;" in answer.headers["content-security-policy"]


async def test_a_page_that_may_reach_something_else_is_another_version(folder: Path) -> None:
    """An installed page keeps its policy with its files: other terms of the deployment have to exchange it."""
    all_terms = (
        ConsoleTerms(),
        ConsoleTerms(stream_url="wss://stream.example.com/v1/stream"),
        ConsoleTerms(tiles=Tiles("https://tiles.example.com/{z}/{x}/{y}.png")),
    )
    versions = []
    for terms in (*all_terms, *all_terms):
        async with browsing(folder, terms) as client:
            versions.append((await client.get("/console/settings.json")).json()["version"])
    assert versions[:3] == versions[3:]
    assert len(set(versions)) == 3


async def test_tiles_are_told_and_let_in(folder: Path) -> None:
    terms = ConsoleTerms(tiles=Tiles("https://tiles.example.com:8/{z}/{x}/{y}.png?key=1", "© 某某", "gcj02"))
    async with browsing(folder, terms) as client:
        answer = await client.get("/console/settings.json")
    assert answer.json()["tiles"] == {
        "url": "https://tiles.example.com:8/{z}/{x}/{y}.png?key=1", "attribution": "© 某某", "crs": "gcj02",
    }  # fmt: skip
    assert "img-src 'self' data: https://tiles.example.com:8;" in answer.headers["content-security-policy"]


async def test_voice_notes_may_come_from_where_their_addresses_lead(folder: Path) -> None:
    """A page that was opened by another name of the server would be silent else."""
    async with browsing(folder, ConsoleTerms(sounds_url="https://dispatch.example.com/http")) as client:
        answer = await client.get("/console/desk")
    assert "media-src 'self' blob: https://dispatch.example.com;" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["desk", "settings.json"])
@pytest.mark.parametrize(
    "host",
    ["", "evil.example; script-src *", "a b", "a/b", "u@h", "a'b", "h:99999", "h:0", "h:", "-h", "*", "[::1", "h,g"],
)
async def test_what_is_no_host_comes_into_no_header(client: httpx.AsyncClient, path: str, host: str) -> None:
    answer = await client.get(f"/console/{path}", headers={"host": host})
    problem(answer, 400, "invalid")
    assert "content-security-policy" not in answer.headers


def test_hosts() -> None:
    for good in ("h", "h:1", "127.0.0.1:65535", "[::1]", "[fe80::1.2.3.4]:8000", "a-b.example."):
        assert is_host(good)


async def test_pages_are_not_worth_a_line_of_the_log(client: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        await client.get("/console/desk")
    assert [(line["log_level"], line["route"]) for line in lines] == [("debug", "/console/{path:path}")]


async def test_the_app_has_the_console_beside_the_rest(dispatch: Dispatch, folder: Path) -> None:
    async def readiness() -> dict[str, str]:
        return {}

    app = build_app(dispatch, console=Console(folder, ConsoleTerms(), 8001), readiness=readiness)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://dispatch.test") as client:
        assert (await client.get("/")).headers["location"] == "/console/login"
        assert (await client.get("/console/desk")).status_code == 200
        orders = await client.get("/v1/orders", headers={"accept-encoding": "gzip"})
        problem(orders, 401, "unauthenticated")
        described = await client.get("/openapi.json", headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in described.headers  # only the pages' files are compressed
        assert not any(path.startswith("/console") for path in described.json()["paths"])


def test_every_file_that_the_project_brings_is_served() -> None:
    files = PageFiles(CONSOLE).all()
    served = {each.path for each in files}
    brought = {each.relative_to(CONSOLE).as_posix() for each in CONSOLE.rglob("*") if each.is_file()}
    assert brought - served <= {"README.md"}
    assert set(PAGES.values()) <= served
