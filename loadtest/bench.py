"""Every measurement of `loadtest.storm` in one run, and the page that tells what it found.

    python -m loadtest.bench                        (`make bench`: under ten minutes, writes docs/benchmarks.md)
    python -m loadtest.bench --quick --no-write     (a first look)

Owns the order of the modes, their time boxes, and the files that are written. How a mode measures is the mode's, what
the page says is `page`'s. Invariant: it ends by itself, also on Ctrl-C, and leaves no process behind; a mode that
fails does not keep the others from being measured, and is told.
"""

import asyncio
import inspect
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import uvloop
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadtest import board, machine, plot
from loadtest.modes.options import Options
from loadtest.page import COLUMNS, FAILED, NOT_REACHED, REACHED, Failure, Run, page, remarks_of, table_rows
from loadtest.results import Result, as_json
from loadtest.rig.venue import Venue, started
from loadtest.storm import MEASUREMENTS, Mode, measure

WHOLE_SECONDS = 580.0
MODE_SECONDS = 200.0
WIDE = 160
FOLDER = "benchmarks"
REMARKS = "remarks.md"
COLOURS = {REACHED: "green", NOT_REACHED: "yellow", FAILED: "red"}
# All modes together have to fit into ten minutes; alone, `storm` takes as long as it likes.
SHORTER: Mapping[Mode, float] = {Mode.STORM: 25.0, Mode.FANOUT: 12.0, Mode.MIXED: 6.0, Mode.POSITIONS: 8.0}
# What is left of a whole run's numbers in a quick one, and what a mode needs at least to work at all.
QUICK_PART, FEWEST_AGENTS, FEWEST_ORDERS, FEWEST_SECONDS = 0.1, 100, 100, 2.0

console = Console(width=None if sys.stdout.isatty() else WIDE)


class Stage:
    """The server under test. In a whole run the modes follow each other so that those which want the same roles can
    have the same one, with what lies on it; else, and after a failure, each gets a new one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = AsyncExitStack()
        self._venue: Venue | None = None
        self._roles: Sequence[str] = ()
        self.versions: dict[str, str] = {}

    async def venue(self, roles: Sequence[str]) -> Venue:
        if self._venue is None or self._roles != roles:
            await self.close()
            data_dir = Path(tempfile.mkdtemp(dir=self._folder))
            self._venue = await self._stack.enter_async_context(started(data_dir, roles))
            self._roles = roles
            self.versions |= machine.database_versions(self._venue.roots)
        return self._venue

    async def close(self) -> None:
        self._venue = None
        await self._stack.aclose()


async def bench(modes: Sequence[Mode], quick: bool, folder: Path) -> Run:
    began, at, found = time.monotonic(), datetime.now(UTC), machine.look()
    stage, partial = Stage(folder), len(modes) < len(MEASUREMENTS)
    outcomes: list[Result | Failure] = []
    try:
        for number, mode in enumerate(modes, 1):
            _say(f"{number}/{len(modes)} {mode} …")
            left = WHOLE_SECONDS - (time.monotonic() - began)
            outcomes.append(await _boxed(stage, mode, quick, min(MODE_SECONDS, left)))
            _say(f"{number}/{len(modes)} {mode}: {_in_short(outcomes[-1])}")
            if isinstance(outcomes[-1], Result):
                board.show(console, outcomes[-1])
            if isinstance(outcomes[-1], Failure) or partial:
                await stage.close()
    finally:
        await stage.close()
    return Run(
        at=at,
        seconds=time.monotonic() - began,
        quick=quick,
        machine=found,
        versions=machine.package_versions() | stage.versions,
        results=[each for each in outcomes if isinstance(each, Result)],
        failures=[each for each in outcomes if isinstance(each, Failure)],
        how={mode.value: account(mode) for mode in modes},
        left_out=[mode.value for mode in MEASUREMENTS if mode not in modes],
    )


def account(mode: Mode) -> str:
    """How it measures, in its module's own words, and in its function's where a module has several."""
    run = MEASUREMENTS[mode].run
    module = inspect.getmodule(run)
    return "\n".join(text for text in (module and module.__doc__, run.__doc__) if text)


async def _boxed(stage: Stage, mode: Mode, quick: bool, seconds: float) -> Result | Failure:
    """The mode's result, or why it has none."""
    if seconds <= 0:
        return Failure(mode.value, "no time was left for it")
    measurement = MEASUREMENTS[mode]
    options = replace(measurement.defaults, seconds=SHORTER.get(mode, measurement.defaults.seconds))
    options = shrunk(options) if quick else options
    try:
        async with asyncio.timeout(seconds) as box:
            return await measure(mode, await stage.venue(measurement.roles), options)
    except Exception as exc:
        if box.expired():
            return Failure(mode.value, f"not done within {seconds:.0f} s")
        console.print_exception(max_frames=8)
        return Failure(mode.value, reason(exc))


