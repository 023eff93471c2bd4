"""What `lophoc` runs first: Ctrl-C ends it without a traceback, also while it is still being loaded."""

import signal

INTERRUPTED = 130
"""What a shell says of a program that Ctrl-C has ended."""


def main() -> None:
    signal.signal(signal.SIGINT, _end)  # until a command takes it for itself; click would call it an error
    from lophoc.command import main as command

    command()


def _end(*_: object) -> None:
    raise SystemExit(INTERRUPTED)
