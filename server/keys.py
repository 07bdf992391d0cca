"""Where the keys of tokens come from: secrets, a PEM file that may change, or a key set that a URL serves.

Owns the reading, when it is repeated, and what a token is told whose key is not here. Knows neither the environment
nor what the keys are used for. Invariants: keys that were read stay until others were read in their place, however
long their source is away; nobody is sent away for good for a key that may just have been published.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from dispatch import metrics
from dispatch.errors import DispatchError, Unavailable
from dispatch.identity import Algorithm, Verifier
from dispatch.keyring import Key, Keyring, unknown_key
from dispatch.tasks import end
from server.fetching import fetch
from server.key_forms import MOST_BYTES, KeysFault, parse_jwks, parse_pem

log = structlog.get_logger()
LOOK_S = 2.0
"""Between two looks at a file; it is taken when two of them found the same."""
REFRESH_S = 300.0
COOL_S = 10.0
"""Between two fetches, however many unknown keys are asked for."""
FIRST_S = 1.0
"""Between two fetches as long as there are no keys at all."""
FETCH_S = 5.0
MOST_WANTED = 1000
MOST_KID = 256


class KeySource(Protocol):
    state: str
    """`ok`, or why no token can be checked."""

    @property
    def ring(self) -> Keyring: ...

    async def follow(self) -> None:
        """Keep the ring as its source has it, for ever."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Which tokens are believed. Either `secrets`, the first of which signs, or one source of public keys."""

    algorithm: Algorithm
    issuer: str | None
    secrets: tuple[str, ...] = ()
    key_file: Path | None = None
    key_set_url: str | None = None

    def source(self) -> KeySource | None:
        """None: secrets, which need none. Raises KeysFault."""
        if self.key_file is not None:
            return KeyFile(self.key_file, self.algorithm)
        return KeySet(self.key_set_url, self.algorithm) if self.key_set_url else None

    def verifier(self, source: KeySource | None) -> Verifier:
        keys = self.secrets if source is None else source.ring
        return Verifier(keys, algorithm=self.algorithm, issuer=self.issuer)


@asynccontextmanager
async def followed(source: KeySource | None) -> AsyncIterator[None]:
    """For the block the keys are kept as their source has them."""
    following = asyncio.create_task(source.follow(), name="keys") if source is not None else None
    try:
        yield
    finally:
        if following is not None:
            await end([following])


# --- a file -------------------------------------------------------------------------------------------


class KeyFile:
    def __init__(self, path: Path, algorithm: Algorithm) -> None:
        """Raises KeysFault: a start with a wrong file is none."""
        self._path = path
        self._algorithm = algorithm
        self._taken = self._seen = _read(path)
        self._fault = ""
        self.ring = Keyring(self._parsed(self._taken))
        self.state = "ok"

    async def follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except Exception as exc:  # a bug: without these looks no key would ever change
                _report(exc)

    async def look(self) -> None:
        """Take what the file holds if it is new, and was the same in the look before: it may be half written."""
        try:
            written = await asyncio.to_thread(_read, self._path)
            if written != self._seen:
                self._seen = written
            elif written != self._taken:
                keys = self._parsed(written)
                self._taken = written
                self.ring.replace(keys)
                log.info("keys_read", keys=len(keys))
        except KeysFault as exc:
            if str(exc) != self._fault:
                log.error("keys_not_read", error=str(exc))
            self._fault = str(exc)
        else:
            self._fault = ""

    def _parsed(self, written: bytes) -> tuple[Key, ...]:
        try:
            return parse_pem(written, self._algorithm)
        except KeysFault as exc:
            raise KeysFault(f"{self._path}: {exc}") from exc


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            written = file.read(MOST_BYTES + 1)
    except OSError as exc:
        raise KeysFault(f"{path}: {exc.strerror}") from exc
    if len(written) > MOST_BYTES:
        raise KeysFault(f"{path}: it is larger than {MOST_BYTES} bytes")
    return written


