"""What waits to be stored is bounded, and nothing waits twice."""

import itertools
import threading
from collections.abc import Sequence

from classroom_profiles.telemetry import digest
from classroom_profiles.topics import Address
from cloud_ingest.backoff import delays
from cloud_ingest.inbox import Inbox, Message

GATEWAY = Address("thcs", "gw-1")


def message(payload: bytes, sender: Address = GATEWAY, mid: int = 1) -> Message:
    return Message(sender, digest(payload), payload, 1, mid)


def kept(inbox: Inbox, payloads: Sequence[bytes]) -> list[bool]:
    """Each put by itself: true if it was kept."""
    return [inbox.put([message(payload, mid=number + 1)]) == (0, []) for number, payload in enumerate(payloads)]


def test_messages_come_out_in_order() -> None:
    inbox = Inbox()
    assert inbox.put([message(b"a"), message(b"b")]) == (0, [])
    assert [inbox.take() for _ in range(3)] == [message(b"a"), message(b"b"), None]


def test_a_copy_is_not_kept_until_the_first_is_done() -> None:
    inbox = Inbox()
    assert inbox.put([message(b"a"), message(b"a"), message(b"a", Address("thcs", "gw-2"))]) == (1, [])
    taken = inbox.take()
    assert taken is not None
    assert inbox.put([message(b"a")]) == (1, [])
    inbox.written([taken])
    assert inbox.put([message(b"a")]) == (1, [])
    inbox.done([taken.name])
    assert inbox.put([message(b"a")]) == (0, [])


def test_it_holds_half_as_much_again_as_it_should_and_no_more() -> None:
    assert kept(Inbox(messages=2, size=1000), [bytes([n]) * 10 for n in range(5)]) == [True, True, True, False, False]
    assert kept(Inbox(messages=100, size=100), [bytes([n]) * 40 for n in range(5)]) == [True, True, True, False, False]


def test_what_is_let_go_is_named_so_that_its_gateway_can_be_told() -> None:
    inbox = Inbox(messages=1)
    inbox.put([message(b"a")])
    late = [message(b"b"), message(b"c")]  # one more than it should still passes
    assert inbox.put(late) == (0, late[1:])


def test_while_it_is_crowded_the_broker_is_asked_for_no_more() -> None:
    inbox = Inbox(messages=2)
    inbox.put([message(b"a", mid=1)])
    assert inbox.payable() == {1: [1]}
    inbox.put([message(b"b", mid=2), message(b"c", mid=3)])
    assert (inbox.payable(), inbox.crowded, inbox.fill) == ({}, True, 1.5)
    for _ in range(2):
        taken = inbox.take()
        assert taken is not None
        inbox.written([taken])
    assert (inbox.payable(), inbox.crowded) == ({1: [2, 3]}, False)
    assert inbox.payable() == {}


def test_what_is_held_back_takes_no_room_for_bytes_but_counts() -> None:
    inbox = Inbox(held_back=2)
    for payload in (b"a", b"b"):
        inbox.put([message(payload)])
        taken = inbox.take()
        assert taken is not None
        inbox.written([taken])
    assert (inbox.size_bytes, len(inbox), inbox.crowded) == (0, 2, True)
    inbox.done([message(b"a").name])
    assert not inbox.crowded


def test_a_batch_that_was_given_up_is_new_again() -> None:
    inbox = Inbox()
    inbox.put([message(b"a")])
    taken = inbox.take()
    assert taken is not None
    inbox.give_up([taken])
    assert (len(inbox), inbox.put([message(b"a")])) == (0, (0, []))


def test_one_message_larger_than_all_room_still_passes() -> None:
    assert kept(Inbox(size=10), [b"x" * 50]) == [True]


def test_closing_wakes_whoever_waits() -> None:
    inbox = Inbox()
    got: list[Message | None] = []
    waiting = threading.Thread(target=lambda: got.append(inbox.take(wait_s=None)))
    waiting.start()
    inbox.close()
    waiting.join(5.0)
    assert got == [None]
    assert inbox.put([message(b"a")]) == (0, [message(b"a")])


def test_waits_grow_to_a_bound_and_differ() -> None:
    waits = list(itertools.islice(delays(0.2, 15.0, seed=1), 30))
    assert all(0.1 <= wait <= 0.2 for wait in waits[:1])
    assert all(7.5 <= wait <= 15.0 for wait in waits[10:])
    assert len(set(waits)) == 30
