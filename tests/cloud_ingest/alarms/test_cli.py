"""`lophoc alarms` checks rules, shows the inbox, and says what rules would have said of what is stored."""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement, Run, Series
from classroom_profiles.topics import Address
from cloud_ingest.alarms.alarm import Severity
from cloud_ingest.alarms.cli import alarms
from cloud_ingest.alarms.inbox import Alarms
from cloud_ingest.alarms.place import alarms_beside
from cloud_ingest.alarms.transition import Cleared, Finding, Raised
from cloud_ingest.registry import Registry, beside
from cloud_ingest.sqlite_store import SqliteStore
from cloud_ingest.store import Portion

_S = 1_000_000


def run(*arguments: str) -> Result:
    return CliRunner().invoke(alarms, arguments)


def test_the_rules_that_come_with_lophoc_hold() -> None:
    assert "luật / rules" in run("check").output
    assert json.loads(run("check", "--json").output)["rules"] > 15
    assert "gateway-unreachable" in run("check", "--show").output


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("above: 1500\n    clear_below: 1600", "'clear_below' is at most 'above'"),
        ("above: 1\n    below: 0", "say 'above' or 'below'"),
        ("abuve: 1500", "rules.yaml:5:5: rules[0].abuve: unknown field"),
        ("above: 1500\n    schedule: nights", "rules.yaml:6:15: rules[0].schedule: unknown schedule 'nights'"),
        ("above: 1500\n    unless: [nothing]", "rules.yaml:6:14: rules[0].unless[0]: unknown rule 'nothing'"),
        ("above: 1500\n    unless: [it]", "cannot be its own cause"),
        ("above: 1500\n    severity: bad", "severity"),
        ("above: high", "rules.yaml:5:12: rules[0].above: "),
        ("above: 1500\n    together: no one", "together"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, wrong: str, said: str) -> None:
    path = tmp_path / "rules.yaml"
    severity = "" if "severity" in wrong else "    severity: note\n"
    path.write_text(
        "rules:\n  - id: it\n    kind: threshold\n    of: {measurement: reading, metric: co2_ppm}\n"
        f"    {wrong}\n    name: {{vi: a, en: a}}\n    says: {{vi: a, en: a}}\n{severity}"
    )
    result = run("check", str(path))
    assert result.exit_code == 1
    assert said in result.output


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("holidays: [{first: 2026-02-30}]", "2026-02-30"),
        ("holidays: [{first: 2026-03-02, last: 2026-03-01}]", "its last day is before its first"),
        ("holidays_file: none.ics", "none.ics"),
        ("holidays_file: broken.ics", "broken.ics"),
        ("escalation: [{id: a, email: [nobody]}]", "email"),
        ("schedules: {x: {start: '10:00', end: '09:00'}}", "'end' is later than 'start'"),
    ],
)
def test_so_is_one_in_holidays_hours_and_addresses(tmp_path: Path, more: str, said: str) -> None:
    (tmp_path / "broken.ics").write_text("BEGIN:VCALENDAR\nthis is none")
    path = tmp_path / "rules.yaml"
    path.write_text(
        f"{more}\nrules:\n  - id: it\n    kind: gateway\n    of: {{states: [silent]}}\n    severity: note\n"
        "    name: {vi: a, en: a}\n    says: {vi: a, en: a}\n"
    )
    result = run("check", str(path))
    assert result.exit_code == 1
    assert said in result.output


def _inbox(folder: Path) -> None:
    finding = Finding("lamp a", "lamp", Severity.MAJOR, "Đèn hỏng", "Lamp broken", "thcs-a", "r1", "d1")
    with Alarms(folder / "alarms.sqlite", create=True, clock_us=lambda: 1_793_584_800 * _S) as inbox:
        inbox.apply([Raised(finding, 1_793_584_800 * _S)])


def test_it_lists_and_shows(tmp_path: Path) -> None:
    _inbox(tmp_path)
    data = ("--data", str(tmp_path))
    assert "Đèn hỏng / Lamp broken" in run("list", *data).output
    listed = json.loads(run("list", *data, "--json", "--find", "lamp").output)
    assert (listed["total"], listed["alarms"][0]["since"]) == (1, "2026-11-02T09:00:00+07:00")
    assert json.loads(run("list", *data, "--json", "--severity", "critical").output)["total"] == 0
    assert "no alarms" in run("list", *data, "--state", "cleared").output
    shown = json.loads(run("show", "1", *data, "--json").output)
    assert [entry["what"] for entry in shown["history"]] == ["raised"]
    assert "thcs-a" in run("show", "1", *data).output
    assert run("show", "2", *data).exit_code == 1
    assert run("list").exit_code == 2
    missing = run("list", "--data", str(tmp_path / "none"))
    assert (missing.exit_code, "cannot be read" in missing.output) == (1, True)


def test_what_would_have_been_said_of_the_past(tmp_path: Path) -> None:
    url, now_us = f"sqlite:///{tmp_path}/store.sqlite", time.time_ns() // 1000 // _S * _S
    since_us = now_us - 3000 * _S
    store = SqliteStore(str(tmp_path / "store.sqlite"))
    store.open()
    co2 = Series(Measurement.READING, "r1", "air", "air-sensor", "co2_ppm")
    times = [since_us + n * 10 * _S for n in range(250)]
    values: list[Value] = [2000.0 if 50 <= n < 150 else 500.0 for n in range(250)]
    store.write([Portion("thcs-a", [Run(co2, False, times, values)])])
    store.close()
    with Registry(beside(url), clock_us=lambda: since_us + 600 * _S) as registry:
        registry.on_status(Address("thcs-a", "gw"), b'{"state":"offline"}')
    path = tmp_path / "rules.yaml"
    words = "    severity: note\n    name: {vi: a, en: a}\n    says: {vi: a, en: 'a {value}'}\n    hold_s: 0\n"
    path.write_text(
        "rules:\n  - id: co2\n    kind: threshold\n    of: {measurement: reading, metric: co2_ppm}\n    above: 1500\n"
        f"    for_s: 60\n{words}  - id: gone\n    kind: gateway\n    of: {{states: [unreachable]}}\n{words}"
    )
    arguments = ("replay", "--store", url, "--rules", str(path), "--school", "thcs-a", "--since", "1h", "--json")
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    *lines, totals = [json.loads(line) for line in result.output.splitlines()]
    assert totals == {"raised": 2, "cleared": 1}
    assert [(line["what"], line["key"].split()[0]) for line in lines] == [
        ("raised", "co2"), ("raised", "gone"), ("cleared", "co2"),
    ]  # fmt: skip
    assert not alarms_beside(url).exists()
    assert "2 được nâng / raised" in run(*arguments[:-1]).output


def test_alarms_are_beside_the_registry() -> None:
    assert alarms_beside("sqlite:///a/store.sqlite") == Path("a/store.sqlite.alarms")
    assert alarms_beside("influx1://h:1/db").name.startswith("alarms-")


def test_clearing_something_unknown_does_nothing(tmp_path: Path) -> None:
    _inbox(tmp_path)
    with Alarms(tmp_path / "alarms.sqlite") as inbox:
        inbox.apply([Cleared("nothing", 0)])
        assert len(inbox.holding()) == 1
