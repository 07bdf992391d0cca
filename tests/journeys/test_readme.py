"""The README's client is run as it stands, against a real server; its table holds every option."""

import asyncio
import re
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import typer.core
import typer.main

from loadtest.tokens import mint
from server.cli import app
from tests.journeys.cluster import SECRET, cluster, furnish, order, policy, valet

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


async def test_the_client_of_the_readme_gets_a_job_done(tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code
    assert len([line for line in code[1].splitlines() if line.strip()]) <= 20
    script = tmp_path / "client.py"
    script.write_text(code[1])
    async with cluster(tmp_path / "data") as city, AsyncExitStack() as stack:
        admin = await stack.enter_async_context(city.http("admin", "root"))
        backend = await stack.enter_async_context(city.http("service", "backend"))
        await furnish(admin, policy({"radius_m": 5000, "limit": 5, "seconds": 60}))
        await admin.put("/v1/agents/v-001", valet())
        placed = await backend.post("/v1/orders", order())
        client = await asyncio.create_subprocess_exec(
            sys.executable, str(script), city.servers[0].ws_url, mint(SECRET, "valet", "v-001"),
            cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(60):
            told, _ = await client.communicate()
        assert client.returncode == 0
        assert "won: call Li Xiaolong +8613812345678" in told.decode()
        assert (await backend.get(f"/v1/orders/{placed['id']}"))["status"] == "completed"


def test_every_option_and_variable_stands_in_the_table() -> None:
    table = "\n".join(line for line in README.splitlines() if line.startswith("| "))
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    for name, command in group.commands.items():
        for parameter in command.params:
            for option in parameter.opts:
                assert re.search(rf"\| `[^|]*{name}[^|]*\|[^|]*`{option}`", table), (name, option)
    readers = [
        (ROOT / "server" / f"{name}.py").read_text() for name in ("config", "bounds", "voice_settings", "page_settings")
    ]
    variables = set(re.findall(r"DISPATCH_[A-Z_]+", "".join(readers)))
    for variable in variables:
        assert f"| `{variable}` |" in table, variable
    for variable in re.findall(r"\| `(DISPATCH_[A-Z_]+)` \|", table):
        assert variable in variables, variable
