"""The addresses from which someone has logged in, known through restarts: the wall panel's above all."""

import asyncio
import json
import logging
from pathlib import Path

from edge_agent import private_file

FILE = "known.json"
MOST = 256

_log = logging.getLogger("lophoc.access")


class KnownPlaces:
    """At most `MOST`; those where nobody has logged in for longest are forgotten. Addresses only, no PIN, no name."""

    def __init__(self, file: Path | None = None) -> None:
        """`file` is read now; what cannot be read is as good as nothing, and said in the log. None: in memory only."""
        self._file = file
        self._places = dict.fromkeys(_read(file) if file is not None else [])

    def __contains__(self, place: str) -> bool:
        return place in self._places

    async def add(self, place: str) -> None:
        """Returns when it is kept. A disk that takes nothing costs only the memory of it after a restart."""
        is_news = next(reversed(self._places), None) != place
        self._places.pop(place, None)
        self._places[place] = None
        while len(self._places) > MOST:
            del self._places[next(iter(self._places))]
        if is_news and self._file is not None:
            try:
                await asyncio.to_thread(private_file.write, self._file, list(self._places))
            except OSError as why:
                _log.error("%s cannot be written: %s", self._file, why.strerror)


def _read(file: Path) -> list[str]:
    try:
        written = json.loads(file.read_bytes())
        if not isinstance(written, list) or not all(isinstance(place, str) and len(place) <= 64 for place in written):
            raise ValueError("it is no list of addresses")
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as wrong:
        _log.warning("%s cannot be read and is begun anew (%s)", file, type(wrong).__name__)
        return []
    return written[-MOST:]
