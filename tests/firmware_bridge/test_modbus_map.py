"""Register maps: those that come with lophoc against answers from makers' sheets, and mistakes in one's own."""

import math
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom_profiles.metrics import find, unit
from classroom_profiles.problem import DocumentError
from classroom_profiles.series import Measurement
from firmware_bridge.modbus_map import MOST, Block, Order, RegisterMap, Spot, Table, Type, load_map, map_names

EMPTY: dict[str, Any] = {"about": "a thing", "source": "its sheet", "table": "input"}
ONE = {"temperature_c": {"at": 0, "low": 0, "high": 100}}


def registers(answer: str) -> list[int]:
    """Those in a recorded answer, as it was on the wire."""
    raw = bytes.fromhex(answer)
    assert raw[2] == len(raw) - 5
    return [int.from_bytes(raw[at : at + 2], "big") for at in range(3, len(raw) - 2, 2)]


@pytest.mark.parametrize("name", map_names())
def test_a_map_that_comes_with_lophoc_has_metrics_of_the_house(name: str) -> None:
    loaded = load_map(name)
    for metric in loaded.readings:
        assert find(Measurement.READING, metric) is not None, f"{metric} is not in the schema"
    assert {block.table for block in loaded.blocks} <= set(Table)


@pytest.mark.parametrize(
    ("name", "first", "answer", "values"),
    [
        ("xy-md02", 1, "01 04 04 01 31 02 22 2A CE", {"temperature_c": 30.5, "humidity_percent": 54.6}),
        ("adtek-wall-co2", 0, "01 03 04 01 0F 01 EF 00 00", {"temperature_c": 27.1, "humidity_percent": 49.5}),
        ("adtek-wall-co2", 5, "01 03 02 03 E8 00 00", {"co2_ppm": 1000.0}),
    ],
)
def test_makers_own_examples_read_as_the_makers_say(
    name: str, first: int, answer: str, values: dict[str, float]
) -> None:
    loaded = load_map(name)
    block = next(one for one in loaded.blocks if one.first == first)
    assert loaded.values(block, registers(answer)) == values


def test_a_meter_of_floats_reads_as_the_maker_says() -> None:
    """The voltage of Eastron's own example, 01 04 04 43 66 33 34 1B 38."""
    spot = load_map("eastron-sdm120").readings["voltage_v"]
    assert spot.value(registers("01 04 04 43 66 33 34 1B 38"), Order.ABCD) == 230.2


def test_a_meter_with_the_low_word_first_is_read_so() -> None:
    loaded = load_map("pzem-016")
    (block,) = loaded.blocks
    assert block == Block(Table.INPUT, 0, 9, tuple(loaded.readings))
    found = loaded.values(block, [2301, 0x1170, 0x0001, 1500, 0, 0xFFFF, 0x0001, 500, 95])
    assert found == {
        "voltage_v": 230.1,
        "current_a": 70.0,
        "power_w": 150.0,
        "energy_kwh": 131.071,
        "frequency_hz": 50.0,
        "power_factor": 0.95,
    }


def test_what_lies_close_is_asked_in_one_go_and_no_more_than_the_device_gives() -> None:
    blocks = load_map("eastron-sdm120").blocks
    assert [(one.first, one.count) for one in blocks] == [(0x00, 32), (0x46, 2), (0x156, 2)]
    many = {f"voltage_{n}_v": {"at": 2 * n, "type": "float32", "low": 0, "high": 1} for n in range(64)}
    wide = RegisterMap.model_validate({**EMPTY, "readings": many})
    assert [(one.first, one.count) for one in wide.blocks] == [(0, 124), (124, 4)]
    narrow = RegisterMap.model_validate({**EMPTY, "readings": many, "most": 3})
    assert all(one.count == 2 for one in narrow.blocks)


def test_what_lies_on_top_of_another_is_read_once() -> None:
    whole, part = {"at": 4, "type": "uint32", "low": 0, "high": 5e9}, {"at": 5, "low": 0, "high": 100}
    readings = {"energy_kwh": whole, "power_w": part}
    loaded = RegisterMap.model_validate({**EMPTY, "readings": readings})
    (block,) = loaded.blocks
    assert (block.first, block.count) == (4, 2)
    assert loaded.values(block, [1, 7]) == {"energy_kwh": 65543.0, "power_w": 7.0}


