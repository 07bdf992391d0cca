"""The page of benchmarks: what a run found, as Markdown, and as rows for a terminal.

Owns the words and the order of the page. Pure: knows no clock, no file and no mode by name; what it says is in the
`Run`. Invariant: each figure has a line with its verdict in words, each mode that failed has one with its error, and
what was written by hand about a figure stands beside it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from loadtest.machine import Machine, as_rows
from loadtest.results import Figure, Percentiles, Result, Table

Row = tuple[str, ...]

COLUMNS: Row = ("what", "must reach", "floor", "figure", "compared", "verdict")
REACHED, NOT_REACHED, FAILED = "✓ reached", "✗ not reached", "✗ failed"
NONE = "–"
_SECTION = re.compile(r"^## +(\S+)[ \t]*$", re.MULTILINE)
_CAVEAT = """\
Everything ran on one machine: the server, Redis, PostgreSQL and the clients that load them share its cores. What is
counted as CPU is only the servers' (user and system time of the process trees named with each figure); latencies and
the saturation rate would be better with the clients elsewhere. The floor is framing by hand on a bare
`asyncio.Protocol` under uvloop, with the same frames and the same clients, in the same run; a figure that is held
against it is a ratio, which a slower machine changes little."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A mode that came to no result."""

    mode: str
    error: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the bench. `how` is each mode's own account of itself; `left_out` are modes not asked for."""

    at: datetime
    seconds: float
    quick: bool
    machine: Machine
    versions: Mapping[str, str]
    results: Sequence[Result]
    failures: Sequence[Failure] = ()
    how: Mapping[str, str] | None = None
    left_out: Sequence[str] = ()

    @property
    def figures(self) -> list[Figure]:
        return [figure for result in self.results for figure in result.figures]

    @property
    def failed(self) -> bool:
        """Something did not work, in the server or here; a figure that is not reached is no failure."""
        return bool(self.failures) or any(result.faults for result in self.results)


def page(run: Run, remarks: Mapping[str, str], plots: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """`plots` are a caption and a link each, by mode."""
    parts = [
        "# Benchmarks",
        *_opening(run),
        "## Figures",
        markdown(COLUMNS, table_rows(run)),
        _count(run),
        "## Machine",
        markdown(("", ""), as_rows(run.machine, run.versions)),
        _CAVEAT,
        "## To repeat it",
        _commands(run),
    ]
    for result in run.results:
        parts += _mode(result, run.how or {}, remarks, plots.get(result.mode, ()))
    return "\n\n".join(part for part in parts if part) + "\n"


def table_rows(run: Run) -> list[Row]:
    rows = [figure_row(figure) for figure in run.figures]
    rows += [(f"mode `{each.mode}`", NONE, NONE, NONE, each.error, FAILED) for each in run.failures]
    return rows


def figure_row(figure: Figure) -> Row:
    verdict = REACHED if figure.reached else NOT_REACHED
    floor = NONE if figure.floor is None else quantity(figure.floor, figure.unit)
    return (figure.title, limit_of(figure), floor, quantity(figure.value, figure.unit), compared(figure), verdict)


def limit_of(figure: Figure) -> str:
    match figure.limit_kind:
        case "ratio":
            return f"≤ {number(figure.limit)} × the floor"
        case "absolute":
            return f"≤ {quantity(figure.limit, figure.unit)}"
        case "flat":
            return f"≤ {number(figure.limit)} × the small case"


def compared(figure: Figure) -> str:
    """The number that the verdict was made of."""
    if figure.compared is None:
        return NONE
    return quantity(figure.compared, figure.unit) if figure.limit_kind == "absolute" else f"{figure.compared:.2f} ×"


def quantity(value: float, unit: str) -> str:
    return f"{number(value)} {unit}".strip()


def number(value: float) -> str:
    """Three digits that count; whole numbers as they are."""
    if value == int(value) and abs(value) < 1e9:
        return f"{value:,.0f}"
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.3g}"


def remarks_of(text: str) -> dict[str, str]:
    """By the key in each second-level heading; what stands before the first belongs to the writer."""
    pieces = _SECTION.split(text)[1:]
    return {key: body.strip() for key, body in zip(pieces[::2], pieces[1::2], strict=True) if body.strip()}


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cell.replace('|', '&#124;').replace(chr(10), ' ') for cell in cells)} |"

    return "\n".join([line(columns), f"|{'---|' * len(columns)}", *(line(row) for row in rows)])


