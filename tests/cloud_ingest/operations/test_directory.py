"""The directory of schools: what is wrong in it is said with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_ingest.operations.directory import School, WrongDirectory, parsed, read

HEAD = "school,name,ward,latitude,longitude,level"


def test_reads_schools_with_and_without_a_place(tmp_path: Path) -> None:
    path = tmp_path / "schools.csv"
    path.write_text(f"\ufeff{HEAD}\r\nthcs-a,THCS A,Phường 1,10.5,106.5,thcs\r\n\r\nmn-b,Mầm non B,,,,\r\n", "utf-8")
    assert read(path) == {
        "thcs-a": School("thcs-a", "THCS A", "Phường 1", 10.5, 106.5, "thcs"),
        "mn-b": School("mn-b", "Mầm non B"),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.csv:1: the first line is school,name"),
        ("id,name\n", "f.csv:1: the first line is"),
        (f"{HEAD}\nTHCS A,x,,,,\n", "f.csv:2: school: 'THCS A' is no slug"),
        (f"{HEAD}\na,,,,,\n", "f.csv:2: name"),
        (f"{HEAD}\na,x,,,\n", "f.csv:2: 5 cells"),
        (f"{HEAD}\na,x,,10,,\n", "f.csv:2: latitude and longitude: both"),
        (f"{HEAD}\na,x,,106.5,10.5,\n", "f.csv:2: latitude: a number of degrees from -90 to 90"),
        (f"{HEAD}\na,x,,nan,10.5,\n", "f.csv:2: latitude"),
        (f"{HEAD}\na,x,,,,\na,y,,,,\n", "f.csv:3: school a is there twice"),
        (f'{HEAD}\na,"x,,,,\n', "f.csv:2: "),
    ],
)
def test_says_where_it_is_wrong(text: str, said: str) -> None:
    with pytest.raises(WrongDirectory) as wrong:
        parsed(text, "f.csv")
    assert str(wrong.value).startswith(said)


@given(st.text(max_size=60))
def test_takes_anything_or_says_why_not(text: str) -> None:
    for whole in (text, f"{HEAD}\n{text}"):
        try:
            found = parsed(whole)
        except WrongDirectory:
            continue
        assert all(school.name for school in found.values())


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(WrongDirectory, match="No such file"):
        read(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"\xe9\xe9")
    with pytest.raises(WrongDirectory, match="not UTF-8"):
        read(tmp_path / "latin.csv")
