"""What an alarm says is said as people say it, in both languages."""

import pytest

from cloud_ingest.alarms.rules_file import builtin_rules
from cloud_ingest.alarms.unit import Unit
from cloud_ingest.alarms.wording import Held, of_unit


@pytest.mark.parametrize(
    ("value", "vi", "en"),
    [("30.7", "30,7", "30.7"), ("-1.5", "-1,5", "-1.5"), ("31", "31", "31"), ("v1.2.3", "v1.2.3", "v1.2.3")],
)
def test_a_number_has_the_comma_of_its_language(value: str, vi: str, en: str) -> None:
    (rule,) = (each for each in builtin_rules().rules if each.id == "fire-heat")
    said = of_unit(rule, "k", Unit("thcs-a", "a101", "air", "temperature_c"), Held(0, value, simulated=False), None)
    assert f" {vi} °C" in said.text_vi
    assert f" {en} °C" in said.text_en


def test_the_machine_of_a_room_is_called_as_the_pages_call_it() -> None:
    words = [
        sentence.vi
        for rule in builtin_rules().rules
        for sentence in (rule.name, rule.says, rule.school_says, rule.city_says, rule.all_says)
        if sentence is not None
    ]
    assert [text for text in words if "cổng" in text.casefold()] == []
