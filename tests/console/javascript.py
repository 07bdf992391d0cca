"""JavaScript taken apart as far as rules about its text need: comments, strings, templates.

Owns the reading of tokens by one pass over the source. Knows no rule. Invariant: what stands in a comment is in no
string, what stands in `${…}` is no part of its template.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

HOLE = "\x00"
"""Stands in a template's text where `${…}` stood."""
_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |(?P<tick>`)|(?P<open>\{)|(?P<close>\})
    |(?P<regex>/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/[a-z]*)
    |(?P<word>[\w$]+|\)|\])
    |(?P<space>\s+)|(?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
_TEMPLATE = re.compile(r"(?P<text>(?:\\.|\$(?!\{)|[^`\\$])+)|(?P<hole>\$\{)|(?P<end>`)", re.DOTALL)
_BEFORE_A_REGEX = frozenset({"return", "typeof", "case", "in", "of", "delete", "void", "throw", "await", "yield"})


@dataclass(slots=True)
class Template:
    """`tag` is the word before it (`html`, `svg`), or ''."""

    tag: str
    text: str = ""


@dataclass(slots=True)
class Source:
    """`code` is without comments; its strings are left as they are."""

    code: str = ""
    strings: list[str] = field(default_factory=list)
    templates: list[Template] = field(default_factory=list)


def read(text: str) -> Source:
    source = Source()
    at = _code(text, 0, source)
    assert at == len(text), f"a brace too many at {text[at : at + 40]!r}"
    return source


def _code(text: str, at: int, source: Source) -> int:
    """From `at` to behind the brace that ends it, or to the end of the text."""
    depth, last = 0, ""
    while at < len(text):
        match = _next(text, at, last)
        kind, said = match.lastgroup, match[0]
        at = match.end()
        if kind == "comment":
            continue
        if kind == "close" and depth == 0:
            return at - 1
        depth += (kind == "open") - (kind == "close")
        source.code += said
        if kind == "tick":
            at = _template(text, at, source, last if last in ("html", "svg") else "")
        elif kind == "string":
            source.strings.append(_unquoted(said))
        if kind != "space":
            last = said
    return at


def _next(text: str, at: int, last: str) -> re.Match[str]:
    """A slash after a value divides; anywhere else it begins a regular expression."""
    match = _TOKEN.match(text, at)
    assert match is not None
    divides = re.fullmatch(r"[\w$]+|\)|\]|\}|`|[\"'].*", last, re.DOTALL) and last not in _BEFORE_A_REGEX
    if match.lastgroup == "regex" and divides:
        match = re.compile("(?P<other>/)").match(text, at)
        assert match is not None
    return match


def _template(text: str, at: int, source: Source, tag: str) -> int:
    template = Template(tag)
    source.templates.append(template)
    while True:
        match = _TEMPLATE.match(text, at)
        assert match is not None, f"an open template at {text[at : at + 40]!r}"
        at = match.end()
        source.code += match[0]
        if match.lastgroup == "end":
            return at
        if match.lastgroup == "hole":
            template.text += HOLE
            at = _code(text, at, source) + 1
            source.code += "}"
        else:
            template.text += match[0]


def _unquoted(literal: str) -> str:
    return re.sub(r"\\(.)", r"\1", literal[1:-1], flags=re.DOTALL)


def imports(source: Source) -> Iterator[str]:
    """What a module names in `import … from`, `export … from`, `import "…"`, `import("…")`."""
    for match in re.finditer(
        r"""(?:^|[;}\s])(?:import|export)\b[^"';()]*?\bfrom\s*["']([^"']+)["']"""
        r"""|(?:^|[;}\s])import\s*["']([^"']+)["']"""
        r"""|\bimport\(\s*["'`]([^"'`]+)["'`]""",
        source.code,
    ):
        yield next(filter(None, match.groups()))
