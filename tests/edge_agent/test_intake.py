"""Points in memory: bounded, in lots of one clock, and given up in the declared order."""

from classroom_profiles.telemetry import Measurement, Point
from edge_agent.clock import Moment, SystemClock
from edge_agent.drop_order import DROP_ORDER
from edge_agent.intake import LOT_POINTS, Intake
from tests.edge_agent.journal_peer import BASE_US, STEADY, series, some


def test_points_come_out_as_they_went_in() -> None:
    intake = Intake(10_000)
    intake.put(some(5), STEADY)
    intake.put(some(5, first=5), STEADY)
    (lot,) = intake.take(1)
    assert lot.points == {Measurement.READING: some(10)}
    assert intake.count == 0
    assert intake.oldest_s() is None


def test_a_lot_is_no_larger_than_a_batch() -> None:
    intake = Intake(10_000)
    intake.put(some(2 * LOT_POINTS + 1), STEADY)
    assert [lot.count for lot in intake.take(10_000)] == [LOT_POINTS, LOT_POINTS, 1]


def test_a_lot_has_one_clock() -> None:
    intake = Intake(10_000)
    slewed = Moment(STEADY.offset_us + 500, STEADY.trusted)
    stepped = Moment(STEADY.offset_us + 3_600_000_000, STEADY.trusted)
    for moment in (STEADY, slewed, stepped, Moment(stepped.offset_us, trusted=False)):
        intake.put(some(1), moment)
    assert [lot.count for lot in intake.take(10)] == [2, 1, 1]


def test_the_oldest_of_the_least_important_goes_first() -> None:
    intake = Intake(10)
    for number in range(5):
        assert intake.put(some(1, first=number), STEADY) == {}
        assert intake.put([Point(series("x", "d", Measurement.LESSON), BASE_US + number, True)], STEADY) == {}
    assert intake.put([Point(series("y", "d", Measurement.EVENT), BASE_US, True)] * 2, STEADY) == {
        Measurement.READING: 2
    }
    (lot,) = intake.take(100)
    assert [point.value for point in lot.points[Measurement.READING]] == [2.0, 3.0, 4.0]
    assert len(lot.points[Measurement.LESSON]) == 5


def test_events_go_when_nothing_else_is_left() -> None:
    intake = Intake(3)
    intake.put(
        [Point(series("x", "d", Measurement.EVENT), BASE_US + number, float(number)) for number in range(5)], STEADY
    )
    (lot,) = intake.take(100)
    assert [point.value for point in lot.points[Measurement.EVENT]] == [2.0, 3.0, 4.0]
    assert intake.put(some(1), STEADY) == {}


def test_lots_that_are_dropped_whole_are_gone() -> None:
    intake = Intake(LOT_POINTS)
    intake.put(some(LOT_POINTS), STEADY)
    assert (intake.opened, intake.gone) == (1, 0)
    intake.put(some(LOT_POINTS, first=LOT_POINTS), STEADY)
    assert (intake.opened, intake.gone, intake.count) == (2, 1, LOT_POINTS)


def test_every_measurement_has_a_place_in_the_drop_order() -> None:
    assert sorted(DROP_ORDER) == sorted(Measurement)
    assert DROP_ORDER[0] is Measurement.READING
    assert set(DROP_ORDER[-3:]) == {Measurement.ATTENDANCE, Measurement.LESSON, Measurement.EVENT}


def test_the_clocks_of_this_machine_can_be_read() -> None:
    clock = SystemClock()
    first, second = clock(), clock()
    assert abs(first.offset_us - second.offset_us) < 10_000_000
    assert isinstance(first.trusted, bool)
