"""The locustfile as its users run it: on a real server, headless and with the web UI, in one process and several."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from loadtest.child import Child, free_ports, prepare
from loadtest.tokens import mint

LOCUSTFILE = Path(__file__).parents[2] / "loadtest" / "locustfile.py"
PATIENCE_SECONDS = 120.0
KIND = "rush"
# Fewer hands than orders, so that some come to the desk; and hands enough.
BUSY = {"Customer": 6, "Valet": 1, "Shop": 1, "Dispatcher": 1}
CALM = {"Customer": 2, "Valet": 2, "Shop": 2, "Dispatcher": 1}
POLICY = {
    "kind": KIND,
    "audience": ["valet", "shop"],
    "rounds": [{"radius_m": 60_000, "limit": 20, "seconds": 1}],
    "desk_seconds": 600,
}
STREAMS = CALM["Valet"] + CALM["Shop"] + CALM["Dispatcher"]
ALWAYS = {
    "POST /v1/orders",
    "GET /v1/orders/{id}",
    "GET /v1/desk",
    "WS connect → welcome",
    "WS grab → verdict won",
    "WS position (sent)",
    "WS ping → pong",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    folder = tmp_path_factory.mktemp("server")
    prepare(folder, fresh=True)
    with Child(folder) as child:
        with admin(child) as http:
            assert http.put(f"/v1/policies/{KIND}", json=POLICY).status_code == 200
        yield child


def admin(server: Child) -> httpx.Client:
    bearer = {"Authorization": f"Bearer {mint(server.secret, 'admin', 'root')}"}
    return httpx.Client(base_url=server.http_url, headers=bearer, timeout=30, trust_env=False)


@dataclass
class Run:
    process: "subprocess.Popen[str]"
    stats: Path

    def end(self) -> tuple[int, str]:
        """As the one who watches it would: SIGTERM; what it said, to the end."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, said

    def counts(self) -> dict[str, int]:
        """Requests by name; none of them failed."""
        entries = json.loads(self.stats.read_text())
        assert [each["name"] for each in entries if each["num_failures"]] == []
        return by_name(entries)


