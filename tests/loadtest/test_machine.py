"""The facts about machine and versions: what they say, and what they must not give away."""

import getpass
import platform
import sys
from pathlib import Path

import pytest

from loadtest.machine import (
    PACKAGES,
    UNKNOWN,
    as_rows,
    asked,
    cpu_model,
    database_versions,
    installed,
    kernel_version,
    look,
    package_versions,
    told_version,
)
from server.embedded import Embedded


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("Redis server v=6.2.14 sha=00000000:0 malloc=jemalloc-5.1.0 bits=64 build=1", "6.2.14"),
        ("Redis server v=255.255.255 sha=0", "255.255.255"),
        ("postgres (PostgreSQL) 18.0\n", "18.0"),
        ("postgres (PostgreSQL) 17.6 (Debian 17.6-1)", "17.6"),
        ("Python 3.11", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_a_version_is_read_from_what_the_executable_tells(line: str, version: str) -> None:
    assert told_version(line) == version


def test_the_first_processor_names_the_model() -> None:
    assert cpu_model("processor\t: 0\nmodel name\t: Fast 9000\nprocessor: 1\nmodel name\t: Slow\n") == "Fast 9000"


def test_without_a_model_the_architecture_has_to_do() -> None:
    assert cpu_model("processor\t: 0\nCPU architecture: 8\n") == platform.machine()


@pytest.mark.parametrize(
    ("release", "version"), [("6.8.0-45-generic", "6.8.0"), ("5.15.0+built-on-somehost", "5.15.0"), ("odd", UNKNOWN)]
)
def test_a_kernel_is_named_without_its_builder(release: str, version: str) -> None:
    assert kernel_version(release) == version


def test_packages_are_named_with_their_versions() -> None:
    found = package_versions()
    assert tuple(found) == PACKAGES
    assert all(each[0].isdigit() for each in found.values())
    assert installed("no-such-package-anywhere") == UNKNOWN


def test_the_machine_has_cores_memory_and_a_python() -> None:
    found = look()
    assert found.cores >= 1
    assert found.memory_gib > 0
    assert found.python.endswith(platform.python_version())


def test_what_is_shown_does_not_tell_which_machine_it_is() -> None:
    shown = repr(as_rows(look(), package_versions()))
    assert platform.node() not in shown
    assert str(Path.home()) not in shown
    assert getpass.getuser() not in shown.split()


def test_an_executable_is_asked_for_its_version() -> None:
    assert asked(Path(sys.executable)).strip() == f"Python {platform.python_version()}"


async def test_running_databases_are_asked_themselves(services: Embedded) -> None:
    found = database_versions(services.pids.values())
    assert set(found) == {"Redis", "PostgreSQL"}
    assert all(version[0].isdigit() for version in found.values())
