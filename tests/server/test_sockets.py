"""Where sockets may lie, and whose the folder must be."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from server import sockets
from server.children import EmbeddedError
from server.sockets import SocketFolder


@pytest.mark.parametrize(
    ("path", "fit"),
    [
        ("/" + "x" * 106, True),
        ("/" + "x" * 107, False),
        ("/plain/path-1.2_3", True),
        ("/with space", False),
        ("/a,b", False),
        ("/a?b", False),
        ("/a%20b", False),
        ("/房", False),
    ],
)
def test_what_fits_is_short_and_plain(path: str, fit: bool) -> None:
    assert sockets.fits(Path(path)) is fit


def test_a_temporary_folder_is_ours_alone_and_goes(tmp_path: Path) -> None:
    folder = SocketFolder(tmp_path / "sockets", os.geteuid(), temporary=True)
    folder.prepare()
    folder.path.chmod(0o777)
    folder.prepare()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    folder.discard()
    assert not folder.path.exists()


def test_a_folder_beside_the_files_is_left_alone(tmp_path: Path) -> None:
    folder = SocketFolder(tmp_path, os.geteuid(), temporary=False)
    mode = tmp_path.stat().st_mode
    folder.prepare()
    folder.discard()
    assert tmp_path.stat().st_mode == mode


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (tmp_path / "sockets").symlink_to("elsewhere")
    with pytest.raises(OSError, match="Not a directory"):
        SocketFolder(tmp_path / "sockets", os.geteuid(), temporary=True).prepare()
    assert stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sockets").mkdir()
    os.chown(tmp_path / "sockets", 4321, -1)
    with pytest.raises(EmbeddedError, match="belongs to another user"):
        SocketFolder(tmp_path / "sockets", os.geteuid(), temporary=True).prepare()


def test_when_even_the_temporary_folder_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/" + "t" * 120)
    assert sockets.choose(tmp_path / ("x" * 120), "s", "name", 0).path == Path("/tmp/name")
    with pytest.raises(EmbeddedError, match="short enough"):
        sockets.choose(tmp_path / ("x" * 120), "s" * 120, "name", 0)
