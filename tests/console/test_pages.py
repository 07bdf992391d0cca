"""The rules that every file of the pages keeps: nothing inline, no word outside of the texts, nothing of others."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from admin_api.page_files import PAGES
from tests.console.javascript import HOLE, Source, Template, imports, read

CONSOLE = Path(__file__).resolve().parent.parent.parent / "console"
LANGUAGES = ("zh-CN", "en")
AREAS = ("kit", "agent", "desk", "work", "login")
SVG = "http://www.w3.org/2000/svg"
LINKED_FROM = "agent/navigation.js"
LINKED = frozenset({"uri.amap.com", "api.map.baidu.com", "maps.apple.com", "www.google.com"})
"""Maps of others, to which a valet may go by a link; no page asks them for anything."""
SPOKEN = frozenset({"alt", "aria-description", "aria-label", "aria-roledescription", "label", "placeholder", "title"})
"""Attributes that people read or hear."""

UNSAFE = re.compile(
    r"\beval\(|\bnew Function\(|\.(?:inner|outer)HTML\b|\binsertAdjacentHTML\b|\bunsafe(?:HTML|SVG)\b|\bdocument\.write"
)
CJK = re.compile(r"[\u2e80-\u2fff\u3040-\u9fff\uac00-\ud7af\uf900-\ufaff]")
LETTERS = re.compile(r"[^\W\d_]{2,}")
BUILT = re.compile(rf"(?:{'|'.join(AREAS)})\.[\w.\x00-]*[A-Za-z][\w.\x00-]*")
KEY = re.compile(rf"(?:{'|'.join(AREAS)})(?:\.[A-Za-z0-9_-]+)+")


def files(pattern: str) -> list[Path]:
    return [each for each in sorted(CONSOLE.rglob(pattern)) if "vendor" not in each.relative_to(CONSOLE).parts]


def named(path: Path) -> str:
    return path.relative_to(CONSOLE).as_posix()


MODULES, HTML, STYLES = files("*.js"), files("*.html"), files("*.css")
each_module = pytest.mark.parametrize("module", MODULES, ids=named)
each_html = pytest.mark.parametrize("page", HTML, ids=named)


@cache
def source(module: Path) -> Source:
    return read(module.read_text())


@cache
def texts(language: str) -> dict[str, Any]:
    """Every text of a language, by key."""
    found: dict[str, Any] = {}
    for file in sorted((CONSOLE / "text" / language).iterdir()):
        for key, value in json.loads(file.read_text()).items():
            assert key.startswith(f"{file.stem}."), f"{key} in {file.name}"
            assert key not in found
            found[key] = value
    return found


def keys_of(module: Path) -> set[str]:
    """Strings that are keys."""
    return {text for text in source(module).strings if KEY.fullmatch(text) and not text.endswith((".js", ".json"))}


def built_by(module: Path) -> set[str]:
    """Templates that make a key out of parts, as patterns; at least a word beside the area is said in full."""
    found = {each.text for each in source(module).templates if not each.tag and BUILT.fullmatch(each.text)}
    return {re.escape(text).replace(re.escape(HOLE), r"[\w.-]+") for text in found}


def said(key: str, modules: Iterable[Path]) -> bool:
    return any(key in keys_of(each) or any(re.fullmatch(one, key) for one in built_by(each)) for each in modules)


# HTML


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: Path) -> Reader:
    reader = Reader()
    reader.feed(page.read_text())
    reader.close()
    return reader


def test_each_page_is_there() -> None:
    assert sorted(map(named, HTML)) == sorted(PAGES.values())


@each_html
def test_html_has_nothing_inline_and_no_words(page: Path) -> None:
    reader = parsed(page)
    assert reader.text.strip() == ""  # of scripts, styles and the title, too
    assert ("html", {"lang": "zh-CN"}) in reader.tags
    for tag, attributes in reader.tags:
        assert tag != "style"
        assert tag != "script" or (attributes.get("type"), "src" in attributes) == ("module", True)
        wrong = {name for name in attributes if name == "style" or name.startswith("on") or name in SPOKEN}
        assert not wrong, f"<{tag} {wrong}>"


@each_html
def test_html_names_files_that_exist(page: Path) -> None:
    for _, attributes in parsed(page).tags:
        for name in ("href", "src"):
            if name in attributes:
                assert attributes[name].startswith("/console/")
                assert (CONSOLE / attributes[name].removeprefix("/console/")).is_file(), attributes[name]


@pytest.mark.parametrize("manifest", files("*.webmanifest"), ids=named)
def test_a_manifest_names_what_exists(manifest: Path) -> None:
    told = json.loads(manifest.read_text())
    assert told["start_url"].removeprefix("/console/") in PAGES
    assert told["name"]
    assert told["icons"]
    for icon in told["icons"]:
        assert (CONSOLE / icon["src"].removeprefix("/console/")).is_file(), icon


# JavaScript and styles


@each_module
def test_it_is_a_module_that_node_can_read(module: Path) -> None:
    node = shutil.which("node")
    assert node, "node is missing: on Debian, apt-get install nodejs"
    command = [node, "--input-type=module", "--check"]
    run = subprocess.run(command, input=module.read_text(), check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@each_module
def test_imports_lead_to_files_of_ours(module: Path) -> None:
    for name in imports(source(module)):
        assert name.startswith(("./", "../")), f"{name}: a browser finds no bare name"
        target = (module.parent / name).resolve()
        assert target.is_relative_to(CONSOLE), name
        assert target.is_file(), name


@each_module
def test_a_module_says_nothing_to_people_by_itself(module: Path) -> None:
    assert not CJK.search(source(module).code), "what people read belongs into text/"
    for template in source(module).templates:
        if template.tag:
            assert words(template) == [], template.text


@each_module
def test_a_module_draws_nothing_inline(module: Path) -> None:
    for template in source(module).templates:
        if template.tag:
            assert not re.search(r"\sstyle\s*=|\son\w+\s*=|<style|<script", template.text), template.text
    assert not UNSAFE.search(source(module).code)


@each_module
def test_a_module_asks_no_other_host(module: Path) -> None:
    templates = [each.text for each in source(module).templates]
    for text in [*source(module).strings, *templates]:
        for url in re.findall(r"(?:https?|wss?):/?/?[^\s\"'<>\x00]*", text):
            if url.endswith(":"):
                continue  # a scheme alone, to compare with
            assert url == SVG or (named(module) == LINKED_FROM and urlsplit(url).netloc in LINKED), url


@pytest.mark.parametrize("style", STYLES, ids=named)
def test_a_style_takes_nothing_from_elsewhere(style: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", style.read_text(), flags=re.DOTALL)
    assert "@import" not in text
    for url in re.findall(r"url\(\s*[\"']?([^)\"']+)", text):
        assert url.startswith("data:image/") or (style.parent / url).resolve().is_file(), url
    for content in re.findall(r"(?<![-\w])content:\s*([^;}]+)", text):
        assert not LETTERS.search(re.sub(r"attr\([^)]*\)|\b(?:none|normal|counter)\b", "", content)), content


def words(template: Template) -> list[str]:
    """What a reader would see or hear of a template's own text."""
    shown = re.sub(r"<!--.*?-->|<[^>]*>", " ", template.text, flags=re.DOTALL)
    shown = re.sub(r"&#?\w+;", " ", shown)
    said = re.findall(rf"\s({'|'.join(SPOKEN)})=\"([^\"]*)\"", template.text)
    return LETTERS.findall(shown) + [value for _, value in said if LETTERS.search(value)]


