"""Real servers, really killed. Each test has a data directory of its own; nothing may outlive it."""

import asyncio
import os
import signal
import stat
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from structlog.testing import capture_logs

from server import embedded
from server.embedded import EmbeddedError
from tests.server.holding import (
    ROOT,
    executed,
    first_line,
    half_made,
    holder,
    lives,
    read,
    remaining,
    running,
    until,
    write,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that was in use once: to copy it is quicker than to make a cluster."""
    folder = tmp_path_factory.mktemp("made") / "data"
    subprocess.run(holder(folder), stdin=subprocess.DEVNULL, check=True, cwd=ROOT)
    return folder


@pytest.fixture
def data_dir(made: Path, tmp_path: Path) -> Path:
    subprocess.run(["cp", "-a", made, tmp_path], check=True)  # with owners
    return tmp_path / made.name


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path / "new") as servers:
        await write(servers, "first")
        pids = servers.pids
        assert [os.getsid(pid) for pid in pids.values()] == list(pids.values())  # no Ctrl-C of ours reaches them
        await servers.stop()  # the second one, at the end of the block, does nothing
        assert remaining(tmp_path / "new") == []
        assert not any(lives(pid) for pid in pids.values())
    async with running(tmp_path / "new") as servers:
        assert await read(servers) == ("first", "first")


async def test_a_pid_that_another_process_has_by_now_is_not_believed(data_dir: Path) -> None:
    record = data_dir / "postgres" / "postmaster.pid"
    async with executed("/bin/cat") as other:
        record.write_text(f"{other.pid}\n{record.parent}\n0\n5432\n\n\n\nready\n")
        async with running(data_dir) as servers:
            await write(servers, "works")


async def test_settings_are_those_that_the_promises_need(data_dir: Path) -> None:
    async with running(data_dir) as servers:
        async with Redis.from_url(servers.redis_url, decode_responses=True) as redis:
            settings = await redis.config_get("*")
        assert settings["port"] == "0"
        assert settings["appendonly"] == "yes"
        assert settings["appendfsync"] == "always"
        assert settings["maxmemory-policy"] == "noeviction"
        assert settings["save"] == ""
        engine = create_async_engine(servers.database_url)
        async with engine.connect() as connection:
            wanted = ("listen_addresses", "fsync", "synchronous_commit", "max_connections", "server_encoding")
            shown = [(await connection.execute(text(f"SHOW {name}"))).scalar_one() for name in wanted]
            who = (await connection.execute(text("SELECT current_user, current_database()"))).one()
        await engine.dispose()
        assert shown == ["", "on", "on", "200", "UTF8"]
        assert tuple(who) == ("dispatch", "dispatch")


async def test_a_data_directory_serves_one_at_a_time(data_dir: Path) -> None:
    async with running(data_dir) as servers:
        with pytest.raises(EmbeddedError, match=f"in use by process {os.getpid()}$"):
            await embedded.start(data_dir)
        async with executed(*holder(data_dir)) as second:
            _, said = await second.communicate(b"")
        assert said.decode() == f"{data_dir} is in use by process {os.getpid()}\n"
        await write(servers, "undisturbed")


async def test_what_was_killed_is_brought_back_with_its_content(data_dir: Path) -> None:
    async with running(data_dir) as servers:
        await write(servers, "kept")
        watch = asyncio.create_task(servers.watch())
        for name in ("redis", "postgres"):
            with capture_logs() as logs:
                killed = servers.pids[name]
                os.kill(killed, signal.SIGKILL)
                await until(lambda: len(logs) >= 2)
            assert [entry["event"] for entry in logs] == ["embedded server died", "embedded server is back"]
            assert servers.pids[name] != killed
        assert await read(servers) == ("kept", "kept")
        await servers.stop()
        assert remaining(data_dir) == []
        assert not watch.done()
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch


async def test_one_that_can_not_come_back_is_tried_again_until_it_can(data_dir: Path) -> None:
    async with running(data_dir) as servers:
        settings = data_dir / "postgres" / "postgresql.conf"
        good = settings.read_text()
        settings.write_text("nonsense")
        watch = asyncio.create_task(servers.watch())
        with capture_logs() as logs:
            os.kill(servers.pids["postgres"], signal.SIGKILL)
            await until(lambda: len(logs) >= 3)
            settings.write_text(good)
            await until(lambda: logs[-1]["event"] == "embedded server is back")
        await write(servers, "works")
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
    assert logs[0]["event"] == "embedded server died"
    assert {entry["event"] for entry in logs[1:-1]} == {"embedded server is not back"}
    assert "contains errors" in logs[1]["reason"]


async def test_left_overs_of_a_killed_server_are_ended(data_dir: Path) -> None:
    async with executed(*holder(data_dir)) as killed:
        pids = await first_line(killed)
        killed.kill()
        await killed.wait()
    assert all(lives(pid) for pid in pids)
    with capture_logs() as logs:
        async with running(data_dir) as servers:
            assert not any(lives(pid) for pid in pids)
            assert set(servers.pids.values()).isdisjoint(pids)
            await write(servers, "works")
    assert sorted(entry["pid"] for entry in logs) == sorted(pids)
    assert remaining(data_dir) == []


async def test_a_cluster_that_was_left_half_made_is_made_anew(tmp_path: Path) -> None:
    older = tmp_path / "postgres.new-older"
    older.mkdir()
    (older / "PG_VERSION").write_text("18\n")
    async with executed(*holder(tmp_path)) as killed:
        await until(lambda: half_made(tmp_path))
        killed.kill()
        await killed.wait()
    assert not (tmp_path / "postgres").exists()
    async with running(tmp_path) as servers:
        await write(servers, "works")
    assert not older.exists()


async def test_a_start_that_is_given_up_leaves_nothing_running(tmp_path: Path) -> None:
    starting = asyncio.create_task(embedded.start(tmp_path))
    await until(lambda: half_made(tmp_path))
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert remaining(tmp_path) == []
    embedded.Claim.take(tmp_path).release()


@pytest.mark.parametrize("name", ["x" * 120, "房间 #1?&"], ids=["long", "strange"])
async def test_sockets_lie_elsewhere_when_the_path_does_not_suit_them(tmp_path: Path, name: str) -> None:
    async with running(tmp_path / name) as servers:
        await write(servers, "works")
        assert await read(servers) == ("works", "works")
        folder = Path(servers.redis_url.removeprefix("unix://")).parent
        assert folder.parent == Path(tempfile.gettempdir())
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()


async def test_a_server_that_can_not_start_says_why_and_leaves_nothing(data_dir: Path) -> None:
    async with running(data_dir):
        settings = data_dir / "postgres" / "postgresql.conf"
        good = settings.read_text()
        settings.write_text("nonsense")
    with pytest.raises(EmbeddedError, match=r"postgres did not start: .*FATAL: .* contains errors") as caught:
        await embedded.start(data_dir)
    assert "\n" not in str(caught.value)
    assert remaining(data_dir) == []
    settings.write_text(good)
    async with running(data_dir) as servers:
        await write(servers, "works")


async def test_a_data_directory_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match=r"^.*/file/lock: Not a directory$"):
        await embedded.start(tmp_path / "file")
