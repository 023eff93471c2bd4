"""What a robot kit that can be given programs lets itself be told, beside what every driver does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Bundle:
    """A program as it is put on a kit."""

    name: str
    version: str
    main: str
    """The file to run."""
    files: Mapping[str, bytes]
    """Name to content; `main` is one of them."""

    @property
    def size_bytes(self) -> int:
        return sum(len(content) for content in self.files.values())


@dataclass(frozen=True, slots=True)
class Installed:
    """A program as a kit says that it has it, complete."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@runtime_checkable
class Programmable(Protocol):
    """A driver whose device holds programs. Each call is a conversation of its own, as `command` is."""

    @property
    def release(self) -> str:
        """The version of its firmware, as `1.23.0`."""

    @property
    def installed(self) -> tuple[Installed, ...]:
        """As it was when it was last asked: when the line was opened, or when something was installed."""

    async def damaged(self, name: str) -> tuple[str, ...]:
        """The files of an installed program that are not what they were when it was installed."""

    async def look(self) -> Mapping[Installed, tuple[str, ...]]:
        """What it has, asked now, each with its files that are not what they were. Stops what runs."""

    async def install(self, bundle: Bundle, told: Callable[[int], None]) -> None:
        """Stops what runs; returns when the device has confirmed every file.

        `told` gets how many bytes more have arrived. Raises Refused if it has no room (what it had is there still),
        and the errors of a lost line.
        """
