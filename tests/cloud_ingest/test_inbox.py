"""What waits to be stored is bounded, and nothing waits twice."""

import itertools
import threading

from classroom_profiles.telemetry import digest
from classroom_profiles.topics import Address
from cloud_ingest.backoff import delays
from cloud_ingest.inbox import Inbox, Message

GATEWAY = Address("thcs", "gw-1")


def message(payload: bytes, sender: Address = GATEWAY) -> Message:
    return Message(sender, digest(payload), payload, 1, 1, 1)


def test_messages_come_out_in_order() -> None:
    inbox = Inbox()
    assert all(inbox.put(message(payload)) for payload in (b"a", b"b"))
    assert [inbox.take(wait=False) for _ in range(3)] == [message(b"a"), message(b"b"), None]


def test_a_copy_is_turned_away_until_the_first_is_done() -> None:
    inbox = Inbox()
    assert inbox.put(message(b"a"))
    assert not inbox.put(message(b"a"))
    assert inbox.put(message(b"a", Address("thcs", "gw-2")))
    taken = inbox.take(wait=False)
    assert taken is not None
    assert not inbox.put(message(b"a"))
    inbox.done(taken)
    assert inbox.put(message(b"a"))


def test_it_holds_no_more_than_it_may() -> None:
    inbox = Inbox(messages=3, size=100)
    assert [inbox.put(message(bytes([n]) * 10)) for n in range(5)] == [True, True, True, False, False]
    full = Inbox(messages=100, size=100)
    assert [full.put(message(bytes([n]) * 40)) for n in range(4)] == [True, True, False, False]
    taken = full.take(wait=False)
    assert taken is not None
    full.done(taken)
    assert full.put(message(b"x" * 60))


def test_one_message_larger_than_all_room_still_passes() -> None:
    assert Inbox(size=10).put(message(b"x" * 50))


def test_closing_wakes_whoever_waits() -> None:
    inbox = Inbox()
    got: list[Message | None] = []
    waiting = threading.Thread(target=lambda: got.append(inbox.take(wait=True)))
    waiting.start()
    inbox.close()
    waiting.join(5.0)
    assert got == [None]
    assert not inbox.put(message(b"a"))


def test_waits_grow_to_a_bound_and_differ() -> None:
    waits = list(itertools.islice(delays(0.2, 15.0, seed=1), 30))
    assert all(0.1 <= wait <= 0.2 for wait in waits[:1])
    assert all(7.5 <= wait <= 15.0 for wait in waits[10:])
    assert len(set(waits)) == 30