# --- a key set ----------------------------------------------------------------------------------------


class FetchedRing(Keyring):
    """Keys of which a newer set may be had: a key that it lacks is looked for before its bearer is refused."""

    def __init__(self, cool_s: float = COOL_S) -> None:
        super().__init__()
        self.filled = False
        self.asked = asyncio.Event()
        """Set while a fetch should come sooner than it would by itself."""
        self._cool_s = cool_s
        self._wanted: set[str] = set()
        self._absent: set[str] = set()
        self._absent_until = 0.0

    @property
    def wanted(self) -> frozenset[str]:
        return frozenset(self._wanted)

    def refill(self, keys: tuple[Key, ...], looked_for: frozenset[str], began: float) -> None:
        """A fetch that began after `looked_for` were wanted brought these; what was wanted since still is."""
        self.replace(keys)
        self.filled = True
        here = {key.kid for key in keys}
        self._absent = {kid for kid in looked_for if kid not in here}
        self._absent_until = began + self._cool_s
        self._wanted -= looked_for | here
        if not self._wanted:
            self.asked.clear()

    def _missing(self, kid: str | None) -> DispatchError:
        if not self.filled or kid is None:
            return Unavailable("the keys of tokens are not here yet")
        if len(kid) > MOST_KID or (kid in self._absent and time.monotonic() < self._absent_until):
            return unknown_key()
        if len(self._wanted) < MOST_WANTED:
            self._wanted.add(kid)
        self.asked.set()
        return Unavailable("the token's key is being looked for")


class KeySet:
    def __init__(self, url: str, algorithm: Algorithm, *, refresh_s: float = REFRESH_S, cool_s: float = COOL_S) -> None:
        self._url = url
        self._algorithm = algorithm
        self._refresh_s = refresh_s
        self._cool_s = cool_s
        self._kids: set[str | None] = set()
        self._fault = ""
        self.ring = FetchedRing(cool_s)
        self.state = "the keys of tokens are being fetched"

    async def follow(self) -> None:
        while True:
            began, fetched = time.monotonic(), False
            try:
                fetched = await self._fetched(began)
            except Exception as exc:  # a bug: without these fetches no key would ever change
                _report(exc)
            await self._rest(began, fetched)

    async def _fetched(self, began: float) -> bool:
        looked_for = self.ring.wanted
        try:
            keys = parse_jwks(await asyncio.to_thread(fetch, self._url, FETCH_S, MOST_BYTES), self._algorithm)
        except KeysFault as exc:
            self._say_fault(str(exc))
            return False
        self.ring.refill(keys, looked_for, began)
        kids = {key.kid for key in keys}
        if self._fault or kids != self._kids:
            log.info("keys_fetched", keys=len(keys))
        self._kids, self._fault, self.state = kids, "", "ok"
        return True

    def _say_fault(self, fault: str) -> None:
        """Once; while there are older keys, they count."""
        if fault != self._fault:
            log.warning("keys_not_fetched", error=fault, older_keys=len(self._kids))
        self._fault = fault
        if not self.ring.filled:
            self.state = f"the keys of tokens can not be fetched: {fault}"

    async def _rest(self, began: float, fetched: bool) -> None:
        """Until the keys are due again, or are asked for: then what is left of the cooling."""
        cool_s = self._cool_s if self.ring.filled else min(self._cool_s, FIRST_S)
        due_s = self._refresh_s if fetched else cool_s
        with suppress(TimeoutError):
            async with asyncio.timeout(due_s * random.uniform(0.9, 1.0)):  # not all processes at once
                await self.ring.asked.wait()
        await asyncio.sleep(max(0.0, began + cool_s - time.monotonic()))


def _report(exc: BaseException) -> None:
    metrics.BROKEN.inc()
    log.error("keys_not_followed", exc_info=exc)
