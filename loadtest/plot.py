"""The pictures of a run: latency over rate, and how late deadlines were. PNG files.

Owns the looks of them. Knows the results' form, no mode by name. Invariant: every axis has its unit, and what is
drawn is what was measured: no smoothing, no axis that leaves points out.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from loadtest.results import Percentiles, RatePoint

POSTED = "posted → offer"
COLOURS = ("#1f5fa8", "#c2571a", "#3b7d3a", "#7a4fa3")
INK, FAINT = "#333333", "#d9d9d9"
WIDTH_INCHES, HEIGHT_INCHES, DOTS = 8.8, 4.4, 130
# A percentile's place on an axis that stretches towards 100 %: how many nines it has.
NINES = {"50 %": 0.301, "90 %": 1.0, "99 %": 2.0, "99.9 %": 3.0}
LEAST_MS = 0.01
TICKS = 30


def draw_curve(path: Path, curve: Sequence[RatePoint], saturation: float | None) -> None:
    """Latency over the rate that was asked for; the median solid, the 99th percentile dashed."""
    with_axes(path, lambda axes: _curve(axes, sorted(curve, key=lambda point: point.asked), saturation))


def draw_percentiles(path: Path, latencies: Mapping[str, Percentiles], title: str, limit_ms: float | None) -> None:
    """The distribution's tail, one line a latency."""
    with_axes(path, lambda axes: _percentiles(axes, latencies, title, limit_ms))


def with_axes(path: Path, draw: Callable[[Axes], None]) -> None:
    canvas = Canvas(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DOTS, facecolor="white", layout="constrained")
    FigureCanvasAgg(canvas)
    axes = canvas.add_subplot()
    draw(axes)
    _plain(axes)
    canvas.savefig(path)


def _curve(axes: Axes, curve: Sequence[RatePoint], saturation: float | None) -> None:
    for colour, (name, points) in zip(COLOURS, _lines(curve).items(), strict=False):
        rates = [rate for rate, _ in points]
        axes.plot(rates, [_shown(each.p50) for _, each in points], "o-", color=colour, label=f"{name}, p50", ms=4)
        axes.plot(rates, [_shown(each.p99) for _, each in points], "o--", color=colour, label=f"{name}, p99", ms=4)
    if saturation is not None:
        axes.axvline(saturation, color=INK, lw=1, ls=":")
        axes.annotate(
            f"saturation {saturation:,.0f}/s", (saturation, 0), (-5, 6), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="right", color=INK, fontsize=9,
        )  # fmt: skip
    axes.set_xlim(left=0)
    axes.set_xlabel("orders a second that were asked for")
    axes.set_ylabel("latency, ms (logarithmic)")
    axes.set_title("Latency over rate", loc="left", fontsize=11)


def _lines(curve: Sequence[RatePoint]) -> dict[str, list[tuple[float, Percentiles]]]:
    """What was not measured at a rate is left out of its line."""
    lines: dict[str, list[tuple[float, Percentiles]]] = {}
    for point in curve:
        for name, found in {POSTED: point.latency, **point.also}.items():
            if found.count:
                lines.setdefault(name, []).append((point.asked, found))
    return lines


def _percentiles(axes: Axes, latencies: Mapping[str, Percentiles], title: str, limit_ms: float | None) -> None:
    for colour, (name, found) in zip(COLOURS, latencies.items(), strict=False):
        values = [_shown(each) for each in (found.p50, found.p90, found.p99, found.p999)]
        axes.plot(list(NINES.values()), values, "o-", color=colour, label=f"{name} ({found.count:,})", ms=4)
    if limit_ms is not None:
        axes.axhline(limit_ms, color=INK, lw=1, ls=":")
        axes.annotate(
            f"limit for 99 %: {limit_ms:,.0f} ms", (0, limit_ms), (4, 4), xycoords=("axes fraction", "data"),
            textcoords="offset points", color=INK, fontsize=9,
        )  # fmt: skip
    axes.set_xticks(list(NINES.values()), list(NINES))
    axes.set_xlabel("share of all that took at most so long")
    axes.set_ylabel("ms (logarithmic)")
    axes.set_title(title, loc="left", fontsize=11)


def _shown(milliseconds: float) -> float:
    """A logarithmic axis has no zero."""
    return max(milliseconds, LEAST_MS)


def _plain(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=TICKS))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, which="major", color=FAINT, lw=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.01, 1))
