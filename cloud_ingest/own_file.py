"""A small SQLite file of one part of the centre: only we can read it, of one version, several threads and processes.

Whoever has one says its tables, and which error stands for "it cannot be read or written now".
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec

from cloud_ingest.wal import make_private, write_ahead


class OwnFile:
    """Open it with `with`. Blocking; from any thread. All methods raise the error that it was made with."""

    def __init__(
        self, path: Path, schema: str, version: int, called: str, unavailable: type[Exception], *,
        create: bool = True, pragmas: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """`called`: what the error calls it. Without `create` it is read only, and there has to be one."""
        self._path = path
        self._schema, self._version = schema, version
        self._called, self._unavailable = called, unavailable
        self._create = create
        self._pragmas = pragmas
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        with self._translated():
            if self._create:
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                make_private(self._path)
            elif not self._path.exists():
                raise self._unavailable(f"there are no {self._called.removeprefix('the ')} {self._path}")
            connection = sqlite3.connect(self._path, timeout=10.0, isolation_level=None, check_same_thread=False)
            try:
                if self._create:
                    write_ahead(connection)
                    for pragma in self._pragmas:
                        connection.execute(f"PRAGMA {pragma}")
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        self._connection = connection
        return self

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """In one transaction, for another process may be making the tables just now."""
        with _transaction(connection, "BEGIN IMMEDIATE" if self._create else "BEGIN"):
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0 and self._create:
                for statement in self._schema.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {self._version}")
            elif version != self._version:
                raise self._unavailable(f"{self._path} has version {version}; this lophoc knows {self._version}")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """What is written in it, a statement, is written at once."""
        with self._lock, self._translated():
            yield self._opened()

    @contextlib.contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or nothing."""
        with self._lock, self._translated(), _transaction(self._opened(), "BEGIN IMMEDIATE") as connection:
            yield connection

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise self._unavailable(f"{self._path} is not open")
        return self._connection

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, msgspec.DecodeError) as wrong:
            raise self._unavailable(f"{self._called}: {wrong}") from wrong


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[sqlite3.Connection]:
    connection.execute(begin)
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
