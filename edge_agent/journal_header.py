"""The first hundred bytes of the journal's file, which have no checksum; what must be there is known, and is mended.

SQLite takes some wrong bytes there for a file that may only be read, or is none at all, however whole the rest is.
Format: sqlite.org/fileformat2.html, section 1.3.
"""

import os
from pathlib import Path

PAGE_BYTES = 4096
_HEADER_BYTES = 100
_MUST_BE = {
    0: b"SQLite format 3\x00",
    16: PAGE_BYTES.to_bytes(2, "big"),
    18: b"\x02\x02",  # written, and read, with a write-ahead log
    20: b"\x00\x40\x20\x20",  # bytes kept free in each page; payload fractions
    44: (4).to_bytes(4, "big"),  # of the schema's format
    56: (1).to_bytes(4, "big"),  # UTF-8
    64: (1).to_bytes(4, "big"),  # incremental vacuum
    72: bytes(20),
}
_OURS = b"CREATE TABLE entry"
"""Behind the header, in the first page."""
_MOST_WRONG = 8
_PAGES = slice(28, 32)
_CHANGES = slice(24, 28)
_CHANGES_OF_PAGES = slice(92, 96)


def mended(path: Path) -> bool:
    """True if bytes were wrong, and have been put right. Leaves alone what does not look like a journal otherwise.

    For a file that no connection has open. Raises OSError.
    """
    with path.open("r+b") as file:
        page = file.read(PAGE_BYTES)
        found = page[:_HEADER_BYTES]
        size = file.seek(0, os.SEEK_END)
        if size % PAGE_BYTES or _OURS not in page:
            return False
        right = bytearray(found)
        for at, must_be in _MUST_BE.items():
            right[at : at + len(must_be)] = must_be
        if not _log_bytes(path):
            right[_PAGES] = (size // PAGE_BYTES).to_bytes(4, "big")
            right[_CHANGES_OF_PAGES] = right[_CHANGES]  # the number of pages is the one above
        wrong = sum(was != is_ for was, is_ in zip(found, right, strict=True))
        if not 0 < wrong <= _MOST_WRONG:
            return False
        file.seek(0)
        file.write(right)
        file.flush()
        os.fsync(file.fileno())
    return True


def _log_bytes(path: Path) -> int:
    """While there is a log, the pages in it count, not those of the file."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except FileNotFoundError:
        return 0
