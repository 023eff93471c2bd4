"""From portions to lines and back: which portion a refused line belonged to."""

import logging
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from cloud_ingest.bad_lines import Post, Rejected, write_lines
from cloud_ingest.line_protocol import lines
from cloud_ingest.line_texts import text
from cloud_ingest.store import Portion

_log = logging.getLogger("lophoc.ingest.store")


def write_portions(portions: Sequence[Portion], post: Post) -> list[int]:
    """Write all as lines; for each portion how many of its points were refused. Raises StoreUnavailable."""
    texts = [text(portion) for portion in portions if portion.runs]
    if not texts or post("\n".join(texts).encode("ascii")) is None:
        return [0] * len(portions)
    return _write_singly(portions, post)


def _write_singly(portions: Sequence[Portion], post: Post) -> list[int]:
    """The store will not take some line: find out which."""
    written: list[str] = []
    for portion in portions:
        for run in portion.runs:
            written += lines(portion.school, run)
    last: list[str] = []

    def noted(content: bytes) -> Rejected | None:
        rejected = post(content)
        if rejected is not None:
            last[:] = [rejected.reason]
        return rejected

    refused = [0] * len(portions)
    ends = list(accumulate(portion.points for portion in portions))
    for place in write_lines(written, noted):
        refused[bisect_right(ends, place)] += 1
    if any(refused):
        _log.warning("the store refused %d of %d points: %s", sum(refused), len(written), *last)
    return refused
