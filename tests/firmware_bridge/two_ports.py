"""Two serial ports with a crossed cable between them, for a peer that wants a port of its own."""

import contextlib
from collections.abc import Iterator

from simulators.pty_port import PtyPort


@contextlib.contextmanager
def crossed() -> Iterator[tuple[str, str]]:
    """The paths of both. Made and closed in a running event loop."""
    one = PtyPort(None, lambda data: _pass_on(data, other))
    other = PtyPort(None, lambda data: _pass_on(data, one))
    one.plug()
    other.plug()
    try:
        yield one.path, other.path
    finally:
        one.unplug()
        other.unplug()


def _pass_on(data: bytes, to: PtyPort) -> None:
    """A port that was opened a moment ago may not know it yet, and what is written to a closed one is lost."""
    to.look()
    to.write(data)
