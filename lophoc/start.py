"""What `lophoc` runs first: Ctrl-C ends it without a traceback, also while it is still being loaded."""

INTERRUPTED = 130
"""What a shell says of a program that Ctrl-C has ended."""


def main() -> None:
    try:
        from lophoc.command import main as command

        command()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
