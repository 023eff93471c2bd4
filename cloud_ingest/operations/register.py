"""The equipment register: what people write down of a device that it cannot say itself: model, serial, warranty."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Self

import msgspec

from cloud_ingest.own_file import OwnFile
from cloud_ingest.store import wall_us

FILE = "equipment.sqlite"
_VERSION = 1
_SCHEMA = """
CREATE TABLE item (
    school TEXT NOT NULL, room TEXT NOT NULL, device TEXT NOT NULL, model TEXT NOT NULL, serial TEXT NOT NULL,
    bought TEXT, warranty_until TEXT, note TEXT NOT NULL, changed_by TEXT NOT NULL, changed_us INTEGER NOT NULL,
    PRIMARY KEY (school, room, device)) WITHOUT ROWID
"""
_COLUMNS = "school, room, device, model, serial, bought, warranty_until, note, changed_by, changed_us"
Place = tuple[str, str, str]
"""School, room, device."""


class RegisterUnavailable(Exception):
    """The file cannot be read or written now; the text says why."""


class Item(msgspec.Struct, frozen=True, gc=False):
    school: str
    room: str
    device: str
    model: str = ""
    serial: str = ""
    bought: date | None = None
    warranty_until: date | None = None
    note: str = ""
    changed_by: str = ""
    changed_us: int = 0

    @property
    def place(self) -> Place:
        return self.school, self.room, self.device


class Register:
    """Open it with `with`. Blocking; from any thread. All methods raise RegisterUnavailable."""

    def __init__(self, path: Path, clock_us: Callable[[], int] = wall_us) -> None:
        self._file = OwnFile(path, _SCHEMA, _VERSION, "the equipment register", RegisterUnavailable)
        self._clock_us = clock_us
        self._models: dict[Place, str] = {}

    def __enter__(self) -> Self:
        self._file.__enter__()
        self._models = {item.place: item.model for item in self.items() if item.model}
        return self

    def __exit__(self, *_: object) -> None:
        self._file.__exit__()

    def item(self, school: str, room: str, device: str) -> Item | None:
        found = self._ask(f"SELECT {_COLUMNS} FROM item WHERE school = ? AND room = ? AND device = ?",  # noqa: S608
                          (school, room, device))  # fmt: skip
        return found[0] if found else None

    def items(self, school: str | None = None, room: str | None = None) -> list[Item]:
        """In order of school, room and device."""
        return self._ask(
            f"SELECT {_COLUMNS} FROM item WHERE (:school IS NULL OR school = :school) "  # noqa: S608 - our own names
            "AND (:room IS NULL OR room = :room) ORDER BY school, room, device",
            {"school": school, "room": room},
        )

    def model(self, place: Place) -> str:
        """Without asking the file; empty if nobody has written it down."""
        return self._models.get(place, "")

    def write(self, item: Item, by: str) -> Item:
        """Instead of what was there."""
        kept = msgspec.structs.replace(item, changed_by=by, changed_us=self._clock_us())
        row = [day.isoformat() if isinstance(day, date) else day for day in msgspec.structs.astuple(kept)]
        with self._file.reading() as rows:
            rows.execute("INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._models[kept.place] = kept.model
        return kept

    def remove(self, school: str, room: str, device: str) -> bool:
        """False if there was nothing."""
        with self._file.reading() as rows:
            gone = rows.execute("DELETE FROM item WHERE school = ? AND room = ? AND device = ?", (school, room, device))
        self._models.pop((school, room, device), None)
        return gone.rowcount > 0

    def _ask(self, question: str, values: object) -> list[Item]:
        with self._file.reading() as kept:
            rows = kept.execute(question, values).fetchall()  # type: ignore[arg-type]
        return [
            Item(school, room, device, model, serial, _day(bought), _day(until), note, by, at_us)
            for school, room, device, model, serial, bought, until, note, by, at_us in rows
        ]


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
