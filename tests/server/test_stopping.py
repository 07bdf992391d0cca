"""Signals to a process of its own: the first one asks, the others change nothing."""

import asyncio
import signal
import sys

import pytest

PATIENCE_S = 60.0
PROGRAM = """
import asyncio, sys
import uvloop
from server.stopping import stopped

async def life() -> None:
    stop = stopped()
    print("ready", flush=True)
    await stop.wait()
    print("draining", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)

loop = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}[sys.argv[1]]
with asyncio.Runner(loop_factory=loop) as runner:
    runner.run(life())
print("closed", flush=True)
sys.stdin.readline()
print("end", flush=True)
"""


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_one_spoils_neither_the_drain_nor_the_exit_code(loop: str, number: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, loop, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            for said in (b"ready\n", b"draining\n", b"closed\n"):
                assert await process.stdout.readline() == said
                process.send_signal(number)
                if said != b"ready\n":
                    process.send_signal(signal.SIGTERM)
                    process.stdin.write(b"\n")
            assert await process.stdout.readline() == b"end\n"
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
