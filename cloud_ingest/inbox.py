"""Messages that wait to be stored: bounded in number and bytes, each batch of bytes once.

      put            take            written           done
broker ──► waiting ──────► in hand ──────► held back ──────► forgotten
           └──── counts against the bounds ────┘  └─ only its name is kept ─┘
"""

import threading
from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from classroom_profiles.topics import Address

MESSAGES = 20_000
BYTES = 64 * 1024 * 1024
HELD_BACK = 300_000
"""Batches that a store took and has not made durable yet: some 60 MiB of names."""
_OVERRUN = 1.5

Name = tuple[str, str, str]


class Message(msgspec.Struct, frozen=True, gc=False):
    """One batch as it came, and how MQTT wants it acknowledged. A struct, since thousands are made a second."""

    sender: Address
    digest: str
    payload: bytes
    connection: int = 0
    mid: int = 0
    """0: MQTT wants no acknowledgement."""

    @property
    def name(self) -> Name:
        return (self.sender.school, self.sender.gateway, self.digest)


class Inbox:
    """Gateways send again what was not acknowledged: a copy of what is still here is not kept.

    While it is crowded, brokers should be asked for no more: MQTT's acknowledgements are owed until there is room.
    A broker that goes on all the same fills it up to half as much again; what comes then is let go.
    """

    def __init__(
        self, messages: int = MESSAGES, size: int = BYTES, held_back: int = HELD_BACK, *, answer_first: bool = False
    ) -> None:
        """`answer_first`: a broker's acknowledgement is owed until our own answer is out, whatever room there is."""
        self._answer_first = answer_first
        self._unanswered: dict[Name, list[Message]] = {}
        self._messages = messages
        self._size = size
        self._held_back = held_back
        self._waiting: deque[Message] = deque()
        self._unwritten = 0
        self._held: set[Name] = set()
        self._bytes = 0
        self._owed: list[Message] = []
        self._closed = False
        self._changed = threading.Condition()

    def put(self, messages: Sequence[Message]) -> tuple[int, list[Message]]:
        """How many were copies, and which were let go for want of room."""
        copies, let_go = 0, []
        with self._changed:
            for message in messages:
                name = message.name
                if name in self._held:
                    copies += 1
                elif self._closed or self._full(len(message.payload)):
                    let_go.append(message)
                else:
                    self._held.add(name)
                    self._bytes += len(message.payload)
                    self._unwritten += 1
                    self._waiting.append(message)
                if message.mid:
                    waits = self._answer_first and name in self._held
                    (self._unanswered.setdefault(name, []) if waits else self._owed).append(message)
            self._changed.notify(len(messages))
        return copies, let_go

    def take(self, *, wait_s: float | None = 0.0) -> Message | None:
        """The next message; None if there is none after `wait_s` (None: for ever), or the inbox is closed."""
        with self._changed:
            if not self._waiting and not self._closed and (wait_s is None or wait_s > 0):
                self._changed.wait_for(lambda: self._waiting or self._closed, wait_s)
            if self._closed or not self._waiting:
                return None
            return self._waiting.popleft()

    def written(self, messages: Iterable[Message]) -> None:
        """A store has them; each stays known until it is `done`."""
        with self._changed:
            for message in messages:
                self._unwritten -= 1
                self._bytes -= len(message.payload)

    def done(self, names: Iterable[Name]) -> None:
        """They were answered: from now on their bytes are new again."""
        names = list(names)
        with self._changed:
            self._held.difference_update(names)
            if self._answer_first:
                for name in names:
                    self._owed += self._unanswered.pop(name, ())

    def give_up(self, messages: Iterable[Message]) -> None:
        """They are neither written nor answered: their gateways send them again, or a broker that redelivers does."""
        messages = list(messages)
        if self._closed:
            with self._changed:
                for message in messages:
                    self._unanswered.pop(message.name, None)
        self.written(messages)
        self.done([message.name for message in messages])

    def payable(self) -> dict[int, list[int]]:
        """The broker's acknowledgements that are due now, by connection: none while it is crowded."""
        with self._changed:
            if not self._owed or (self._is_crowded() and not self._answer_first):
                return {}
            owed, self._owed = self._owed, []
        due: dict[int, list[int]] = {}
        for message in owed:
            due.setdefault(message.connection, []).append(message.mid)
        return due

    @property
    def crowded(self) -> bool:
        with self._changed:
            return self._is_crowded()

    @property
    def fill(self) -> float:
        """How much of its room is taken: 1 is crowded."""
        with self._changed:
            return max(
                self._unwritten / self._messages,
                self._bytes / self._size,
                (len(self._held) - self._unwritten) / self._held_back,
            )

    @property
    def size_bytes(self) -> int:
        with self._changed:
            return self._bytes

    def close(self) -> None:
        """Wake everyone who waits; what is still here is sent again by its gateway."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        """How many are known, being written and held back included."""
        with self._changed:
            return len(self._held)

    def _is_crowded(self) -> bool:
        return (
            self._unwritten >= self._messages
            or self._bytes >= self._size
            or len(self._held) - self._unwritten >= self._held_back
        )

    def _full(self, more_bytes: int) -> bool:
        if not self._unwritten:
            return False  # one message larger than all room still passes
        return (
            self._unwritten >= self._messages * _OVERRUN
            or self._bytes + more_bytes > self._size * _OVERRUN
            or len(self._held) - self._unwritten >= self._held_back * _OVERRUN
        )
