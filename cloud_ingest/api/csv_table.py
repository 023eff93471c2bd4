"""Tables as CSV (RFC 4180) for people who open them in a spreadsheet: no cell can become a formula there. Pure."""

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A cell that begins so may be run by a spreadsheet (OWASP, CSV Injection)."""


def written(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """With a byte order mark, without which Excel takes UTF-8 for something else."""
    into = io.StringIO()
    into.write("\ufeff")
    table = csv.writer(into, lineterminator="\r\n")
    table.writerow(columns)
    for row in rows:
        table.writerow([cell(value) for value in row])
    return into.getvalue()


def cell(value: object) -> str:
    """Numbers stay numbers; a text that a spreadsheet may run gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple | frozenset):
        value = " ".join(map(str, value))
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
