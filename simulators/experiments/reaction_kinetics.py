"""A turns into B: of order zero, one or two, or reversibly, faster when warmer.

Equations: d[A]/dt = -k, -k [A], -k [A]^2, or -k [A] + (k / K) [B]; [A] + [B] is constant
           k(T) = k25 e^(-(Ea / R)(1/T - 1/298.15 K))
           [A] = A0 - k t; A0 e^(-kt); A0 / (1 + k A0 t); reversible: relaxes to [B]/[A] = K with rate k (1 + 1/K)
Source: P. Atkins, J. de Paula, Physical Chemistry, 10th edition, chapter 20. Readings stand when all of A is used up.
"""

from math import exp

from scipy.constants import R, zero_Celsius

from simulators.lab.experiment import AT_RESET, Choice, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import Flow, State
from simulators.lab.settings import Settings


def start(p: Settings) -> State:
    return numbers(p["start_a_mol_l"], p["start_b_mol_l"])


def rate_constant(p: Settings) -> float:
    kelvin = p["temperature_c"] + zero_Celsius
    return p["rate_constant_at_25"] * exp(-1000 * p["activation_kj_mol"] / R * (1 / kelvin - 1 / 298.15))


def rate(a: float, b: float, p: Settings) -> float:
    """mol/(L s) of A that turn into B."""
    k = rate_constant(p)
    match p.choice("order"):
        case "zero":
            return k
        case "first":
            return k * a
        case "second":
            return k * a * a
        case _:
            return k * a - k / p["equilibrium"] * b


def rates(t: float, state: State, p: Settings) -> State:
    now = rate(state[0], state[1], p)
    return numbers(-now, now)


def left(t: float, state: State, p: Settings) -> float:
    return float(state[0])


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    a, b = state.tolist()
    return {"a_mol_l": a, "b_mol_l": b}


_SPECTROMETER = Instrument("máy quang phổ", "spectrometer", 0.001, 0.001, 20, 0, 20)

EXPERIMENT = Experiment(
    vi="Động học phản ứng",
    en="Reaction kinetics",
    subject=Subject.CHEMISTRY,
    parameters=(
        Choice(
            "order",
            {
                "zero": ("bậc không", "zero"),
                "first": ("bậc một", "first"),
                "second": ("bậc hai", "second"),
                "reversible": ("thuận nghịch", "reversible"),
            },
            "first",
            "Bậc phản ứng",
            "Order",
            AT_RESET,
        ),
        Number("start_a_mol_l", "mol/L", 0.001, 5, 1, "Nồng độ đầu của A", "A at the start", AT_RESET),
        Number("start_b_mol_l", "mol/L", 0, 5, 0, "Nồng độ đầu của B", "B at the start", AT_RESET),
        Number(
            "rate_constant_at_25",
            "(mol/L)^(1-n)/s",
            1e-5,
            2,
            0.02,
            "Hằng số tốc độ ở 25 °C (n: bậc)",
            "Rate constant at 25 °C (n: order)",
        ),
        Number("activation_kj_mol", "kJ/mol", 0, 100, 50, "Năng lượng hoạt hóa", "Activation energy"),
        Number("temperature_c", "°C", 0, 100, 25, "Nhiệt độ", "Temperature"),
        Number("equilibrium", "1", 0.01, 100, 1, "Hằng số cân bằng [B]/[A]", "Equilibrium constant [B]/[A]"),
    ),
    outputs=(
        Output("a_mol_l", "mol/L", "Nồng độ A", "Concentration of A", _SPECTROMETER),
        Output("b_mol_l", "mol/L", "Nồng độ B", "Concentration of B", _SPECTROMETER),
    ),
    motion=Flow(start, rates, ends=left, method="Radau", rtol=1e-9, atol=1e-13),
    measure=measure,
)
