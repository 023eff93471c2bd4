"""The directory of the generated city."""

from click.testing import CliRunner

from cloud_ingest.operations.directory import parsed
from simulators.cli import sim
from simulators.schools import COLUMNS, schools, wards


def test_is_a_directory_that_the_centre_reads() -> None:
    printed = CliRunner().invoke(sim, ["schools", "--schools", "900"])
    assert printed.exit_code == 0
    found = parsed(printed.stdout)
    assert [*found] == [f"school-{number:04}" for number in range(900)]
    assert printed.stdout.splitlines()[0] == ",".join(COLUMNS)
    assert {school.level for school in found.values()} == {"tieu-hoc", "thcs", "thpt"}
    assert len({(school.latitude, school.longitude) for school in found.values()}) == 900
    assert len({school.ward for school in found.values()}) == len({ward.name for ward in wards()})


def test_lies_in_the_city() -> None:
    for _, _, _, latitude, longitude, _ in schools(500, wards()):
        assert 8.5 < latitude < 11.6  # Con Dao belongs to it since 2025
        assert 106.2 < longitude < 107.7


def test_the_first_schools_are_the_same_in_a_larger_city() -> None:
    assert schools(20, wards()) == schools(50, wards())[:20]
    assert schools(20, wards(), 2) != schools(20, wards())
