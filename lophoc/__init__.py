"""The `lophoc` command: it finds the sub-commands of the installed packages, and composes them in a demo."""

__version__ = "0.1.0"
