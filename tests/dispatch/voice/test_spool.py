"""An upload on disk: counted, hashed, without a name."""

import hashlib
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dispatch.errors import Code, Refused, Unavailable
from dispatch.voice.spool import Spool


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """What the kernel says of a file that grows beyond it is as of a disk that is full: the write fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_what_comes_is_counted_and_hashed(tmp_path: Path) -> None:
    async with Spool(tmp_path, 10) as spool:
        for piece in (b"abc", b"", b"defg"):
            spool.write(piece)
        assert (spool.bytes, spool.sha256) == (7, hashlib.sha256(b"abcdefg").hexdigest())
        with spool.again() as first, spool.again() as second:
            assert first.read() == b"abcdefg"
            second.seek(0)
            assert second.read() == b"abcdefg"


async def test_as_much_as_may_be_and_no_byte_more(tmp_path: Path) -> None:
    async with Spool(tmp_path, 10) as spool:
        spool.write(b"0123456789")
        with pytest.raises(Refused) as refused:
            spool.write(b"x")
        assert refused.value.code is Code.TOO_LARGE
        assert os.fstat(spool.file.fileno()).st_size == spool.bytes == 10


async def test_it_has_no_name_and_nobody_else_may_look(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "spool"
    async with Spool(folder, 10) as spool:
        spool.write(b"abc")
        assert list(folder.iterdir()) == []
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_the_file_outlives_the_spool_for_who_still_reads(tmp_path: Path) -> None:
    async with Spool(tmp_path, 10) as spool:
        spool.write(b"abc")
        left = spool.again()
    assert spool.file.closed
    with left:
        assert left.read() == b"abc"


async def test_a_full_disk_is_not_the_uploaders_fault(tmp_path: Path) -> None:
    async with Spool(tmp_path, 10_000) as spool:
        with files_of_at_most(4000), pytest.raises(Unavailable) as told:
            spool.write(b"x" * 9000)
        assert told.value.retryable
        assert str(tmp_path) not in told.value.message


async def test_without_a_folder_there_is_no_spool(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable) as told:
        async with Spool(tmp_path / "file" / "spool", 10):
            pass
    assert str(tmp_path) not in told.value.message


async def test_nothing_is_written_before_it_is_opened(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not open"):
        Spool(tmp_path, 10).write(b"x")
