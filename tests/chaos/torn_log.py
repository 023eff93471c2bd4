"""What a power cut leaves at the end of SQLite's write-ahead log: a frame that was begun and not finished.

Format: sqlite.org/fileformat2.html, section 4. Header of 32 bytes: magic, version, page size, sequence, salt (8 bytes),
checksum; then frames: header of 24 bytes (page, size after commit, salt, checksum) and a page.
"""

import random
from pathlib import Path

_HEADER = 32
_FRAME_HEADER = 24


def tear(log: Path, noise: random.Random, share: float) -> int:
    """Write, behind the last frame that is valid by its salt, a header with that salt and `share` of a page of noise.

    Returns where it was written; -1 if there is no log yet. Raises OSError if the disk is full.
    """
    if not log.exists():
        return -1
    with log.open("r+b") as file:
        header = file.read(_HEADER)
        if len(header) < _HEADER:
            return -1
        page = int.from_bytes(header[8:12], "big")
        salt = header[16:24]
        end = _HEADER
        while (frame := file.read(_FRAME_HEADER)) and frame[8:16] == salt and len(file.read(page)) == page:
            end += _FRAME_HEADER + page
        file.seek(end)
        numbers = (1).to_bytes(4, "big") + noise.randrange(1, 100).to_bytes(4, "big")
        file.write(numbers + salt + noise.randbytes(8) + noise.randbytes(int(page * share)))
    return end
