"""Line protocol: whatever a point holds, its line is that point and nothing else."""

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement, Run, Series
from cloud_ingest.line_protocol import body, lines, prefix, quoted

SERIES = Series(Measurement.READING, "a101", "co2", "air", "co2_ppm")
TIME = 1_790_000_000_000_000

printable = st.text(st.sampled_from(string.printable[:95]), max_size=64)
slugs = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?", fullmatch=True)

# A reader of its own, from the reference: a string field ends at the first quote without a backslash.
LINE = re.compile(
    r"(?P<measurement>[a-z]+)(?P<tags>(?:,[a-z]+=[a-z0-9_-]+)+) (?P<field>value|flag|text)="
    r'(?P<value>"(?:[^"\\]|\\["\\])*"|[^", ]+)(?P<simulated>,simulated=true)? (?P<time>\d+)'
)


def read(line: str) -> tuple[str, dict[str, str], Value, bool, int]:
    match = LINE.fullmatch(line)
    assert match is not None, line
    tags = dict(pair.split("=") for pair in match["tags"][1:].split(","))
    value: Value
    if match["field"] == "flag":
        value = {"true": True, "false": False}[match["value"]]
    elif match["field"] == "text":
        value = re.sub(r"\\(.)", r"\1", match["value"][1:-1])
    else:
        value = float(match["value"])
    return match["measurement"], tags, value, match["simulated"] is not None, int(match["time"])


@pytest.mark.parametrize(
    ("value", "simulated", "expected"),
    [
        (412.0, False, "value=412.0"),
        (-0.5, True, "value=-0.5,simulated=true"),
        (1e22, False, "value=1e+22"),
        (True, False, "flag=true"),
        (False, True, "flag=false,simulated=true"),
        ("ready", False, 'text="ready"'),
        ('a "b" c\\', False, 'text="a \\"b\\" c\\\\"'),
    ],
)
def test_each_kind_of_value_has_its_own_field(value: Value, simulated: bool, expected: str) -> None:
    assert lines("thcs-nguyen-du", Run(SERIES, simulated, [TIME], [value])) == [
        f"reading,device=co2,metric=co2_ppm,role=air,room=a101,school=thcs-nguyen-du {expected} {TIME}"
    ]


@settings(max_examples=100)
@given(
    st.one_of(
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5),
        st.lists(st.booleans(), min_size=1, max_size=5),
        st.lists(printable, min_size=1, max_size=5),
    ),
    st.booleans(),
    st.tuples(slugs, slugs, slugs, slugs),
)
def test_a_line_reads_back_as_the_point_it_was_made_of(
    values: list[Value], simulated: bool, tags: tuple[str, str, str, str]
) -> None:
    school, room, device, role = tags
    times = list(range(TIME, TIME + len(values)))
    written = lines(school, Run(Series(Measurement.EVENT, room, device, role, "state"), simulated, times, values))
    expected_tags = {"school": school, "room": room, "device": device, "role": role, "metric": "state"}
    assert [read(line) for line in written] == [
        ("event", expected_tags, value, simulated, time) for time, value in zip(times, values, strict=True)
    ]
    assert body(written).count(b"\n") == len(values) - 1


@settings(max_examples=200)
@given(st.text(max_size=20))
def test_no_text_can_become_a_second_field_or_line(text: str) -> None:
    try:
        field = quoted(text)
    except ValueError:
        assert re.search(r"[^ -~]", text)
        return
    assert re.fullmatch(r'"(?:[^"\\]|\\["\\])*"', field)
    assert "\n" not in field


@pytest.mark.parametrize("tag", ["", "a b", "a,b=c", "a=b", "a\nb", "lớp", "A", 'a"', "a\\", "-a"])
@pytest.mark.parametrize("place", range(4))
def test_a_tag_that_is_no_slug_is_never_written(tag: str, place: int) -> None:
    tags = ["a101", "co2", "air", "thcs"]
    tags[place] = tag
    with pytest.raises(ValueError, match="tag"):
        prefix(tags[3], Series(Measurement.READING, tags[0], tags[1], tags[2], "co2_ppm"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_never_written(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        lines("thcs", Run(SERIES, False, [TIME], [value]))
