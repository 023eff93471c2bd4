"""Addresses, marks, times and the city's shape: the pure pieces."""

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from cloud_ingest.operations.rows import Health
from cloud_ingest.web import clock, wards
from cloud_ingest.web.asked import Asked, address
from cloud_ingest.web.markup import Column, filters, mark, note, pages, table
from cloud_ingest.web.words import Words

VI = Words("vi")
NOW_US = 1_793_584_800_000_000  # 2026-11-02 09:00 in Ho Chi Minh City


@given(st.text(max_size=400))
def test_no_address_breaks_a_page(search: str) -> None:
    asked = Asked.of("/rooms", search)
    assert asked.number("page", 1, 1, 100) in range(1, 101)
    assert asked.choices("health", Health) is None or asked.choices("health", Health)
    again = Asked.of("/rooms", asked.search())
    assert {name: again.text(name) for name, _ in again.values} == {name: asked.text(name) for name, _ in again.values}


@given(st.dictionaries(st.sampled_from(["q", "ward", "sort"]), st.text(max_size=60), max_size=3))
def test_what_an_address_says_is_what_is_read_from_it(wanted: dict[str, str]) -> None:
    asked = Asked.of("/x", address("/x", dict(wanted)).partition("?")[2])
    for name, value in wanted.items():
        assert asked.text(name) == "".join(letter for letter in value if letter.isprintable()).strip()


def test_a_change_of_an_address_keeps_the_rest_and_takes_away_none() -> None:
    asked = Asked.of("/rooms", "?q=p1&page=3&sort=room")
    assert asked.href(page=None, desc="1") == "/rooms?q=p1&sort=room&desc=1"
    assert asked.slug("school") is None
    assert Asked.of("/x", "?school=../etc").slug("school") is None
    assert Asked.of("/x", "?page=99999999999999999999").number("page", 1, 1, 50) == 1


@given(st.text(max_size=80))
def test_nothing_that_a_gateway_says_becomes_html(said: str) -> None:
    evil = f"{said}<script>alert(1)</script>\"'><img onerror=x>"
    asked = Asked.of("/x", address("/x", {"q": evil[:100]}).partition("?")[2])
    column: Column[str] = Column("name", "Tên", lambda row: row, is_main=True)
    shown = (
        mark("down", evil) + note("trouble", evil) + filters(VI, asked, sought="x")
        + table(VI, asked, [column], [evil], evil, lambda row: f"/x/{row}") + pages(VI, asked, 2, 10, 40)
    )  # fmt: skip
    assert isinstance(shown, Markup)
    assert "<script" not in shown
    assert "<img" not in shown
    assert "onerror=x>" not in shown.replace("&gt;", "")


def test_a_sorted_column_says_so_and_turns_round() -> None:
    asked = Asked.of("/schools", "?sort=name&q=a")
    columns: list[Column[str]] = [Column("name", "Tên", str), Column("n", "Số", str, is_number=True)]
    shown = table(VI, asked, columns, ["a"], "Trường", sort="name")
    assert 'aria-sort="ascending"' in shown
    assert 'href="/schools?q=a&amp;sort=name&amp;desc=1"' in shown
    assert 'href="/schools?q=a&amp;sort=n"' in shown


def test_times_are_those_of_ho_chi_minh_city() -> None:
    assert clock.iso(NOW_US) == "2026-11-02T09:00:00+07:00"
    assert clock.short(NOW_US, NOW_US) == "09:00:00"
    assert clock.short(NOW_US - 86_400_000_000, NOW_US) == "09:00 01/11"
    assert clock.short(NOW_US - 366 * 86_400_000_000, NOW_US) == "09:00 01/11/2025"
    assert clock.short(0, NOW_US) == ""


def test_numbers_are_written_as_people_write_them() -> None:
    assert clock.number(1234.56, "vi", 2) == "1.234,56"
    assert clock.number(1234.5, "en", 2) == "1,234.5"
    assert clock.number(-0.001, "vi") == "0"
    assert clock.number(1200, "vi", 0) == "1.200"


def test_the_city_has_its_wards_and_each_cell_is_round_its_ward() -> None:
    found = wards.wards()
    assert len(found) == 168
    drawn = wards.cells(found)
    assert sum(bool(cell) for cell in drawn) == 168
    for ward, cell in zip(found, drawn, strict=True):
        latitudes, longitudes = zip(*cell, strict=True)
        assert min(latitudes) < ward.latitude < max(latitudes)
        assert min(longitudes) < ward.longitude < max(longitudes)


def test_cells_of_wards_do_not_overlap() -> None:
    pair = [wards.Ward("1", "A", "Phường", 10.7, 106.70, 4.0), wards.Ward("2", "B", "Phường", 10.7, 106.71, 4.0)]
    left, right = wards.cells(pair)
    assert max(longitude for _, longitude in left) <= min(longitude for _, longitude in right) + 1e-9
    assert wards.cells([]) == []
