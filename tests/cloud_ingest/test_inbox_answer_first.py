"""A broker that gives what a dead worker left to another: acknowledged only after our own answer."""

from classroom_profiles.topics import Address
from cloud_ingest.inbox import Inbox, Message

GATEWAY = Address("thcs-nguyen-du", "gw-1")


def message(digest: str, mid: int, connection: int = 1) -> Message:
    return Message(GATEWAY, digest, b"x", connection, mid)


def test_nothing_is_due_until_it_is_answered() -> None:
    inbox = Inbox(answer_first=True)
    first, second = message("a", 1), message("b", 2)
    inbox.put([first, second])
    assert inbox.payable() == {}
    inbox.written([first])
    assert inbox.payable() == {}
    inbox.done([first.name])
    assert inbox.payable() == {1: [1]}
    assert inbox.payable() == {}


def test_copies_are_due_together_each_on_the_connection_that_brought_it() -> None:
    inbox = Inbox(answer_first=True)
    inbox.put([message("a", 1), message("a", 2)])
    inbox.put([message("a", 1, connection=2)])
    assert inbox.payable() == {}
    inbox.done([message("a", 1).name])
    assert inbox.payable() == {1: [1, 2], 2: [1]}


def test_what_is_let_go_for_want_of_room_is_due_at_once() -> None:
    inbox = Inbox(messages=2, answer_first=True)
    copies, let_go = inbox.put([message(str(mid), mid) for mid in range(1, 6)])
    assert (copies, [lost.mid for lost in let_go]) == (0, [4, 5])
    assert inbox.payable() == {1: [4, 5]}


def test_an_answer_is_acknowledged_even_while_it_is_crowded() -> None:
    inbox = Inbox(messages=2, answer_first=True)
    crowd = [message(str(mid), mid) for mid in range(1, 4)]
    inbox.put(crowd)
    inbox.written(crowd[:1])
    inbox.done([crowd[0].name])
    assert inbox.crowded
    assert inbox.payable() == {1: [1]}


def test_what_is_given_up_at_the_end_stays_with_the_broker() -> None:
    inbox = Inbox(answer_first=True)
    given_up = message("a", 1)
    inbox.put([given_up])
    inbox.close()
    inbox.give_up([given_up])
    assert inbox.payable() == {}
