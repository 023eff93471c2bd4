"""The names of the series in the journal's rows: in two tables, so that one bad page does not cost all of them."""

import sqlite3
from collections.abc import Iterator

from classroom_profiles.telemetry import Layout, names

_TABLES = ("layout", "layout_again")
_BOTH = "SELECT packed FROM layout WHERE id = ? UNION ALL SELECT packed FROM layout_again WHERE id = ?"


class KeptLayouts:
    """Raises sqlite3.Error. What it remembers is forgotten by `forget` if a transaction was undone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._layouts: dict[int, Layout] = {}
        self._ids: dict[bytes, int] = {}

    def forget(self) -> None:
        self._layouts, self._ids = {}, {}

    def of(self, layout_id: int, payload: bytes) -> Layout | None:
        """The one under `layout_id` that `payload` refers to."""
        known = self._layouts.get(layout_id)
        if known is not None:
            return known if names(payload, known) else None
        for (packed,) in self._connection.execute(_BOTH, (layout_id, layout_id)).fetchall():
            layout = read_layout(packed)
            if layout is not None and names(payload, layout):
                self._layouts[layout_id] = layout
                return layout
        return None

    def id_of(self, layout: Layout) -> int:
        """Keeps it, if it is not there yet."""
        known = self._ids.get(layout.packed)
        if known is not None:
            return known
        (made,) = self._connection.execute(
            "INSERT INTO layout (packed) VALUES (?) RETURNING id", (layout.packed,)
        ).fetchone()
        self._connection.execute("INSERT OR REPLACE INTO layout_again VALUES (?, ?)", (made, layout.packed))
        self._ids[layout.packed] = made
        self._layouts[made] = layout
        return int(made)

    def all(self) -> Iterator[tuple[int, Layout]]:
        """With their ids; each perhaps twice."""
        for table in _TABLES:
            for layout_id, packed in self._connection.execute(f"SELECT id, packed FROM {table}").fetchall():  # noqa: S608
                if (layout := read_layout(packed)) is not None:
                    yield layout_id, layout

    def remove_unused(self) -> None:
        """Those that no row has; not for every day, since it looks at all rows."""
        for table in _TABLES:
            self._connection.execute(f"DELETE FROM {table} WHERE id NOT IN (SELECT layout FROM entry)")  # noqa: S608
        self.forget()


def read_layout(packed: object) -> Layout | None:
    """None if the disk has changed it."""
    try:
        return Layout.read(packed) if isinstance(packed, bytes) else None
    except ValueError:
        return None
