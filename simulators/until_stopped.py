"""Run a simulator as a process: say where it is, then stay until SIGTERM or Ctrl-C."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import click

T = TypeVar("T")


def run(make: Callable[[], AbstractAsyncContextManager[T]], address: Callable[[T], str]) -> None:
    """Make the simulator inside a fresh event loop and print `ready <address>` once it can be reached.

    Raises ClickException if its place (a port, a link, a broker) cannot be had.
    """
    try:
        asyncio.run(_until_asked(make, address))
    except OSError as wrong:
        raise click.ClickException(str(wrong)) from wrong


async def _until_asked(make: Callable[[], AbstractAsyncContextManager[T]], address: Callable[[T], str]) -> None:
    loop = asyncio.get_running_loop()
    living = asyncio.create_task(_live(make, address), name="simulator")
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, living.cancel)
    with contextlib.suppress(asyncio.CancelledError):  # we were asked to stop: that is a good end
        await living


async def _live(make: Callable[[], AbstractAsyncContextManager[T]], address: Callable[[T], str]) -> None:
    async with make() as simulator:
        click.echo(f"ready {address(simulator)}")
        await asyncio.get_running_loop().create_future()
