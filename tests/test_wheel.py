"""An installation that is not editable: the wheel holds the pages, and a server from it finds them."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOOK = """
import sys
sys.path.insert(0, sys.argv[1])
from admin_api.page_files import PageFiles
from server.node import CONSOLE
print(CONSOLE, len(PageFiles(CONSOLE).all()))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpacked, which is all that installing does to pure Python."""
    folder = tmp_path_factory.mktemp("wheel")
    building = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(building, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def files(folder: Path) -> set[str]:
    return {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}


def test_the_wheel_holds_every_page(installed: Path) -> None:
    assert files(installed / "console") == files(ROOT / "console")


def test_a_server_from_it_finds_them(installed: Path, tmp_path: Path) -> None:
    looking = [sys.executable, "-c", LOOK, str(installed)]
    found = subprocess.run(looking, cwd=tmp_path, check=True, capture_output=True, text=True)
    folder, count = found.stdout.split()
    assert Path(folder) == installed / "console"
    assert int(count) > 20
