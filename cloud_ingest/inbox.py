"""Messages that wait to be stored: bounded in number and bytes, each batch of bytes once."""

import threading
from collections import deque
from dataclasses import dataclass

from classroom_profiles.topics import Address

MESSAGES = 4_000
BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """One batch as it came, and how MQTT wants it acknowledged."""

    sender: Address
    digest: str
    payload: bytes
    connection: int
    mid: int
    qos: int


class Inbox:
    """Gateways send again what was not acknowledged: a copy of what already waits, or is being written, is not kept."""

    def __init__(self, messages: int = MESSAGES, size: int = BYTES) -> None:
        self._messages = messages
        self._size = size
        self._waiting: deque[Message] = deque()
        self._held: set[tuple[Address, str]] = set()
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, message: Message) -> bool:
        """False if it is a copy, or there is no room."""
        name = (message.sender, message.digest)
        with self._changed:
            if self._closed or name in self._held or len(self._held) >= self._messages:
                return False
            if self._held and self._bytes + len(message.payload) > self._size:
                return False
            self._held.add(name)
            self._bytes += len(message.payload)
            self._waiting.append(message)
            self._changed.notify()
            return True

    def take(self, *, wait: bool) -> Message | None:
        """The next message; None if there is none now (without `wait`), or the inbox is closed."""
        with self._changed:
            while wait and not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed or not self._waiting:
                return None
            return self._waiting.popleft()

    def done(self, message: Message) -> None:
        """It was answered, or given up: from now on its bytes are new again."""
        with self._changed:
            self._held.discard((message.sender, message.digest))
            self._bytes -= len(message.payload)

    def close(self) -> None:
        """Wake everyone who waits; what is still here is sent again by its gateway."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        """How many are held, being written included."""
        with self._changed:
            return len(self._held)
