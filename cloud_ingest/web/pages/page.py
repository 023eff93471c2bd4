"""What a page is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cloud_ingest.accounts.who import Act
from cloud_ingest.web.seat import Seat


@dataclass(frozen=True, slots=True)
class Page:
    """`act`: the right that somebody needs to open it."""

    path: str
    build: Callable[[Seat], Awaitable[None]]
    act: Act = Act.READ
