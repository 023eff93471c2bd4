"""A serial port whose other end is ours: a pty with a stable name, that can be unplugged and plugged in again.

Like a UART, and unlike a pipe, it loses what is sent while nobody has the port open, and what the other end does not
read in time. Closing and opening are noticed, so that a board can reset as it does on a real port.
"""

import asyncio
import contextlib
import errno
import os
import select
import termios
import tty
from collections.abc import Callable
from pathlib import Path

_LOOK_S = 0.02
"""How often we look whether somebody opened the port: a pty wakes nobody for that."""


class PtyPort:
    """One port. `received` gets the bytes that arrive, `opened` and `closed` what happens at the other end."""

    def __init__(
        self,
        link: str | Path | None,
        received: Callable[[bytes], None],
        opened: Callable[[], None] = lambda: None,
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        """`link`: a symlink is kept there, so that the port has the same name each time."""
        self._link = None if link is None else Path(link)
        self._received = received
        self._opened = opened
        self._closed = closed
        self._master: int | None = None
        self._tty = ""
        self._look: asyncio.TimerHandle | None = None
        self.is_open = False
        """True while somebody at the other end has the port open."""

    @property
    def path(self) -> str:
        """Where a client opens it."""
        return self._tty if self._link is None else str(self._link)

    def plug(self) -> None:
        """Make the port. Raises OSError if something that is no symlink lies at `link`."""
        if self._master is not None:
            return
        if self._link is not None and self._link.exists() and not self._link.is_symlink():
            raise FileExistsError(errno.EEXIST, "there is something here that is no symlink", str(self._link))
        self._master, slave = os.openpty()
        tty.setraw(slave)  # no echo, no line editing: bytes
        self._tty = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        if self._link is not None:
            fresh = self._link.with_name(f".{self._link.name}.{os.getpid()}")
            fresh.symlink_to(self._tty)
            fresh.replace(self._link)
        self._look_later()

    def unplug(self) -> None:
        """Pull the cable: the name is gone, and whoever has the port open gets an error."""
        if self._master is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._master)
        if self._look is not None:
            self._look.cancel()
        if self._link is not None and self._link.is_symlink() and str(self._link.readlink()) == self._tty:
            self._link.unlink()
        os.close(self._master)
        self._master = None
        if self.is_open:
            self.is_open = False
            self._closed()

    def write(self, data: bytes) -> None:
        """Send; lost if the port is not open or the other end has not read for long."""
        if self._master is None or not self.is_open:
            return
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, data)

    def look(self) -> None:
        """At once, whether somebody has opened it since we looked last."""
        if self._master is not None and not self.is_open:
            assert self._look is not None
            self._look.cancel()
            self._look_now()

    def _look_later(self) -> None:
        self._look = asyncio.get_running_loop().call_later(_LOOK_S, self._look_now)

    def _look_now(self) -> None:
        """Nobody had the port open when we looked last."""
        assert self._master is not None
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        events = dict(poll.poll(0)).get(self._master, 0)
        if events & select.POLLHUP and not events & select.POLLIN:
            self._look_later()
            return
        self.is_open = True
        asyncio.get_running_loop().add_reader(self._master, self._readable)
        self._opened()

    def _readable(self) -> None:
        assert self._master is not None
        try:
            data = os.read(self._master, 4096)
        except BlockingIOError:
            return
        except OSError as gone:
            if gone.errno != errno.EIO:
                raise
            self._let_go()
            return
        self._received(data)

    def _let_go(self) -> None:
        """The other end closed the port: forget what it did not read, and look for the next one."""
        assert self._master is not None
        asyncio.get_running_loop().remove_reader(self._master)
        with contextlib.suppress(OSError):
            slave = os.open(self._tty, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                termios.tcflush(slave, termios.TCIOFLUSH)
            finally:
                os.close(slave)
        self.is_open = False
        self._look_later()
        self._closed()
