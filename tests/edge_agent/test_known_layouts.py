"""A layout travels until a batch that brought it was stored, and again for every worker that does not know it."""

from classroom_profiles.telemetry import Layout, Measurement, Series
from edge_agent.known_layouts import KnownLayouts


def layout(metric: str = "co2_ppm") -> Layout:
    return Layout.of("boot", [(Series(Measurement.READING, "a101", "air", "sensor", metric), False)])


def test_it_travels_until_it_was_stored_with_a_batch() -> None:
    known = KnownLayouts()
    assert known.travels(layout())
    known.acknowledged(layout())
    assert not known.travels(layout())
    assert known.travels(layout("lux"))


def test_who_is_asked_sends_it_with_more_than_one_batch_the_more_often_he_is_asked() -> None:
    """So that workers which take turns have all heard it soon, and do not ask for every second batch for ever."""
    known = KnownLayouts()
    known.acknowledged(layout())
    for owed in (2, 4, 8, 16, 32, 64, 64):
        known.asked_for(layout())
        for _ in range(owed):
            assert known.travels(layout())
            known.acknowledged(layout())
        assert not known.travels(layout())


def test_what_is_known_is_bounded() -> None:
    known = KnownLayouts()
    for number in range(300):
        known.acknowledged(layout(f"m{number}"))
    assert known.travels(layout("m0"))
    assert not known.travels(layout("m299"))