def shrunk(options: Options) -> Options:
    """For a first look: every path is walked, no number means much."""

    def part(of: int, fewest: int) -> int:
        return min(of, max(fewest, int(of * QUICK_PART)))

    return replace(
        options,
        agents=part(options.agents, FEWEST_AGENTS),
        orders=part(options.orders, FEWEST_ORDERS),
        seconds=min(options.seconds, max(FEWEST_SECONDS, options.seconds * QUICK_PART)),
    )


def reason(error: BaseException) -> str:
    """In one line, of the first cause, without the path of anything here."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = f"{type(error).__name__}: {error}".partition("\n")[0]
    for folder in (tempfile.gettempdir(), Path.cwd()):
        text = text.replace(f"{folder}/", "…/")
    return text


def write(run: Run, out: Path) -> Path:
    """The page, its pictures and its numbers; returns the page's path."""
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    plots = {result.mode: _draw(result, folder) for result in run.results}
    (folder / "results.json").write_bytes(numbers(run) + b"\n")
    told = out / f"{FOLDER}.md"
    told.write_text(page(run, _remarks(folder / REMARKS), plots))
    return told


def numbers(run: Run) -> bytes:
    plain: dict[str, Any] = msgspec.to_builtins(run)
    del plain["how"]
    plain["results"] = msgspec.json.decode(as_json(run.results))
    return msgspec.json.format(msgspec.json.encode(plain), indent=2)


def _draw(result: Result, folder: Path) -> list[tuple[str, str]]:
    """Captions and links, seen from the page."""
    found = []
    if result.curve:
        name = f"{result.mode}-curve.png"
        plot.draw_curve(folder / name, result.curve, result.saturation)
        found.append(("Latency over rate", f"{FOLDER}/{name}"))
    timed = [figure for figure in result.figures if figure.limit_kind == "absolute" and figure.unit == "ms"]
    if timed and result.latencies:
        name = f"{result.mode}-percentiles.png"
        plot.draw_percentiles(folder / name, result.latencies, timed[0].title, timed[0].limit)
        found.append((timed[0].title, f"{FOLDER}/{name}"))
    return found


def _remarks(path: Path) -> dict[str, str]:
    return remarks_of(path.read_text()) if path.exists() else {}


def _in_short(outcome: Result | Failure) -> str:
    if isinstance(outcome, Failure):
        return f"failed: {outcome.error}"
    reached = sum(figure.reached for figure in outcome.figures)
    faults = f", {len(outcome.faults)} promises broken" if outcome.faults else ""
    return f"{reached} of {len(outcome.figures)} figures reached{faults}, {outcome.seconds:.0f} s"


def _say(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def show(run: Run) -> None:
    table = Table(*COLUMNS, title=f"{run.seconds:.0f} s", title_justify="left")
    for row in table_rows(run):
        table.add_row(*map(escape, row[:-1]), f"[{COLOURS[row[-1]]}]{row[-1]}[/]")
    console.print(table)
    for result in run.results:
        for fault in result.faults:
            _say(f"{result.mode}: {fault}")


def interruptible(work: Coroutine[Any, Any, Run]) -> Run:
    """Ctrl-C and SIGTERM cancel it once; a second one does not disturb the ending of what was started."""

    async def whole() -> Run:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()

        def stop() -> None:
            if not task.cancelling():
                task.cancel()

        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, stop)
        return await task

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(whole())


def main(
    only: Annotated[list[Mode] | None, typer.Option(help="Just this mode; may be given several times.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smaller numbers: a test, a first look.")] = False,
    out: Annotated[Path, typer.Option(help="Where benchmarks.md and the folder benchmarks/ are written.")] = Path(
        "docs"
    ),
    write_page: Annotated[bool, typer.Option("--write/--no-write", help="Without, it only prints.")] = True,
) -> None:
    """Measure everything, print the table of figures, write the page.

    A figure that is not reached is a finding, not a failure: it stands as "not reached" in the table. Exit codes:
    0 everything was measured, 1 a mode failed or a promise was broken, 2 wrong use, 130 interrupted.
    """
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        run = interruptible(bench(list(dict.fromkeys(only or MEASUREMENTS)), quick, folder))
    except asyncio.CancelledError:
        shutil.rmtree(folder)
        raise typer.Exit(130) from None
    show(run)
    if run.failed:
        _say(f"the servers' logs are kept in {folder}")
    else:
        shutil.rmtree(folder)
    if write_page:
        _say(f"written: {write(run, out)}")
    raise typer.Exit(1 if run.failed else 0)


if __name__ == "__main__":
    typer.run(main)
