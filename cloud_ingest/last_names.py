"""Which series the rooms of the last values' file have: written once for all rooms that have the same."""

import sqlite3
from collections.abc import Iterable, Sequence

from cloud_ingest.last_rows import Name, Names, Wanted, pack_names, unpack_names

_READY = 30_000  # in a city where all rooms are alike they are few
_WORDS = 200_000
_FORGET = "DELETE FROM names WHERE id = ? AND NOT EXISTS (SELECT 1 FROM room WHERE names = names.id)"


class LastNames:
    """What stands in the table `names`, kept ready. A number is never used for other names again."""

    def __init__(self) -> None:
        self._ready: dict[int, tuple[Names, Sequence[int]]] = {}
        self._numbers: dict[Names, int] = {}
        self._same: dict[Name, Name] = {}
        """One of each, since most rooms have the same."""
        self._wanted: Wanted | None = None
        self._chosen: dict[int, Sequence[int]] = {}
        """Of the names under a number those that were wanted when it was last asked."""

    def forget(self) -> None:
        """It is another file."""
        self._ready.clear()
        self._numbers.clear()
        self._same.clear()
        self._chosen.clear()

    def of(self, connection: sqlite3.Connection, number: int) -> tuple[Names, Sequence[int]]:
        """The names, and their places in the order in which they are shown. Raises ValueError."""
        found = self._ready.get(number)
        if found is None:
            row = connection.execute("SELECT packed FROM names WHERE id = ?", (number,)).fetchone()
            if row is None:
                raise ValueError("a room has no names")
            if len(self._ready) >= _READY or len(self._same) >= _WORDS:
                self.forget()
            names = tuple([self._same.setdefault(name, name) for name in unpack_names(row[0])])
            order = sorted(range(len(names)), key=lambda place: _shown(names[place]))
            found = self._ready[number] = names, order
        return found

    def chosen(self, connection: sqlite3.Connection, number: int, wanted: Wanted | None) -> tuple[Names, Sequence[int]]:
        """As `of`, but the places of those only that are wanted. Raises ValueError."""
        names, order = self.of(connection, number)
        if wanted is None:
            return names, order
        if wanted != self._wanted:
            self._wanted = wanted
            self._chosen.clear()
        places = self._chosen.get(number)
        if places is None:
            if len(self._chosen) >= _READY:
                self._chosen.clear()
            places = self._chosen[number] = [place for place in order if wanted(names[place])]
        return names, places

    def known(self, names: Names) -> int | None:
        """Where they are written down, if that is known here."""
        return self._numbers.get(names)

    def number(self, connection: sqlite3.Connection, names: Names) -> int:
        """Where the names are written down, which is done if they are new."""
        found = self._numbers.get(names)
        if found is None:
            packed = pack_names(names)
            connection.execute("INSERT OR IGNORE INTO names (packed) VALUES (?)", (packed,))
            (found,) = connection.execute("SELECT id FROM names WHERE packed = ?", (packed,)).fetchone()
            if len(self._numbers) >= _READY:
                self._numbers.clear()
            self._numbers[names] = found
        return int(found)

    def let_go(self, connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
        """Of these those that no room has any more."""
        for number in numbers:
            connection.execute(_FORGET, (number,))
        # Another process may have done so as well: a number is looked up again before it is given to a room.
        self._numbers.clear()


def _shown(name: Name) -> tuple[str, ...]:
    measurement, device, role, metric = name
    return measurement, device, metric, role
