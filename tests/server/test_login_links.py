"""`valet-dispatch token` for people: the token alone, a link beneath it, and a QR code that a camera can read."""

import shutil
import subprocess
from pathlib import Path

import jwt
import pytest
from typer.testing import CliRunner

from server.cli import app
from server.login_links import LinkFault, login_link, picture

ROOT = Path(__file__).resolve().parent.parent.parent
SECRET = "s" * 40
# Half blocks to pixels, four a module, light ones white, as on a dark terminal; then as a camera's reader would.
READ = """
const files = require("node:fs"), library = { exports: {} };
new Function("module", "exports", files.readFileSync(process.argv[1], "utf8"))(library, library.exports);
const jsQR = library.exports;
const lines = files.readFileSync(0, "utf8").trimEnd().split("\\n");
const size = lines[0].length, rows = 2 * lines.length, side = 4;
const image = new Uint8ClampedArray(4 * side * side * size * rows).fill(255);
for (let y = 0; y < rows * side; y++) for (let x = 0; x < size * side; x++) {
  const sign = lines[Math.floor(y / side / 2)][Math.floor(x / side)];
  const light = Math.floor(y / side) % 2 ? "▄█".includes(sign) : "▀█".includes(sign);
  image.fill(light ? 255 : 0, 4 * (y * size * side + x), 4 * (y * size * side + x) + 3);
}
const inversionAttempts = process.argv[2];
process.stdout.write(jsQR(image, size * side, rows * side, { inversionAttempts })?.data ?? "nothing");
"""


def scanned(drawn: str, inversion: str = "dontInvert") -> str:
    node = shutil.which("node")
    assert node, "node is missing: on Debian, apt-get install nodejs"
    command = [node, "-e", READ, str(ROOT / "console" / "vendor" / "jsqr" / "jsQR.js"), inversion]
    return subprocess.run(command, input=drawn, check=True, capture_output=True, text=True).stdout


def said(*options: str) -> list[str]:
    """The lines on standard output; nothing else is said."""
    command = ["token", "--role", "valet", "--sub", "v-1", *options]
    result = CliRunner().invoke(app, command, env={"DISPATCH_SECRET": SECRET})
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.splitlines()


def claims(token: str) -> dict[str, object]:
    return jwt.decode(token, SECRET, algorithms=["HS256"], audience="valet-dispatch")


def test_without_options_the_token_is_all() -> None:
    (token,) = said()
    assert claims(token)["sub"] == "v-1"


def test_a_link_stands_beneath_the_token() -> None:
    token, link = said("--url", "http://127.0.0.1:8000/")
    assert link == f"http://127.0.0.1:8000/console/login#token={token}"


def test_a_qr_code_is_of_the_token() -> None:
    token, *drawn = said("--qr")
    assert scanned("\n".join(drawn)) == token


def test_a_qr_code_is_of_the_link_where_there_is_one() -> None:
    token, link, *drawn = said("--qr", "--url", "https://dispatch.example.com")
    assert link == f"https://dispatch.example.com/console/login#token={token}"
    assert scanned("\n".join(drawn)) == link
    assert max(map(len, drawn)) <= 80  # it fits the usual terminal


def test_a_terminal_of_dark_on_light_shows_it_inverted_which_readers_bear() -> None:
    swapped = picture("inverted").translate(str.maketrans("▄▀█ ", "▀▄ █"))
    assert scanned(swapped) == "nothing"
    assert scanned(swapped, "attemptBoth") == "inverted"


@pytest.mark.parametrize(
    "root",
    ["h.example.com", "ftp://h", "http://", "http://h/console", "http://u@h", "http://h?", "http://[::1", "http://a b"],
)
def test_what_is_no_root_of_http(root: str) -> None:
    with pytest.raises(LinkFault, match=r"^--url must be the root of HTTP"):
        login_link(root, "t")


def test_a_token_that_no_qr_code_can_hold() -> None:
    with pytest.raises(LinkFault, match="too many regions"):
        picture("a" * 3000)