def by_name(entries: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    return {f"{each['method']} {each['name']}": each["num_requests"] for each in entries}


@contextmanager
def locust(server: Child, folder: Path, crew: Mapping[str, int], *arguments: str) -> Iterator[Run]:
    stats = folder / "stats.json"
    counts = [{"user_class_name": name, "fixed_count": count} for name, count in crew.items()]
    command = [
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--json-file", str(stats.with_suffix(""))),
        *("--host", server.http_url, "--ws", server.ws_url, "--kind", KIND, "--job-seconds", "6"),
        *("-u", str(sum(crew.values())), "-r", "20", "--config-users", json.dumps(counts), *arguments),
    ]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=os.environ | {"DISPATCH_SECRET": server.secret}
    )
    try:
        yield Run(process, stats)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(run: Run, seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not seen():
        assert run.process.poll() is None, "it ended by itself"
        assert time.monotonic() < deadline, "too long"
        time.sleep(0.2)


def was_worked_on_and_cleared(http: httpx.Client) -> bool:
    """All are here; one has done what he grabbed; the desk has assigned, or ended, what nobody had a hand for."""
    if len(sessions(http)) < BUSY["Valet"] + BUSY["Shop"] + BUSY["Dispatcher"]:
        return False
    orders: list[Mapping[str, Any]] = http.get(f"/v1/orders?kind={KIND}&limit=200").json()["items"]
    grabbed = [each for each in orders if each["assignment"] and each["assignment"]["by"] == "grab"]
    worked = any(each["status"] == "completed" for each in grabbed)
    assigned = any(each["assignment"] and each["assignment"]["by"] == "desk" for each in orders)
    return worked and (assigned or any(each["status"] == "completed" and not each["assignment"] for each in orders))


def sessions(http: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = http.get("/v1/sessions?limit=200").json()["items"]
    return found


def test_headless_every_kind_of_user_has_its_part_and_nothing_fails(server: Child, tmp_path: Path) -> None:
    quiet = ("--headless", "--only-summary", "--codec", "msgpack")
    with locust(server, tmp_path, BUSY, *quiet) as run, admin(server) as http:
        until(run, lambda: was_worked_on_and_cleared(http))
        code, said = run.end()
    assert code == 0, said
    counts = run.counts()
    assert counts.keys() >= ALWAYS | {
        "WS desk escalated (pushed, untimed)",
        "POST /v1/desk/{id}/take_up",
        "PUT /v1/agents/{id}",
    }
    assert counts["WS connect → welcome"] == BUSY["Valet"] + BUSY["Shop"] + BUSY["Dispatcher"]
    assert "posted → grabbed, all" in said
    assert "desk, take_up" in said
    assert any(name.startswith("WS progress ") for name in counts)


def test_the_web_ui_shows_what_all_workers_counted(server: Child, tmp_path: Path) -> None:
    with web_ui() as (ui, arguments), locust(server, tmp_path, CALM, *arguments, *two_workers()) as run:
        until(run, lambda: shows_all(told(ui)))
        page = ui.get("/").text
        code, said = run.end()
    assert code == 0, said
    assert '"title": "Grabs"' in page
    assert server.secret not in page
    assert run.counts()["WS connect → welcome"] == STREAMS
    assert "posted → grabbed, all" in said


def test_who_is_sent_away_does_not_come_back(server: Child, tmp_path: Path) -> None:
    with web_ui() as (ui, arguments), locust(server, tmp_path, {"Valet": 1}, *arguments, "Valet") as run:
        until(run, lambda: "WS connect → welcome" in requests(told(ui)))
        with admin(server) as http:
            (session,) = [each for each in sessions(http) if each["sub"] == "load-valet-0-0"]
            assert http.delete(f"/v1/sessions/{session['session_id']}").is_success
        until(run, lambda: bool(told(ui).get("errors")))
        errors = told(ui)["errors"]
        code, said = run.end()
    assert code == 1, said
    assert [(each["name"], each["occurrences"]) for each in errors] == [("closed 4505", 1)]
    entries = by_name(json.loads(run.stats.read_text()))
    assert entries["WS connect → welcome"] == 1


@contextmanager
def web_ui() -> Iterator[tuple[httpx.Client, tuple[str, ...]]]:
    (port,) = free_ports(1)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http:
        yield http, ("--autostart", "--web-host", "127.0.0.1", "--web-port", str(port))


def two_workers() -> tuple[str, ...]:
    """They find their master by the same number."""
    (port,) = free_ports(1)
    return "--processes", "2", "--master-bind-port", str(port), "--master-port", str(port)


def told(http: httpx.Client) -> dict[str, Any]:
    try:
        found: dict[str, Any] = http.get("/stats/requests").json()
    except httpx.TransportError:
        return {}
    return found


def requests(told: Mapping[str, Any]) -> dict[str, int]:
    return by_name(told.get("stats", ()))


def shows_all(told: Mapping[str, Any]) -> bool:
    """Both of what locust counts and of what the tally does."""
    names = requests(told)
    rows = {row["what"] for table in told.get("extended_stats", ()) for row in table["data"]}
    return (
        names.get("WS connect → welcome") == STREAMS
        and names.keys() >= ALWAYS | {"WS posted → offer (pushed)"}
        and rows >= {"posted → grabbed, all", "order posted"}
    )


def refused(secret: str, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", *arguments]
    environment = os.environ | {"DISPATCH_SECRET": secret}
    ended = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS, env=environment
    )
    return ended.returncode, ended.stderr


def test_wrong_use_ends_it_before_it_begins() -> None:
    code, said = refused("", "--host", "http://127.0.0.1:1")
    assert code == 2
    assert "--secret, or DISPATCH_SECRET" in said


def test_a_stage_that_can_not_be_set_ends_it(server: Child) -> None:
    code, said = refused("not the secret of that server, though long enough", "--host", server.http_url)
    assert code == 1
    assert "the stage can not be set: unauthenticated" in said
