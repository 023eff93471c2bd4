"""Questions that cannot be broken out of, and answers that cannot break us."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_ingest import influxql
from cloud_ingest.influxql import NoAnswer

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["results", "series", "name", "columns", "values", "tags", "time"]), inner)
    ),
    max_leaves=12,
)
series = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["reading", "databases"]),
        "columns": st.sampled_from([["time", "value", "flag", "text", "simulated"], ["name"], ["time", "count"], []]),
        "values": st.lists(st.lists(anything, max_size=5), max_size=3) | anything,
    },
    optional={"tags": st.dictionaries(st.sampled_from(["device", "role", "metric"]), anything) | anything},
)


@settings(max_examples=200)
@given(anything | series.map(lambda one: {"results": [{"series": [one]}]}))
def test_no_answer_does_worse_than_no_answer(answer: object) -> None:
    for read in (influxql.latest_of, influxql.count_of):
        try:
            read(answer)
        except NoAnswer:
            continue


@settings(max_examples=200)
@given(st.text(max_size=20))
def test_no_name_breaks_out_of_its_quotes(name: str) -> None:
    inner = r"(?:[^'\\\n]|\\.)*"
    asked = influxql.count(name, "a101", 0)
    assert re.fullmatch(rf".* WHERE school = '{inner}' AND room = 'a101' AND time >= 0u", asked, re.DOTALL)
    assert re.fullmatch(r'CREATE DATABASE "(?:[^"\\\n]|\\.)*"', influxql.create_database(name), re.DOTALL)


def test_the_stores_own_words_are_kept() -> None:
    with pytest.raises(NoAnswer, match="database not found: x"):
        influxql.count_of({"results": [{"statement_id": 0, "error": "database not found: x"}]})
    assert influxql.error_of({"error": "authorization failed"}) == "authorization failed"
