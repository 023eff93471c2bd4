"""The file of recorded runs: SQLite, its own, so that a full one costs no telemetry and no lesson.

    run     one row a run, kept true in the transaction that adds its samples
    block   samples as packed columns, about a second's or more
    turned  parameters that were turned, by the sample from which they count
    note    what people wrote

One process writes, through `RunFile`; anybody of the same user reads, through `RunArchive`, also meanwhile.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_agent.run import About, Column, Ending, Note, Row, Run, Turned, pack, unpack

MAX_BYTES = 2 * 1024**3
_VERSION = 1
_BUSY_S = 5.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS run (
    id TEXT PRIMARY KEY, bench TEXT NOT NULL, about BLOB NOT NULL, columns BLOB NOT NULL, started_us INTEGER NOT NULL,
    ended_us INTEGER, ending TEXT, samples INTEGER NOT NULL, lost INTEGER NOT NULL, last_n INTEGER NOT NULL,
    exact INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS run_by_time ON run (started_us);
CREATE TABLE IF NOT EXISTS block (
    run TEXT NOT NULL, first_n INTEGER NOT NULL, last_n INTEGER NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (run, first_n));
CREATE TABLE IF NOT EXISTS turned (
    run TEXT NOT NULL, n INTEGER NOT NULL, time_us INTEGER NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS turned_by_run ON turned (run, n);
CREATE TABLE IF NOT EXISTS note (
    run TEXT NOT NULL, n INTEGER NOT NULL, time_us INTEGER NOT NULL, text TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS note_by_run ON note (run, n);
"""
_RUN = "id, about, columns, started_us, ended_us, ending, samples, lost, last_n, exact"
_TABLES = ("block", "turned", "note")


class NoSuchRun(LookupError):
    """The file has no run of this id."""


class TooManyNotes(ValueError):
    """The run has as many as one may have."""


@dataclass(slots=True)
class Change:
    """What one run has become since the last commit."""

    run: Run
    rows: list[Row]
    turned: list[Turned]


class RunFile:
    """The writer. In one thread at a time."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        """The file is made if it is not there. Raises sqlite3.Error or OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)  # SQLite gives its log the rights of the file
        self._db = sqlite3.connect(path, check_same_thread=False, timeout=_BUSY_S)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA journal_size_limit = 4194304")
            (page_bytes,) = self._db.execute("PRAGMA page_size").fetchone()
            self._most_pages: int = max(32, max_bytes // int(page_bytes))
            self._db.execute(f"PRAGMA max_page_count = {self._most_pages}")
            with self._db:
                self._db.executescript(_SCHEMA)
                self._db.execute(f"PRAGMA user_version = {_VERSION}")
        except BaseException:
            self._db.close()
            raise

    def open_runs(self) -> list[Run]:
        """Those that were not over when the agent was stopped."""
        found = self._db.execute(f"SELECT {_RUN} FROM run WHERE ended_us IS NULL")  # noqa: S608 - our own columns
        return [_run(*row) for row in found]

    def commit(self, changes: Sequence[Change]) -> list[str]:
        """All of it or nothing; for want of room the oldest runs that are over go: which. Raises sqlite3.Error."""
        gone: list[str] = []
        while True:
            going: list[str] = []
            try:
                with self._db:
                    while self._is_nearly_full() and (oldest := self._oldest_over()) is not None:
                        self._forget(oldest)
                        going.append(oldest)
                    for change in changes:
                        self._put(change)
            except sqlite3.OperationalError as why:
                if why.sqlite_errorcode != sqlite3.SQLITE_FULL or (oldest := self._oldest_over()) is None:
                    raise
                with self._db:
                    self._forget(oldest)
                gone.append(oldest)
            else:
                return gone + going

    def note(self, run: str, note: Note, most: int) -> None:
        """Raises NoSuchRun or TooManyNotes; sqlite3.Error."""
        with self._db:
            if self._db.execute("SELECT 1 FROM run WHERE id = ?", [run]).fetchone() is None:
                raise NoSuchRun(run)
            (count,) = self._db.execute("SELECT count(*) FROM note WHERE run = ?", [run]).fetchone()
            if count >= most:
                raise TooManyNotes(f"a run has at most {most} notes")
            self._db.execute("INSERT INTO note VALUES (?, ?, ?, ?)", [run, note.n, note.time_us, note.text])

    def close(self) -> None:
        self._db.close()

    def _is_nearly_full(self) -> bool:
        """A sixteenth stays free, so that what one commit adds has room."""
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        used = int(pages) - int(free)
        return used > self._most_pages - self._most_pages // 16

    def _oldest_over(self) -> str | None:
        asked = "SELECT id FROM run WHERE ended_us IS NOT NULL ORDER BY started_us LIMIT 1"
        found = self._db.execute(asked).fetchone()
        return None if found is None else str(found[0])

    def _forget(self, run: str) -> None:
        for table in _TABLES:
            self._db.execute(f"DELETE FROM {table} WHERE run = ?", [run])  # noqa: S608 - our own tables
        self._db.execute("DELETE FROM run WHERE id = ?", [run])

    def _put(self, change: Change) -> None:
        run = change.run
        encode = msgspec.json.encode
        self._db.execute(
            "INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                run.id, run.about.bench, encode(run.about), encode(run.columns), run.started_us, run.ended_us,
                run.ending, run.samples, run.lost, run.last_n, run.exact,
            ],
        )  # fmt: skip
        if change.rows:
            self._db.execute(
                "INSERT INTO block VALUES (?, ?, ?, ?)",
                [run.id, change.rows[0].n, change.rows[-1].n, pack(change.rows, run.columns)],
            )
        self._db.executemany(
            "INSERT INTO turned VALUES (?, ?, ?, ?, ?)",
            [(run.id, one.n, one.time_us, one.name, encode(one.value)) for one in change.turned],
        )


