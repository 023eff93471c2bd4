"""Finding the lines that a store will not take, by halving: the good ones are stored on the way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cloud_ingest.line_protocol import body


@dataclass(frozen=True, slots=True)
class Rejected:
    """The store's answer to a body with at least one line that it will not take. It may have stored the others."""

    reason: str
    all_of_it: bool = False
    """It said that it dropped every line."""


Post = Callable[[bytes], Rejected | None]
"""Sends one body; None means that all of it is stored. Raises StoreUnavailable."""


def write_lines(lines: Sequence[str], post: Post) -> list[int]:
    """Store all lines that the store takes; the places of those it does not.

    Lines are written more than once on the way, which does no harm: a point is known by its series and time.
    One bad line among n costs about 2 log2(n) requests.
    """
    bad: list[int] = []
    waiting = [range(len(lines))] if lines else []
    while waiting:
        part = waiting.pop()
        rejected = post(body(lines[part.start : part.stop]))
        if rejected is None:
            continue
        if len(part) == 1 or rejected.all_of_it:
            bad += part
            continue
        middle = part.start + len(part) // 2
        waiting += [range(middle, part.stop), range(part.start, middle)]
    return bad
