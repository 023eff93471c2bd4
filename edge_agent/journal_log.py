"""SQLite's write-ahead log after a power cut: SQLite takes it up to the first damaged frame, and drops the rest.

Behind a bit that the disk has changed there may be seconds of points that were durable. Frames are a chain, each
checked by a checksum that goes on from the one before, so it can be told which frame is damaged: that one is left out,
and the others are made into a log again. Only where two transactions or more lie behind it: of the last one nobody was
told that it is durable if it is torn.

Format: sqlite.org/fileformat2.html, section 4. Header of 32 bytes: magic, version, page size, sequence, salt (8 bytes),
checksum (8); frames: page, size after commit, salt (8), checksum (8), and a page.
"""

import os
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.journal_header import PAGE_BYTES

_MAGIC = 0x377F0682
"""Checksums over little-endian words, as every machine writes them on which gateways run."""
_VERSION = 3007000
_HEADER = struct.Struct(">IIII8sII")
_FRAME = struct.Struct(">II8sII")
_FRAME_BYTES = _FRAME.size + PAGE_BYTES

_Sum = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Frame:
    content: bytes
    """Page number and size after commit, as they are summed up, and the page."""
    commits: bool
    good: bool
    """What is in it is as it was written."""
    taken: bool
    """By SQLite, if all before it are."""


def damaged(log: Path) -> bool:
    """True if transactions that were durable lie behind a frame that is damaged. Raises OSError."""
    return _lost_commits(_frames(log.read_bytes())) > 1


def mend(log: Path) -> None:
    """Leave out the damaged frames of a log that nobody has open. Raises OSError."""
    content = log.read_bytes()
    frames = _frames(content)
    if _lost_commits(frames) < 2:
        return
    salt = _salt(content)
    head = _HEADER.pack(_MAGIC, _VERSION, PAGE_BYTES, 0, salt, 0, 0)[:24]
    chain = _sum(head, (0, 0))
    made = [head + struct.pack(">II", *chain)]
    for frame in frames:
        if frame.good:
            chain = _sum(frame.content, chain)
            made.append(frame.content[:8] + salt + struct.pack(">II", *chain) + frame.content[8:])
    beside = log.with_name(f"{log.name}.mended")
    with os.fdopen(os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        file.write(b"".join(made))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(log)


def _lost_commits(frames: Sequence[_Frame]) -> int:
    """What SQLite would not take."""
    bad = next((place for place, frame in enumerate(frames) if not frame.taken), len(frames))
    return sum(frame.commits for frame in frames[bad:])


def _frames(content: bytes) -> list[_Frame]:
    """All up to the last one of this log: what is behind it is of an older one."""
    salt = _salt(content)
    whole = [
        content[at : at + _FRAME_BYTES] for at in range(_HEADER.size, len(content) - _FRAME_BYTES + 1, _FRAME_BYTES)
    ]
    while whole and whole[-1][8:16] != salt:
        whole.pop()
    chain, begins = _begin(content, whole)
    found: list[_Frame] = []
    for place, raw in enumerate(whole):
        _, size, its_salt, *stored = _FRAME.unpack_from(raw)
        summed = raw[:8] + raw[_FRAME.size :]
        its_sum = _sum(summed, chain)
        taken = good = begins and its_sum == tuple(stored) and its_salt == salt
        behind = whole[place + 1] if place + 1 < len(whole) else None
        if not good and (its_sum == tuple(stored) or (behind is not None and _follows(behind, its_sum))):
            good = True  # what is damaged is its salt or its checksum, or the header, not what is in it
        found.append(_Frame(summed, size > 0, good, taken))
        chain = its_sum if good else (stored[0], stored[1])
    return found


def _begin(content: bytes, whole: Sequence[bytes]) -> tuple[_Sum, bool]:
    """The checksum with which the first frame goes on, and if SQLite would take the header."""
    if len(content) < _HEADER.size:
        return (0, 0), False
    magic, _, page_bytes, _, _, *stored = _HEADER.unpack_from(content)
    summed, said = _sum(content[:24], (0, 0)), (stored[0], stored[1])
    good = (magic, page_bytes) == (_MAGIC, PAGE_BYTES) and summed == said
    return (said if not good and whole and _follows(whole[0], said) else summed), good


def _follows(raw: bytes, chain: _Sum) -> bool:
    return _sum(raw[:8] + raw[_FRAME.size :], chain) == _FRAME.unpack_from(raw)[3:]


def _salt(content: bytes) -> bytes:
    """That of most of the first frames, since the header may be damaged."""
    first = range(_HEADER.size, min(len(content), _HEADER.size + 3 * _FRAME_BYTES), _FRAME_BYTES)
    salts = Counter([content[16:24], *(content[at + 8 : at + 16] for at in first)])
    return salts.most_common(1)[0][0]


def _sum(content: bytes, chain: _Sum) -> _Sum:
    first, second = chain
    words = iter(struct.unpack(f"<{len(content) // 4}I", content))
    for word in words:
        first = (first + word + second) & 0xFFFFFFFF
        second = (second + next(words) + first) & 0xFFFFFFFF
    return first, second
