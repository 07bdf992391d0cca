"""Dockerfile and compose.yaml, held to what exists: no engine is at hand to try them."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import typer.core
import typer.main
import yaml

from server.cli import app

ROOT = Path(__file__).resolve().parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())


def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments) of the Dockerfile, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, rest.strip()) for name, _, rest in (line.strip().partition(" ") for line in lines)]


def server_options() -> set[str]:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    return {option for parameter in group.commands["serve"].params for option in parameter.opts}


def exec_form(name: str) -> list[str]:
    return list(yaml.safe_load(next(rest for what, rest in instructions() if what == name)))


def test_every_copied_path_exists_and_every_package_is_copied() -> None:
    copied = set()
    for name, rest in instructions():
        if name == "COPY" and not rest.startswith("--from"):
            *sources, _ = shlex.split(rest)
            copied |= set(sources)
    for source in copied:
        assert (ROOT / source).exists(), source
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(packages["packages"]) <= copied


def test_the_image_runs_a_command_that_exists_as_somebody_without_rights() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert exec_form("ENTRYPOINT")[0] in scripts
    command, *options = exec_form("CMD")
    assert command == "serve"
    assert {option for option in options if option.startswith("--")} <= server_options()
    users = [rest for name, rest in instructions() if name == "USER"]
    assert users == ["dispatch"]
    assert any(name == "RUN" and "useradd" in rest and rest.endswith("dispatch") for name, rest in instructions())


def test_ports_and_health_check_agree() -> None:
    options = exec_form("CMD")
    ports = {options[options.index("--http-port") + 1], options[options.index("--ws-port") + 1]}
    assert set(dict(instructions())["EXPOSE"].split()) == ports
    check = next(rest for name, rest in instructions() if name == "HEALTHCHECK")
    assert f"http://127.0.0.1:{options[options.index('--http-port') + 1]}/healthz" in check
    published = {mapping.rsplit(":", 1)[1] for mapping in COMPOSE["services"]["server"]["ports"]}
    assert published == ports


def test_voice_notes_are_kept_where_the_server_may_write() -> None:
    options = exec_form("CMD")
    folder = options[options.index("--data-dir") + 1]
    assert dict(instructions())["VOLUME"] == folder
    assert any(name == "RUN" and "--owner dispatch" in rest and rest.endswith(folder) for name, rest in instructions())
    assert f"voice:{folder}" in COMPOSE["services"]["server"]["volumes"]
    assert any(
        name == "RUN" and "install --yes --no-install-recommends ffmpeg" in rest for name, rest in instructions()
    )


def test_the_base_image_fits_the_required_python() -> None:
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    for name, rest in instructions():
        if name == "FROM":
            found = re.fullmatch(r"python:3\.(\d+)-slim( AS build)?", rest)
            assert found
            assert int(found[1]) >= int(required.removeprefix(">=3."))


def test_compose_names_only_settings_that_the_server_reads() -> None:
    source = (ROOT / "server" / "config.py").read_text()
    for variable in COMPOSE["services"]["server"]["environment"]:
        assert f'"{variable}"' in source, variable


def test_compose_waits_for_healthy_servers_that_keep_their_data() -> None:
    services = COMPOSE["services"]
    for name, condition in services["server"]["depends_on"].items():
        assert condition == {"condition": "service_healthy"}
        assert services[name]["healthcheck"]["test"]
    volumes = {mount.split(":")[0] for service in services.values() for mount in service["volumes"]}
    assert volumes == set(COMPOSE["volumes"])
    redis = services["redis"]["command"]
    assert redis[redis.index("--appendfsync") + 1] == "always"
    assert redis[redis.index("--maxmemory-policy") + 1] == "noeviction"


def test_compose_urls_point_at_its_own_services() -> None:
    environment = COMPOSE["services"]["server"]["environment"]
    assert environment["DISPATCH_REDIS_URL"].startswith("redis://redis:")
    url = environment["DISPATCH_DATABASE_URL"]
    postgres = COMPOSE["services"]["postgres"]["environment"]
    assert url.startswith(f"postgresql://{postgres['POSTGRES_USER']}:")
    assert url.endswith(f"@postgres:5432/{postgres['POSTGRES_DB']}")