def latency_table(latencies: Mapping[str, Percentiles]) -> Table:
    columns = ("ms", "count", "mean", "p50", "p90", "p99", "p99.9", "max")
    rows = (
        (name, f"{each.count:,}", *map(number, (each.mean, each.p50, each.p90, each.p99, each.p999, each.most)))
        for name, each in latencies.items()
    )
    return Table("Latencies", columns, tuple(rows))


def curve_table(result: Result) -> Table:
    """What the plot shows, as numbers."""
    others = list(dict.fromkeys(name for point in result.curve for name in point.also))
    names = ["posted → offer", *others]
    columns = ("asked /s", "reached /s", *(f"{name}, {part} ms" for name in names for part in ("p50", "p99")))
    rows = []
    for point in result.curve:
        each = [point.latency, *(point.also.get(name) for name in others)]
        told = [number(value) if found else NONE for found in each for value in _middle_and_tail(found)]
        rows.append((number(point.asked), number(point.reached), *told))
    return Table("Latency over rate", columns, tuple(rows))


def _middle_and_tail(found: Percentiles | None) -> tuple[float, float]:
    return (found.p50, found.p99) if found else (0.0, 0.0)


def _opening(run: Run) -> list[str]:
    written = (
        f"{run.at:%Y-%m-%d %H:%M} UTC, {run.seconds / 60:.1f} minutes, one run. Written by `make bench`: do not edit."
    )
    opening = [written + " Remarks belong in [remarks.md](benchmarks/remarks.md), the numbers are in"
               " [results.json](benchmarks/results.json)."]  # fmt: skip
    if run.quick:
        opening.append("**A quick look with small numbers (`--quick`): the figures are not those of a whole run.**")
    if run.left_out:
        opening.append(f"**Only some modes ran.** Left out: {', '.join(f'`{name}`' for name in run.left_out)}.")
    return opening


def _count(run: Run) -> str:
    reached = sum(figure.reached for figure in run.figures)
    told = f"{reached} of {len(run.figures)} figures reached."
    if run.failures:
        told += f" Failed: {', '.join(f'`{each.mode}`' for each in run.failures)}."
    broken = [result.mode for result in run.results if result.faults]
    told += f" Promises broken in: {', '.join(broken)}." if broken else ""
    return told


def _commands(run: Run) -> str:
    modes = "\n".join(f"make bench ARGS='--only {result.mode} --no-write'" for result in run.results)
    return f"```sh\nmake install\nmake bench                                  # all, and this page\n{modes}\n```"


def _mode(
    result: Result, how: Mapping[str, str], remarks: Mapping[str, str], plots: Sequence[tuple[str, str]]
) -> list[str]:
    title, _, account = how.get(result.mode, "").partition("\n")
    heading = f"## {title.strip().rstrip('.')} (`{result.mode}`)" if title else f"## `{result.mode}`"
    parts = [
        heading,
        account.strip(),
        *(_remark(figure, remarks) for figure in result.figures),
        _details(result.figures),
    ]
    if result.latencies:
        parts.append(_titled(latency_table(result.latencies)))
    if result.curve:
        parts.append(_titled(curve_table(result)))
    parts += [f"![{caption}]({link})" for caption, link in plots]
    parts += [_titled(table) for table in result.tables]
    parts.append("\n".join(f"- {note}" for note in result.notes))
    if result.faults:
        parts.append("**Broken promises:**\n" + "\n".join(f"- {fault}" for fault in result.faults))
    return [*parts, f"It took {result.seconds:.0f} s."]


def _remark(figure: Figure, remarks: Mapping[str, str]) -> str:
    text = remarks.get(figure.key)
    return f"**{figure.title}** ({'reached' if figure.reached else 'not reached'}): {text}" if text else ""


def _details(figures: Sequence[Figure]) -> str:
    """What each figure was made of."""
    lines = []
    for figure in figures:
        made_of = [f"{name.replace('_', ' ')} {_told(value)}" for name, value in figure.detail.items()]
        lines += [f"- {figure.title}: {', '.join(made_of)}."] if made_of else []
    return "\n".join(lines)


def _told(value: float | int | str) -> str:
    return value if isinstance(value, str) else number(value)


def _titled(table: Table) -> str:
    return f"{table.title}:\n\n{markdown(table.columns, table.rows)}"
