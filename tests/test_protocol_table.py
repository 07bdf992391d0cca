"""docs/protocol.md names, for each paragraph of §3–§6, the tests that hold it: complete, and none that is gone."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "protocol.md").read_text()
SECTIONS = ("3", "4", "5", "6")
WORDS = 4
"""A paragraph is named by this many of its first words, a table's row by its first cell."""


def sections() -> dict[str, str]:
    found = {}
    for part in re.split(r"(?m)^## ", TEXT)[1:]:
        title, _, body = part.partition("\n")
        found[title.split(".")[0]] = body
    return found


def paragraphs() -> list[str]:
    """Their names, with their section: `§4 `hello``."""
    names = []
    for number in SECTIONS:
        for block in re.split(r"\n\s*\n", sections()[number]):
            text = block.strip()
            if text.startswith("|"):
                names += [f"§{number} {row.split('|')[1].strip()}" for row in text.splitlines()[2:]]
            elif text:
                names.append(f"§{number} {' '.join(text.split()[:WORDS])}")
    return names


def table() -> dict[str, list[str]]:
    """Name of a paragraph → the tests that hold it."""
    rows = [line for line in sections()["10"].splitlines() if line.startswith("| §")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {name: re.findall(r"`(tests/[^`]+)`", tests) for name, tests in cells}


def test_every_paragraph_has_its_row_and_no_row_is_left_over() -> None:
    assert list(table()) == paragraphs()


def test_every_test_that_is_named_exists() -> None:
    for paragraph, tests in table().items():
        assert tests, f"{paragraph} is held by no test"
        for named in tests:
            file, _, function = named.partition("::")
            assert (ROOT / file).is_file(), named
            assert re.search(rf"def {function}\b", (ROOT / file).read_text()), named
