"""`python -m tests.models`: more games than the tests play, drawn from a seed, or the hunt for every mutant.

Owns the command line. Exit code 0 when no game went wrong (and, with `--mutants`, each mutant was found).
"""

import argparse
import contextlib
import io
import logging
import random
import sys
import tempfile
from pathlib import Path

import structlog

from dispatch.errors import DispatchError
from tests.models.covered import Covered
from tests.models.machine import play, staged
from tests.models.mutants import MUTANTS
from tests.models.stage import Servers, Stage, servers


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.models", description=__doc__)
    parser.add_argument("--games", type=int, default=500, help="how many are played (of each mutant at most)")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(2**32), help="of the first game; then its successors"
    )
    parser.add_argument("--mutants", action="store_true", help="play against a server with faults put into it")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(prefix="models-") as folder, servers(Path(folder) / "servers") as running:
        return _hunt(running, asked.games, asked.seed) if asked.mutants else _play(running, asked.games, asked.seed)


def _play(running: Servers, games: int, seed: int) -> int:
    covered = Covered()
    try:
        with Stage(running) as stage:
            play(staged(stage, covered), games, seed)
    finally:
        print("\n".join(covered.lines()), f"seed={seed}", sep="\n")
    return 0


def _hunt(running: Servers, games: int, seed: int) -> int:
    missed = [name for name in MUTANTS if not _found(running, name, games, seed)]
    print(f"mutants={len(MUTANTS)} missed={len(missed)} seed={seed}")
    return 1 if missed else 0


def _found(running: Servers, name: str, games: int, seed: int) -> bool:
    covered = Covered()
    with tempfile.TemporaryDirectory() as folder, MUTANTS[name](Path(folder)), Stage(running) as stage:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                play(staged(stage, covered), games, seed)
        except (AssertionError, DispatchError) as exc:
            print(f"found: {name}, after {covered.games} games: {str(exc)[:100]}", flush=True)
            return True
    print(f"MISSED: {name}, {covered.games} games", flush=True)
    return False


if __name__ == "__main__":
    sys.exit(main())
