"""The tests of the pages' own modules, `tests/console/*.test.js`, run by Node; and each module's syntax.

Owns the running. Invariant: where there is no Node it says so and fails, it leaves nothing out.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = sorted((ROOT / "tests" / "console").glob("*.test.js"))
MODULES = sorted(path for path in (ROOT / "console").rglob("*.js") if "vendor" not in path.parts)
OLDEST = 18
HOW = f"tests of the pages need Node {OLDEST} or newer: run `make tools`, or on Debian: sudo apt-get install nodejs"


def node(*arguments: str, asked: str | None = None) -> str:
    """What it says; fails with all it says when it does not end well."""
    program = shutil.which("node")
    if program is None:
        pytest.fail(HOW, pytrace=False)
    done = subprocess.run(
        [program, *arguments], cwd=ROOT, input=asked, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        pytest.fail(f"node {' '.join(arguments)}\n{done.stdout}\n{done.stderr}", pytrace=False)
    return done.stdout


def test_node_is_new_enough() -> None:
    said = node("--version")
    assert int(said.removeprefix("v").split(".")[0]) >= OLDEST, f"{said.strip()}: {HOW}"


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_of_a_module(path: Path) -> None:
    node("--test", str(path))


def test_every_module_can_be_parsed() -> None:
    """Those that need a browser, too."""
    assert MODULES
    parse = "for (const line of require('fs').readFileSync(0, 'utf8').trim().split('\\n')) " + (
        "new (require('vm').SourceTextModule)(require('fs').readFileSync(line, 'utf8'), { identifier: line })"
    )
    node("--experimental-vm-modules", "--no-warnings", "-e", parse, asked="\n".join(map(str, MODULES)))
