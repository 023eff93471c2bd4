"""`lophoc interlock`: rules are checked, and a recorded day is replayed against them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from firmware_bridge.interlock_cli import interlock
from firmware_bridge.recorded_day import Row, WrongRow, rows

ROOM = """\
school: s
room: r
name: {vi: Phòng, en: Room}
devices:
  - {id: gas, role: gas-sensor, driver: mqtt-devices, options: {dialect: plain, topic: g, kind: sensor}}
  - {id: valve, role: gas-valve, driver: mqtt-devices, options: {dialect: plain, topic: v}}
interlocks:
  - id: gas
    name: {vi: Rò khí, en: Gas leak}
    advice: {vi: Ra ngoài, en: Go out}
    when:
      - {device: gas, metric: gas_ppm, above: 1000, for_s: 2}
      - {device: gas, metric: gas_ppm, silent_s: 5}
      - {device: gas, unreachable_s: 3}
    then:
      - {device: valve, set: {switch: false}}
"""
DAY = """\
time,device,metric,value
2026-11-24T08:00:00,gas,gas_ppm,20
2026-11-24T08:00:00,gas,health,online
2026-11-24T08:00:01,gas,gas_ppm,1200
2026-11-24T08:00:02,gas,gas_ppm,1250
2026-11-24T08:00:04.500,gas,gas_ppm,30
2026-11-24T08:00:05,other,gas_ppm,9000
2026-11-24T08:00:20,gas,gas_ppm,25
2026-11-24T08:00:21,gas,health,unreachable
2026-11-24T08:00:22,gas,gas_ppm,25
2026-11-24T08:00:26,gas,gas_ppm,25
2026-11-24T08:00:26,gas,health,online
"""


@pytest.fixture
def room(tmp_path: Path) -> Path:
    path = tmp_path / "room.yaml"
    path.write_text(ROOM, encoding="utf-8")
    return path


def run(*arguments: object, code: int = 0) -> str:
    answer = CliRunner().invoke(interlock, [str(one) for one in arguments])
    assert answer.exit_code == code, answer.output
    return answer.output


def test_good_rules_are_told_with_their_devices(room: Path) -> None:
    said = run("check", room)
    assert "gas.gas_ppm > 1000 for 2 s" in said
    assert "valve.switch=off" in said
    (found,) = json.loads(run("check", room, "--json"))["interlocks"]
    assert found["then"] == ["valve.switch=off"]
    assert found["reset_by"] == "technician"


def test_bad_rules_are_told_with_their_places(room: Path) -> None:
    room.write_text(ROOM.replace("switch: false", "level: 0").replace("metric: gas_ppm, above", "metric: gaz, above"))
    said = run("check", room, code=1)
    assert f"{room}:12:31: interlocks[0].when[0].metric: 'gas' has no metric 'gaz'" in said
    assert f"{room}:16:30: interlocks[0].then[0].set: 'valve' cannot be told level; it has: switch" in said
    answer = json.loads(run("check", room, "--json", code=1))
    assert (answer["ok"], len(answer["problems"])) == (False, 2)


def test_the_sample_laboratory_is_checked_and_the_sets_are_listed() -> None:
    assert "2 khóa liên động / interlocks" in run("check", "lab-b203")
    assert "over-current" in run("list")
    assert {one["id"] for one in json.loads(run("list", "--json"))} >= {"gas", "fire"}
    assert run("sample", "gas").startswith("# Khí cháy")
    assert "did you mean 'gas'" in run("sample", "gass", code=2)


def test_a_day_is_replayed_and_every_trip_is_told_with_its_times(room: Path, tmp_path: Path) -> None:
    day = tmp_path / "day.csv"
    day.write_text(DAY, encoding="utf-8")
    answer = json.loads(run("simulate", room, "--log", day, "--json"))
    assert answer["readings"] == 11
    trips = [(trip["time"][11:], trip["cause"], trip["lasted_s"]) for trip in answer["trips"]]
    assert trips == [
        ("08:00:03.000Z", "gas.gas_ppm > 1000 for 2 s (1250)", 1.5),
        ("08:00:09.500Z", "gas.gas_ppm silent for 5 s", 10.5),
        ("08:00:24.000Z", "gas unreachable for 3 s", 2.0),
    ]
    assert answer["trips"][0]["orders"] == ["valve.switch=off"]
    said = run("simulate", room, "--log", day)
    assert "2026-11-24T08:00:03.000Z  gas: gas.gas_ppm > 1000 for 2 s (1250)" in said
    assert "11 số đọc / readings, 3 lần ngắt / trips" in said
    kept = json.loads(run("simulate", room, "--log", day, "--json", "--keep-latched"))
    assert len(kept["trips"]) == 1


def test_a_day_as_json_lines_is_the_same_day(room: Path, tmp_path: Path) -> None:
    (tmp_path / "day.csv").write_text(DAY, encoding="utf-8")
    with (tmp_path / "day.jsonl").open("w", encoding="utf-8") as lines:
        for row in rows(tmp_path / "day.csv"):
            value = row.value if not hasattr(row.value, "state") else str(row.value.state)
            one = {"time": row.time_us / 1e6, "device": row.device, "metric": row.metric, "value": value}
            lines.write(json.dumps(one) + "\n")
    assert list(rows(tmp_path / "day.jsonl")) == list(rows(tmp_path / "day.csv"))
    first = run("simulate", room, "--log", tmp_path / "day.csv", "--json")
    assert run("simulate", room, "--log", tmp_path / "day.jsonl", "--json") == first


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,device,value\n1,a,2\n", "line 1: no column metric"),
        ("time,device,metric,value\nmorning,a,b,2\n", "line 2: the time is seconds since 1970"),
        ("time,device,metric,value\n-5,a,b,2\n", "line 2: the time is seconds since 1970"),
        ("time,device,metric,value\n2,a,b,2\n1,a,b,2\n", "line 3: earlier than the line before"),
        ("time,device,metric,value\n1,,b,2\n", "line 2: device and metric are texts"),
        ("time,device,metric,value\n1,a,health,good\n", "line 2: health is one of online"),
    ],
)
def test_a_log_that_cannot_be_read_says_where(room: Path, tmp_path: Path, text: str, said: str) -> None:
    day = tmp_path / "day.csv"
    day.write_text(text, encoding="utf-8")
    assert said in run("simulate", room, "--log", day, code=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"time": 1}\n', "line 1: give an object with time, device, metric, value"),
        ("{\n", "line 1: no JSON"),
        ('{"time": true, "device": "a", "metric": "b", "value": null}\n', "line 1: the value is a number"),
    ],
)
def test_json_lines_that_cannot_be_read_say_where(tmp_path: Path, text: str, said: str) -> None:
    day = tmp_path / "day.jsonl"
    day.write_text(text, encoding="utf-8")
    with pytest.raises(WrongRow, match=said):
        list(rows(day))


def test_values_of_a_csv_file_are_what_they_look_like(tmp_path: Path) -> None:
    day = tmp_path / "day.csv"
    day.write_text("value,time,metric,device\ntrue,1,m,a\n-2.5,1,m,a\nsingle,1,m,a\nnan,1,m,a\n", encoding="utf-8")
    assert [row.value for row in rows(day)] == [True, -2.5, "single", "nan"]
    assert next(iter(rows(day))) == Row(1_000_000, "a", "m", True)


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("role: power-meter, driver: modbus, options: {port: /dev/ttyUSB0, map: eastron-sdm120}", "it is a sensor"),
        ("role: experiment, driver: experiment, options: {host: 127.0.0.1, port: 7100}", "it has: experiment"),
        (
            "role: printer-3d, driver: gcode-printer, options: {port: /dev/ttyUSB1, files: prints}",
            "it has: program, switch.pause",
        ),
    ],
)
def test_what_a_driver_can_never_be_told_is_said_before_it_is_open(room: Path, device: str, said: str) -> None:
    written = ROOM.replace(
        "{id: valve, role: gas-valve, driver: mqtt-devices, options: {dialect: plain, topic: v}}",
        f"{{id: valve, {device}}}",
    )
    assert written != ROOM
    room.write_text(written)
    assert f"'valve' cannot be told switch; {said}" in run("check", room, code=1)
