"""The registry: which gateways, rooms and devices there are, when each was last heard of, and what gateways said.

The receiver's threads tell it of every status and every stored batch, which costs a few microseconds; a thread of its
own writes the news to a small SQLite file every few seconds. Several workers share the file: each hears of a part of
the batches, and the newest counts. It is made of what comes in: losing it loses history only, never a point.
"""

import contextlib
import hashlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import msgspec

from classroom_profiles.telemetry import Layout
from classroom_profiles.topics import Address
from cloud_ingest.gaps import Spell
from cloud_ingest.gateways import Gateway, Said, said_of
from cloud_ingest.registry_file import RegistryFile, RegistryUnavailable, translated
from cloud_ingest.store import Portion, wall_us

__all__ = ["Device", "Registry", "RegistryUnavailable", "beside", "made_beside"]

FLUSH_S = 5.0
_GATEWAYS = 100_000
_SPELLS = 10_000  # of one gateway: more than a year of one that is switched off and on ten times a day
DEVICES = 5_000
"""Of one gateway: beyond that those that were heard of longest ago are forgotten."""
_DEVICES_US = 300_000_000  # a city has 300,000 devices: when each was seen is written down every five minutes
_HEARD = """
INSERT INTO gateway (school, name, heard_us, newest_us, points) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET heard_us = max(heard_us, excluded.heard_us), newest_us = max(newest_us, excluded.newest_us),
    points = points + excluded.points
"""
# The broker repeats a kept status to every worker and after each reconnection: what is not new keeps its time.
_SAID = """
INSERT INTO gateway (school, name, said, said_us) VALUES (:school, :name, :said, :at)
ON CONFLICT DO UPDATE SET said = excluded.said, said_us = excluded.said_us
WHERE said IS NULL OR (said <> excluded.said AND said_us <= excluded.said_us)
"""
_SPELL = """
INSERT OR IGNORE INTO spell (school, name, since_us, what) SELECT :school, :name, :at, :what
WHERE :what IS NOT (SELECT what FROM spell WHERE school = :school AND name = :name AND since_us <= :at
    ORDER BY since_us DESC LIMIT 1)
"""
_FORGET = """
DELETE FROM spell WHERE school = :school AND name = :name AND since_us <= (SELECT since_us FROM spell
    WHERE school = :school AND name = :name ORDER BY since_us DESC LIMIT 1 OFFSET :most)
"""
_GATEWAYS_AND_ROOMS = """
SELECT school, name, said, said_us, heard_us, newest_us, points,
    (SELECT group_concat(DISTINCT room) FROM device WHERE device.school = gateway.school AND device.gateway = name)
FROM gateway WHERE :school IS NULL OR school = :school ORDER BY school, name
"""
_DEVICE = """
INSERT INTO device (school, room, device, role, gateway, seen_us) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET gateway = excluded.gateway, seen_us = excluded.seen_us WHERE excluded.seen_us > seen_us
"""
_DEVICES = """
SELECT school, room, device, role, gateway, seen_us FROM device
WHERE school = :school AND (:room IS NULL OR room = :room) ORDER BY room, device, role
"""
_SPELLS_OF = "SELECT since_us, what FROM spell WHERE school = :school AND name = :name ORDER BY since_us"
_COUNT_DEVICES = "SELECT count(*) FROM device WHERE school = ? AND gateway = ?"
_FORGET_DEVICES = """
DELETE FROM device WHERE (school, room, device, role) IN (SELECT school, room, device, role FROM device
    WHERE school = ? AND gateway = ? ORDER BY seen_us DESC LIMIT -1 OFFSET ?)
"""
_log = logging.getLogger("lophoc.ingest.registry")


@dataclass(frozen=True, slots=True)
class Device:
    """A device as its points name it, and when one of them was stored, within five minutes."""

    school: str
    room: str
    device: str
    role: str
    gateway: str
    seen_us: int


@dataclass(slots=True)
class _News:
    """Of one gateway, since they were last written down."""

    heard_us: int = 0
    newest_us: int = 0
    points: int = 0
    devices: set[tuple[str, str, str]] = field(default_factory=set)
    said: list[tuple[int, Said]] = field(default_factory=list)


@dataclass(slots=True)
class _Known:
    """Of one gateway: what need not be written down again for a while."""

    since_us: int
    devices: set[int] = field(default_factory=set)
    """Their hashes."""
    layout: Layout | None = None
    """All of its devices are among them."""


def beside(store_url: str, what: str = "registry") -> Path:
    """Where a store's registry or `last-values` are: next to the embedded one's file, else among this user's state."""
    parts = urlsplit(store_url)
    if parts.scheme == "sqlite":
        return Path(f"{unquote(parts.path[1:])}.{what}")
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    name = hashlib.blake2b(store_url.encode(), digest_size=6).hexdigest()
    return Path(state).expanduser() / "lophoc" / f"{what}-{name}.sqlite"


def made_beside(store_url: str, what: str = "registry") -> Path:
    """As `beside`, for whoever writes it: this user's folder for state is made. Raises RegistryUnavailable."""
    path = beside(store_url, what)
    if urlsplit(store_url).scheme != "sqlite":  # the folder of an embedded store is its owner's to make
        with translated():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


