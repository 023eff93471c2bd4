"""Two serial ports with a crossed cable between them, for a peer that wants a port of its own."""

import contextlib
from collections.abc import Iterator

from simulators.pty_port import PtyPort


@contextlib.contextmanager
def crossed() -> Iterator[tuple[str, str]]:
    """The paths of both. Made and closed in a running event loop."""
    one = PtyPort(None, lambda data: other.write(data))
    other = PtyPort(None, one.write)
    one.plug()
    other.plug()
    try:
        yield one.path, other.path
    finally:
        one.unplug()
        other.unplug()
