"""How Marlin counts and checks the lines that come (queue.cpp), and what it says when one is wrong."""

import re

_NUMBERED = re.compile(r"N(-?\d+)\s*(.*)")
_SETS = re.compile(r"M110(?:\s+N(-?\d+))?")


class Unsound(ValueError):
    """The line is not taken; the text says why, as Marlin does."""


class LineCounter:
    """`last` is the number of the last line that was taken."""

    def __init__(self) -> None:
        self.last = 0

    def take(self, line: str) -> str:
        """The line without number and checksum. Raises Unsound."""
        body, star, check = line.rpartition("*")
        numbered = _NUMBERED.fullmatch((body if star else line).strip())
        if star:
            if not check.strip().isdigit() or int(check) != _checksum(body):
                raise Unsound(f"checksum mismatch, Last Line: {self.last}")
            if numbered is None:
                raise Unsound(f"No Line Number with checksum, Last Line: {self.last}")
        if numbered is None:
            return line
        if not star:
            raise Unsound(f"No Checksum with line number, Last Line: {self.last}")
        number, words = int(numbered[1]), numbered[2]
        if sets := _SETS.match(words):
            self.last = int(sets[1] or number)
        elif number != self.last + 1:
            raise Unsound(f"Line Number is not Last Line Number+1, Last Line: {self.last}")
        else:
            self.last = number
        return words


def _checksum(body: str) -> int:
    check = 0
    for char in body:
        check ^= ord(char)
    return check
