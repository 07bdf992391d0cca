"""What one sees of a result on a terminal: its figures with floor and verdict, latencies, tables, notes, faults.

Owns the looks. Measures nothing, decides nothing.
"""

from rich.console import Console
from rich.table import Table

from loadtest.results import Figure, Percentiles, Result

MOST_FAULTS = 20


def show(console: Console, result: Result) -> None:
    if result.figures:
        console.print(figures(result))
    if result.latencies:
        console.print(latencies(result))
    if result.curve:
        console.print(curve(result))
    for each in result.tables:
        console.print(_grid(each.title, each.columns, each.rows))
    for note in result.notes:
        console.print(note, style="dim")
    for fault in result.faults[:MOST_FAULTS]:
        console.print(fault, style="red", markup=False)


def figures(result: Result) -> Table:
    rows = [_line(figure) for figure in result.figures]
    columns = ("what", "floor", "figure", "ratio", "must be at most", "verdict")
    return _grid(f"{result.mode} ({result.seconds:.0f} s)", columns, rows)


def latencies(result: Result) -> Table:
    rows = [(name, *_words(found)) for name, found in result.latencies.items()]
    return _grid("Latency, ms", ("of", "count", "mean", "p50", "p90", "p99", "p99.9", "most"), rows)


def curve(result: Result) -> Table:
    rows = [(f"{each.asked:.0f}", f"{each.reached:.0f}", *_words(each.latency)) for each in result.curve]
    columns = ("asked/s", "reached/s", "count", "mean", "p50", "p90", "p99", "p99.9", "most")
    return _grid("Latency over rate, ms", columns, rows)


def _line(figure: Figure) -> tuple[str, ...]:
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    floor = "" if figure.floor is None else f"{figure.floor:.2f} {figure.unit}"
    limit = f"{figure.limit:g} × floor" if figure.limit_kind == "ratio" else f"{figure.limit:g} {figure.unit}"
    verdict = "[green]reached[/green]" if figure.reached else "[red]not reached[/red]"
    return figure.title, floor, f"{figure.value:.2f} {figure.unit}", ratio, limit.strip(), verdict


def _words(found: Percentiles) -> tuple[str, ...]:
    numbers = (found.mean, found.p50, found.p90, found.p99, found.p999, found.most)
    return (str(found.count), *(f"{each:.2f}" for each in numbers))


def _grid(title: str, columns: tuple[str, ...], rows: "list[tuple[str, ...]] | tuple[tuple[str, ...], ...]") -> Table:
    grid = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        grid.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        grid.add_row(*row)
    return grid
