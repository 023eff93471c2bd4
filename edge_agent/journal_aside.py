"""Batches that could not be read, here or at the centre: the last of them are kept for a technician."""

import sqlite3

_MOST = 64
_WHY_CHARS = 200


class Aside:
    """Raises sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection, max_bytes: int) -> None:
        self._connection = connection
        self._max_bytes = max_bytes

    def keep(self, why: str, payload: bytes) -> None:
        """The oldest make room."""
        self._connection.execute("INSERT INTO aside (why, payload) VALUES (?, ?)", (why[:_WHY_CHARS], payload))
        kept = self._connection.execute("SELECT id, length(payload) FROM aside ORDER BY id DESC").fetchall()
        size = 0
        for number, (row_id, length) in enumerate(kept):
            size += length
            if number and (number >= _MOST or size > self._max_bytes):
                self._connection.execute("DELETE FROM aside WHERE id <= ?", (row_id,))
                break
