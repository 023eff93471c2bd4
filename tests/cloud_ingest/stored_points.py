"""How many points a SQLite store has, read past our own code."""

import sqlite3
from contextlib import closing
from pathlib import Path


def stored_points(path: Path) -> int:
    """Each series and time once; 0 while there is no store."""
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=20.0)) as store:
        if not store.execute("select 1 from sqlite_master where name = 'point'").fetchone():
            return 0
        count: int = store.execute("select count(*) from point").fetchone()[0]
        return count