def test_two_tables_are_two_questions() -> None:
    readings = {**ONE, "humidity_percent": {"at": 1, "table": "holding", "low": 0, "high": 100}}
    blocks = RegisterMap.model_validate({**EMPTY, "readings": readings}).blocks
    assert [(one.table, one.first, one.count) for one in blocks] == [(Table.HOLDING, 1, 1), (Table.INPUT, 0, 1)]


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (Order.ABCD, [0x4366, 0x3334]),
        (Order.CDAB, [0x3334, 0x4366]),
        (Order.BADC, [0x6643, 0x3433]),
        (Order.DCBA, [0x3433, 0x6643]),
    ],
)
def test_each_order_of_bytes_can_be_declared(order: Order, words: list[int]) -> None:
    spot = Spot(at=0, type=Type.FLOAT32, low=0, high=300)
    assert spot.value(words, order) == 230.2
    assert Spot(at=0, type=Type.FLOAT32, low=0, high=300, order=order).value(words, Order.ABCD) == 230.2


@pytest.mark.parametrize("order", [Order.CDAB, Order.BADC, Order.DCBA])
def test_a_wrong_order_is_told_by_values_that_cannot_be(order: Order) -> None:
    assert load_map("eastron-sdm120").readings["voltage_v"].value([0x4366, 0x3334], order) is None


@pytest.mark.parametrize("raw", [float("nan"), float("inf"), -1.0, 501.0, 1e-30])
def test_what_cannot_be_is_no_value(raw: float) -> None:
    words = list(struct.unpack(">HH", struct.pack(">f", raw)))
    assert load_map("eastron-sdm120").readings["voltage_v"].value(words, Order.ABCD) is None


@given(
    kind=st.sampled_from([Type.INT16, Type.UINT16, Type.INT32, Type.UINT32]),
    order=st.sampled_from(Order),
    data=st.data(),
)
def test_every_whole_number_comes_back_as_it_was_written(kind: Type, order: Order, data: st.DataObject) -> None:
    bits, signed = 16 * kind.registers, kind in (Type.INT16, Type.INT32)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    number = data.draw(st.integers(low, high))
    raw = number.to_bytes(bits // 8, "big", signed=signed)
    letters = order.value[: len(raw)] if len(raw) == 4 else {"ab": "ab", "cd": "ab", "ba": "ba", "dc": "ba"}[order[:2]]
    wire = bytes(raw["abcd".index(letter)] for letter in letters)
    words = [int.from_bytes(wire[at : at + 2], "big") for at in range(0, len(wire), 2)]
    assert Spot(at=0, type=kind, low=-5e9, high=5e9).value(words, order) == number


@given(st.lists(st.integers(0, 0xFFFF), min_size=MOST, max_size=MOST))
def test_no_registers_make_a_value_that_is_none(words: list[int]) -> None:
    for name in map_names():
        loaded = load_map(name)
        for block in loaded.blocks:
            for metric, value in loaded.values(block, words[: block.count]).items():
                spot = loaded.readings[metric]
                assert value is None or (math.isfinite(value) and spot.low <= value <= spot.high)


def test_units_come_from_the_names() -> None:
    loaded = load_map("eastron-sdm120")
    assert [unit(metric) for metric in loaded.readings] == ["V", "A", "W", "", "Hz", "kWh"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("at: 0, low: 1, high: 1", "'high' must be more than 'low'"),
        ("at: 65536, low: 0, high: 1", "must be at most 65535"),
        ("at: 65535, type: float32, low: 0, high: 1", "ends after the last register"),
        ("at: 0, typ: int16, low: 0, high: 1", "unknown field 'typ'; did you mean 'type'?"),
        ("at: 0, order: acbd, low: 0, high: 1", "unknown order 'acbd'"),
        ("low: 0, high: 1", "missing (its register as on the wire, from 0)"),
    ],
)
def test_a_mistake_in_a_map_is_named_with_its_place(tmp_path: Path, written: str, said: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(f"about: a\nsource: b\ntable: input\nreadings:\n  temperature_c: {{{written}}}\n", encoding="utf-8")
    with pytest.raises(DocumentError) as wrong:
        load_map(str(file))
    words = "; ".join(str(problem) for problem in wrong.value.problems)
    assert said in words
    assert f"{file}:" in words


def test_an_unknown_map_is_met_with_the_nearest() -> None:
    with pytest.raises(KeyError, match="no map 'xy-md2'; did you mean 'xy-md02'"):
        load_map("xy-md2")
