"""Four resistors in series, in parallel, mixed, or as a Wheatstone bridge with a fifth as the meter.

Equations: series R = sum Ri; parallel 1/R = sum 1/Ri; mixed: R1 + (R2 parallel to (R3 + R4))
           bridge (R1 over R2 beside R3 over R4, R5 across): the triangle R1, R3, R5 as a star of
           Ra = R1 R3 / S, Rb = R1 R5 / S, Rc = R3 R5 / S, S = R1 + R3 + R5; R = Ra + (Rb + R2) parallel to (Rc + R4)
Source: C. K. Alexander, M. N. O. Sadiku, Fundamentals of Electric Circuits, 5th edition, sections 2.5 to 2.7.
"""

from simulators.lab.experiment import Choice, Experiment, Instrument, Number, Output, Subject
from simulators.lab.motion import State, Still
from simulators.lab.settings import Settings


def solved(arrangement: str, source: float, r1: float, r2: float, r3: float, r4: float, r5: float) -> tuple[float, ...]:
    """Equivalent resistance, and the voltages of R1 to R4."""
    match arrangement:
        case "series":
            total = r1 + r2 + r3 + r4
            return total, *(source * r / total for r in (r1, r2, r3, r4))
        case "parallel":
            return 1 / (1 / r1 + 1 / r2 + 1 / r3 + 1 / r4), source, source, source, source
        case "mixed":
            branch = _parallel(r2, r3 + r4)
            current = source / (r1 + branch)
            across = current * branch
            return r1 + branch, current * r1, across, across * r3 / (r3 + r4), across * r4 / (r3 + r4)
        case _:
            around = r1 + r3 + r5
            left, right = r1 * r5 / around + r2, r3 * r5 / around + r4
            total = r1 * r3 / around + _parallel(left, right)
            current = source / total
            u2, u4 = current * right / (left + right) * r2, current * left / (left + right) * r4
            return total, source - u2, u2, source - u4, u4


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    arrangement, resistors = p.choice("arrangement"), [p[f"r{n}_ohm"] for n in range(1, 6)]
    total, u1, u2, u3, u4 = solved(arrangement, p["source_v"], *resistors)
    return {
        "equivalent_ohm": total, "current_ma": 1000 * p["source_v"] / total,
        "u1_v": u1, "u2_v": u2, "u3_v": u3, "u4_v": u4,
        "meter_ma": 1000 * (u2 - u4) / resistors[4] if arrangement == "bridge" else 0.0,
    }  # fmt: skip


def _parallel(a: float, b: float) -> float:
    return a * b / (a + b)


_VOLTMETER = Instrument("vôn kế", "voltmeter", 0.01, 0.005, 10)
_AMMETER = Instrument("ampe kế", "ammeter", 0.01, 0.005, 10)

EXPERIMENT = Experiment(
    vi="Mạch điện trở",
    en="Resistor networks",
    subject=Subject.PHYSICS,
    parameters=(
        Choice(
            "arrangement",
            {
                "series": ("nối tiếp", "series"),
                "parallel": ("song song", "parallel"),
                "mixed": ("hỗn hợp", "mixed"),
                "bridge": ("cầu Wheatstone", "Wheatstone bridge"),
            },
            "mixed",
            "Cách mắc",
            "Arrangement",
        ),
        Number("source_v", "V", -24, 24, 12, "Hiệu điện thế nguồn", "Voltage of the source"),
        *(Number(f"r{n}_ohm", "Ω", 1, 10000, 100 * n, f"Điện trở R{n}", f"Resistor R{n}") for n in range(1, 5)),
        Number("r5_ohm", "Ω", 1, 10000, 50, "Điện trở của đồng hồ (R5)", "Resistance of the meter (R5)"),
    ),
    outputs=(
        Output(
            "equivalent_ohm",
            "Ω",
            "Điện trở tương đương",
            "Equivalent resistance",
            Instrument("ôm kế", "ohmmeter", 0.1, 0.05, 10),
        ),
        Output("current_ma", "mA", "Cường độ dòng điện chính", "Current of the source", _AMMETER),
        *(Output(f"u{n}_v", "V", f"Hiệu điện thế trên R{n}", f"Voltage of R{n}", _VOLTMETER) for n in range(1, 5)),
        Output("meter_ma", "mA", "Dòng điện qua đồng hồ", "Current of the meter", _AMMETER),
    ),
    motion=Still(),
    measure=measure,
)