# Texts


def test_both_languages_have_the_same_files_and_keys() -> None:
    first, second = ({each.name for each in (CONSOLE / "text" / language).iterdir()} for language in LANGUAGES)
    assert first == second <= {f"{area}.json" for area in AREAS}
    assert texts("zh-CN").keys() == texts("en").keys()


def test_a_text_says_something_of_the_same_in_both() -> None:
    for key in texts("zh-CN").keys() & texts("en").keys():
        found = [texts(language)[key] for language in LANGUAGES]
        for value in found:
            forms = list(value.values()) if isinstance(value, dict) else [value]
            assert all(isinstance(form, str) and form.strip() for form in forms), key
            assert isinstance(value, str) or {"other"} <= set(value) <= {"one", "other"}, key
        assert holes(found[0]) == holes(found[1]), key


def holes(value: Any) -> set[str]:
    forms = value.values() if isinstance(value, dict) else [value]
    return {hole for form in forms for hole in re.findall(r"\{(\w+)\}", form)} - {"n"}


@each_module
def test_every_key_that_a_module_says_is_a_text(module: Path) -> None:
    known = texts("zh-CN").keys()
    assert keys_of(module) - known == set()
    for pattern in built_by(module):
        assert any(re.fullmatch(pattern, key) for key in known), pattern


def test_every_text_is_said_somewhere() -> None:
    assert [key for key in texts("zh-CN") if not said(key, MODULES)] == []


@each_html
def test_a_page_loads_the_texts_that_its_modules_say(page: Path) -> None:
    (entry,) = [CONSOLE / each["src"].removeprefix("/console/") for tag, each in parsed(page).tags if tag == "script"]
    modules = reached(entry)
    calls = [re.findall(r"\bloadTexts\(([^)]*)\)", source(each).code) for each in modules]
    loaded = set(re.findall(r'"(\w+)"', " ".join(map(" ".join, calls))))
    needed = {key.partition(".")[0] for each in modules for key in keys_of(each) | built_by(each)}
    needed = {area.rstrip("\\") for area in needed}  # of a pattern
    assert needed <= loaded


def reached(entry: Path) -> set[Path]:
    found, left = set[Path](), [entry]
    while left:
        module = left.pop()
        if module not in found and "vendor" not in module.relative_to(CONSOLE).parts:
            found.add(module)
            left += [(module.parent / name).resolve() for name in imports(source(module))]
    return found


def test_every_module_is_part_of_a_page() -> None:
    """But for the service worker, which a page registers by its address."""
    entries = [attributes["src"] for page in HTML for tag, attributes in parsed(page).tags if tag == "script"]
    used = set[Path]().union(*(reached(CONSOLE / entry.removeprefix("/console/")) for entry in entries))
    assert {named(each) for each in MODULES} - {named(each) for each in used} <= {"worker.js"}
