"""The libraries that the project carries are the files that were released, each with its licence."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = (ROOT / "console" / "vendor", ROOT / "tests" / "console" / "vendor")
LIST = "libraries.json"
LICENCES = frozenset({"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0"})
"""Which allow it to be carried along beside a server of any licence."""

both = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))


def libraries(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / LIST).read_text())
    return found


@both
def test_every_file_is_the_listed_one_and_no_other_is_there(folder: Path) -> None:
    listed = [entry for library in libraries(folder) for entry in library["files"].items()]
    there = {
        each.relative_to(folder).as_posix(): hashlib.sha256(each.read_bytes()).hexdigest()
        for each in folder.rglob("*")
        if each.is_file() and each != folder / LIST
    }
    assert dict(listed) == there
    assert len(listed) == len(there)  # none is listed twice


@both
def test_every_library_says_what_it_is(folder: Path) -> None:
    assert libraries(folder)
    for library in libraries(folder):
        name = library["name"]
        assert set(library) == {"name", "version", "licence", "from", "home", "files"}, name
        assert re.fullmatch(r"\d+\.\d+\.\d+", library["version"]), name
        assert library["from"] == f"npm {name}@{library['version']}"
        assert library["licence"] in LICENCES, name
        assert library["home"].startswith("https://"), name


@both
def test_every_library_brings_its_licence(folder: Path) -> None:
    for library in libraries(folder):
        name = library["name"]
        assert {path.partition("/")[0] for path in library["files"]} == {name}
        licence = (folder / name / "LICENSE").read_text()
        assert f"{name}/LICENSE" in library["files"]
        words = {"Apache-2.0": "Apache License", "MPL-2.0": "Mozilla Public License", "MIT": "MIT"}
        assert words.get(library["licence"], "Redistribution and use in source and binary forms") in licence, name
