"""The feed that the centre and the alarms follow: the last values' file as soon as there is one, until then the store.

It does not matter which of `lophoc ingest` and `lophoc ops` is started first, or whether the file is made much later.
"""

import contextlib
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from cloud_ingest.last_file import LastValuesUnavailable
from cloud_ingest.last_rows import Wanted
from cloud_ingest.last_values import LastValues
from cloud_ingest.operations.feed import Feed, LastValue
from cloud_ingest.store import SchoolTotals


class LastsFeed:
    """Open it with `with`. Threads may share it.

    Once the file has been seen it is the only source: while it cannot be read, the questions raise
    LastValuesUnavailable, since a store that is asked for all of a city could not follow.
    """

    def __init__(self, path: Path, until_then: Feed, log: logging.Logger) -> None:
        self._path = path
        self._until_then = until_then
        self._log = log
        self._lasts: LastValues | None = None
        self._opening = threading.Lock()
        self._said = False

    def __enter__(self) -> Self:
        self._source()
        return self

    def __exit__(self, *exc: object) -> None:
        with self._opening:
            if self._lasts is not None:
                self._lasts.__exit__(*exc)
                self._lasts = None

    def latest(self, school: str, room: str | None = None) -> Sequence[LastValue]:
        return self._source().latest(school, room)

    def by_school(self, metric: str, since_us: int) -> Sequence[SchoolTotals]:
        return self._source().by_school(metric, since_us)

    def changed_since(self, revision: int, /, *, wanted: Wanted | None = None) -> tuple[int, Sequence[LastValue]]:
        """The store's revisions are small numbers and the file's are not: all of the file comes when it is there.

        `wanted`: what is not may be left out.
        """
        source = self._source()
        if isinstance(source, LastValues):
            return source.changed_since(revision, wanted=wanted)
        return source.changed_since(revision)

    def _source(self) -> Feed:
        if self._lasts is None:
            with self._opening, contextlib.suppress(_NotYet):
                if self._lasts is None:
                    self._lasts = self._opened()
        return self._until_then if self._lasts is None else self._lasts

    def _opened(self) -> LastValues:
        """Raises _NotYet."""
        lasts = LastValues(self._path, create=False)
        try:
            lasts.__enter__()
        except LastValuesUnavailable as why:
            if not self._said:
                self._log.warning("the store is asked for the newest values, which is slower: %s", why)
            self._said = True
            raise _NotYet from why
        if self._said:
            self._log.info("the newest values come from %s now", self._path)
        return lasts


class _NotYet(Exception):
    pass