class RunArchive:
    """The reader: each call opens the file anew, from any thread or process of the same user."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def runs(self, bench: str | None = None, most: int = 100) -> list[Run]:
        """The newest first."""
        where, values = ("WHERE bench = ? ", [bench]) if bench is not None else ("", [])
        asked = f"SELECT {_RUN} FROM run {where}ORDER BY started_us DESC, id LIMIT ?"  # noqa: S608 - our own columns
        with self._opened() as db:
            return [] if db is None else [_run(*row) for row in db.execute(asked, [*values, most])]

    def run(self, run: str) -> Run:
        """Raises NoSuchRun."""
        with self._opened() as db:
            asked = f"SELECT {_RUN} FROM run WHERE id = ?"  # noqa: S608 - our own columns
            found = None if db is None else db.execute(asked, [run]).fetchone()
            if found is None:
                raise NoSuchRun(run)
            return _run(*found)

    def rows(self, run: Run, from_n: int = 0, to_n: int | None = None, step: int = 1) -> Iterator[Row]:
        """Samples whose numbers are at least `from_n`, at most `to_n`, and multiples of `step`. Raises ValueError."""
        last = run.last_n if to_n is None else to_n
        with self._opened() as db:
            if db is None:
                return
            blocks = db.execute(
                "SELECT content FROM block WHERE run = ? AND last_n >= ? AND first_n <= ? ORDER BY first_n",
                [run.id, from_n, last],
            )
            for (content,) in blocks:
                for row in unpack(content, run.columns):
                    if from_n <= row.n <= last and row.n % step == 0:
                        yield row

    def turned(self, run: str) -> list[Turned]:
        with self._opened() as db:
            asked = "SELECT n, time_us, name, value FROM turned WHERE run = ? ORDER BY n, rowid"
            found = [] if db is None else db.execute(asked, [run]).fetchall()
        return [Turned(n, time_us, name, msgspec.json.decode(value)) for n, time_us, name, value in found]

    def notes(self, run: str) -> list[Note]:
        with self._opened() as db:
            asked = "SELECT n, time_us, text FROM note WHERE run = ? ORDER BY n, rowid"
            return [] if db is None else [Note(*row) for row in db.execute(asked, [run])]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection | None]:
        """None while there is no file."""
        if not self.path.exists():
            yield None
            return
        with closing(sqlite3.connect(self.path, timeout=_BUSY_S)) as db:
            db.execute("PRAGMA query_only = ON")
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'note'").fetchone() is None:
                yield None
                return
            yield db


def _run(
    run_id: str, about: bytes, columns: bytes, started_us: int, ended_us: int | None, ending: str | None,
    samples: int, lost: int, last_n: int, exact: int,
) -> Run:  # fmt: skip
    return Run(
        run_id,
        msgspec.json.decode(about, type=About),
        tuple(msgspec.json.decode(columns, type=list[Column])),
        started_us,
        ended_us,
        None if ending is None else Ending(ending),
        samples,
        lost,
        last_n,
        bool(exact),
    )
