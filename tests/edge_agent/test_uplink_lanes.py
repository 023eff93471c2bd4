"""An ack finds what it names at once, and what it does not name costs nothing."""

from classroom_profiles.telemetry import Layout, Measurement
from edge_agent.journal_places import Parcel
from edge_agent.uplink_lanes import Lanes, Sent
from edge_agent.uplink_window import Window

_LAYOUT = Layout.of("boot", [])


class Compared(str):
    """A digest that counts how often it is compared."""

    times = 0
    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return str.__eq__(self, other)


def sent(digest: str, number: int = 1) -> Sent:
    return Sent(Parcel(number, Measurement.READING, 1, digest, _LAYOUT, b""), Window(1.0, 8))


def test_an_ack_names_a_parcel_by_its_bytes_with_the_layout_or_without() -> None:
    lanes, one, other = Lanes(), sent("one"), sent("other")
    lanes.add(one)
    lanes.add(other)
    assert lanes.named("one") == (one,)
    assert lanes.named("one whole") == ()
    lanes.sent_whole(one, "one whole")
    assert lanes.named("one whole") == lanes.named("one") == (one,)


def test_an_ack_that_names_nothing_is_compared_with_nothing_on_its_way() -> None:
    lanes = Lanes()
    for number in range(320):
        lanes.add(sent(Compared(f"batch {number}"), number))
    Compared.times = 0
    for number in range(100):
        assert lanes.named(f"none of ours {number}") == ()
    assert Compared.times == 0
    assert len(lanes.named("batch 319")) == 1
    assert Compared.times == 1


def test_an_ack_that_says_no_name_names_nothing_although_most_have_not_been_sent_whole() -> None:
    lanes = Lanes()
    lanes.add(sent("one"))
    assert lanes.named("") == ()


def test_two_with_the_same_bytes_are_both_named_the_first_to_set_out_first() -> None:
    lanes, first, rescued = Lanes(), sent("same", 7), sent("same", 3)
    lanes.add(first)
    lanes.add(rescued)
    assert lanes.named("same") == (first, rescued)
    lanes.remove(first)
    assert lanes.named("same") == (rescued,)
    lanes.remove(rescued)
    assert lanes.named("same") == ()


def test_what_is_answered_has_no_name_any_more_so_a_second_answer_finds_nothing() -> None:
    lanes, one = Lanes(), sent("one")
    lanes.add(one)
    lanes.sent_whole(one, "one whole")
    lanes.remove(one)
    assert (list(lanes), lanes.named("one"), lanes.named("one whole")) == ([], (), ())


def test_what_was_answered_while_it_was_being_sent_whole_gets_no_name_that_would_stay() -> None:
    lanes, one = Lanes(), sent("one")
    lanes.add(one)
    lanes.remove(one)
    lanes.sent_whole(one, "one whole")
    assert lanes.named("one whole") == ()


def test_a_lost_connection_leaves_no_name_behind() -> None:
    lanes, one = Lanes(), sent("one")
    lanes.add(one)
    lanes.sent_whole(one, "one whole")
    lanes.clear()
    assert (len(lanes), lanes.named("one"), lanes.named("one whole")) == (0, (), ())


def test_the_first_to_set_out_are_those_that_ask_for_all() -> None:
    lanes, all_of_them = Lanes(), [sent(str(number), number) for number in range(4)]
    for each in all_of_them:
        lanes.add(each)
    assert [lanes.is_among_first(each, 2) for each in all_of_them] == [True, True, False, False]
    lanes.remove(all_of_them[0])
    assert lanes.is_among_first(all_of_them[2], 2)