class Registry:
    """Open it with `with`. A reader passes `create=False`, and nothing is written."""

    def __init__(
        self, path: Path, *, create: bool = True, clock_us: Callable[[], int] = wall_us, flush_s: float = FLUSH_S
    ) -> None:
        self._create = create
        self._clock_us = clock_us
        self._flush_s = flush_s
        self._news: dict[Address, _News] = {}
        self._known: dict[Address, _Known] = {}
        self._told = threading.Lock()
        self._using = threading.Lock()
        self._file = RegistryFile(path, create=create)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._flush_on, name="registry", daemon=True)

    def __enter__(self) -> Self:
        """Raises RegistryUnavailable."""
        with self._using:
            self._file.open()
        if self._create:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._create:
            with contextlib.suppress(RegistryUnavailable):
                self.flush()
        with self._using:
            self._file.close()

    def on_status(self, sender: Address, payload: bytes) -> None:
        """A gateway's status came. What is none is left alone."""
        said = said_of(payload)
        if said is None:
            return
        now_us = self._clock_us()
        with self._told:
            if (news := self._of(sender)) is not None and (not news.said or news.said[-1][1] != said):
                news.said.append((now_us, said))
                if len(news.said) > 100:  # one that flaps: its first and its newest words are enough
                    del news.said[50]

    def on_batch(self, sender: Address, portion: Portion) -> None:
        """A batch of a gateway was stored."""
        now_us = self._clock_us()
        points = newest_us = 0
        for run in portion.runs:
            times_us = run.times_us
            points += len(times_us)
            if times_us[-1] > newest_us:
                newest_us = times_us[-1]
        with self._told:
            news = self._of(sender)
            if news is not None:
                news.heard_us = now_us
                news.newest_us = max(news.newest_us, newest_us)
                news.points += points
                self._hear_devices(sender, portion, news, now_us)

    def _hear_devices(self, sender: Address, portion: Portion, news: _News, now_us: int) -> None:
        known = self._known.get(sender)
        if known is None or abs(now_us - known.since_us) > _DEVICES_US:
            if len(self._known) >= _GATEWAYS:
                self._known.clear()
            known = self._known[sender] = _Known(now_us)
        if portion.layout is not None and portion.layout is known.layout:
            return  # the usual case: the same as a moment ago
        devices = {(run.series.room, run.series.device, run.series.role) for run in portion.runs}
        new = [device for device in devices if hash(device) not in known.devices]
        known.devices.update(map(hash, new))
        known.layout = portion.layout
        news.devices.update(new)

    def _of(self, sender: Address) -> _News | None:
        """None if there are absurdly many."""
        news = self._news.get(sender)
        if news is None and len(self._news) < _GATEWAYS:
            news = self._news[sender] = _News()
        return news

    def _flush_on(self) -> None:
        lost = False
        while not self._closing.wait(self._flush_s):
            try:
                self.flush()
                lost = False
            except RegistryUnavailable as why:
                if not lost:
                    _log.warning("the registry is not written, it will be: %s", why)
                lost = True

    def flush(self) -> None:
        """Write down what is new. Raises RegistryUnavailable; then it is written the next time."""
        with self._told:
            news, self._news = self._news, {}
        try:
            with self._using, self._file.transaction() as connection:
                self._write(connection, news)
        except RegistryUnavailable:
            with self._told:
                for sender, older in news.items():
                    self._news[sender] = _joined(older, self._news.get(sender))
            raise

    def _write(self, connection: sqlite3.Connection, news: dict[Address, _News]) -> None:
        heard, said, devices = [], [], []
        for (school, name), one in ((_pair(sender), one) for sender, one in news.items()):
            if one.heard_us:
                heard.append((school, name, one.heard_us, one.newest_us, one.points))
            said += [
                {
                    "school": school,
                    "name": name,
                    "at": at,
                    "said": msgspec.json.encode(words).decode(),
                    "what": words.what,
                }
                for at, words in one.said
            ]
            devices += [(school, room, device, role, name, one.heard_us) for room, device, role in one.devices]
        connection.executemany(_HEARD, heard)
        for words in said:
            if connection.execute(_SAID, words).rowcount:
                connection.execute(_SPELL, words)
                connection.execute(_FORGET, {**words, "most": _SPELLS})
        connection.executemany(_DEVICE, sorted(devices))
        for sender, one in news.items():
            if one.devices and connection.execute(_COUNT_DEVICES, _pair(sender)).fetchone()[0] > DEVICES:
                connection.execute(_FORGET_DEVICES, (*_pair(sender), DEVICES))

    def gateways(self, school: str | None = None) -> list[Gateway]:
        """In order of school and name. Raises RegistryUnavailable."""
        rows = self._all(_GATEWAYS_AND_ROOMS, {"school": school})
        return [
            Gateway(
                of, name, None if said is None else msgspec.json.decode(said, type=Said), said_us, heard_us, newest_us,
                points, tuple(sorted(filter(None, (rooms or "").split(",")))),
            )
            for of, name, said, said_us, heard_us, newest_us, points, rooms in rows
        ]  # fmt: skip

    def devices(self, school: str, room: str | None = None) -> list[Device]:
        """In order of room and device. Raises RegistryUnavailable."""
        return [Device(*row) for row in self._all(_DEVICES, {"school": school, "room": room})]

    def spells(self, school: str, gateway: str) -> list[Spell]:
        """What it said, from when on, in order of time. Raises RegistryUnavailable."""
        return [Spell(*row) for row in self._all(_SPELLS_OF, {"school": school, "name": gateway})]

    def _all(self, question: str, about: dict[str, str | None]) -> list[tuple[Any, ...]]:
        with self._using, self._file.transaction() as connection:
            return connection.execute(question, about).fetchall()


def _pair(sender: Address) -> tuple[str, str]:
    return sender.school, sender.gateway


def _joined(older: _News, newer: _News | None) -> _News:
    if newer is None:
        return older
    return _News(
        max(older.heard_us, newer.heard_us),
        max(older.newest_us, newer.newest_us),
        older.points + newer.points,
        older.devices | newer.devices,
        (older.said + newer.said)[-100:],
    )
