"""An acid (or ammonia) in a flask, titrated from a burette with NaOH (or HCl): strong, weak and polyprotic.

Equations: the charge balance of the whole equilibrium, solved for pH exactly, with concentrations as activities:
           [H+] + [Na+] + [NH4+] = [OH-] + [Cl-] + sum over the acid's ions of charge * [ion], [H+][OH-] = 10^-pKw
           ion j of an acid of total C: C Ka1..Kaj [H+]^(n-j) / sum over i of Ka1..Kai [H+]^(n-i)
Source: D. C. Harris, Quantitative Chemical Analysis, 8th edition, chapters 8 to 10; pKw = 13.995 and pKa at 25 °C
        (acetic acid 4.756, phosphoric acid 2.16, 7.21, 12.32, ammonium 9.25): CRC Handbook of Chemistry and Physics.
Readings stand when the burette (50 mL) is empty.
"""

from scipy.optimize import brentq

from simulators.lab.experiment import AT_RESET, Choice, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import Flow, State
from simulators.lab.settings import Settings

PKW = 13.995
BURETTE_ML = 50.0
PKAS = {"hydrochloric": (), "acetic": (4.756,), "phosphoric": (2.16, 7.21, 12.32), "ammonia": (9.25,)}
_NAMES = {
    "hydrochloric": ("hydrochloric acid (HCl)", "hydrochloric acid"),
    "acetic": ("acetic acid (CH3COOH)", "acetic acid"),
    "phosphoric": ("phosphoric acid (H3PO4)", "phosphoric acid"),
    "weak": ("acid yếu (pKa tự chọn)", "weak acid of your pKa"),
    "ammonia": ("ammonia (NH3)", "ammonia"),
}


def start(p: Settings) -> State:
    return numbers(0.0)


def rates(t: float, state: State, p: Settings) -> State:
    return numbers(p["tap_ml_s"])


def left_in_burette(t: float, state: State, p: Settings) -> float:
    return BURETTE_ML - float(state[0])


def ph(analyte: str, pkas: tuple[float, ...], analyte_mol_l: float, titrant_mol_l: float) -> float:
    """pH of a solution with these totals in it, after mixing."""
    constants = [10**-pka for pka in pkas]

    def charge(at: float) -> float:
        proton = 10**-at
        own = proton - 10 ** (at - PKW)
        if analyte == "ammonia":
            return own + analyte_mol_l * proton / (proton + constants[0]) - titrant_mol_l
        if analyte == "hydrochloric":
            return own + titrant_mol_l - analyte_mol_l
        share, shares = 1.0, [1.0]
        for constant in constants:
            share *= constant / proton
            shares.append(share)
        mean_charge = sum(n * one for n, one in enumerate(shares)) / sum(shares)
        return own + titrant_mol_l - analyte_mol_l * mean_charge

    return float(brentq(charge, -2, 17, xtol=1e-12))


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    added, flask = float(state[0]), p["flask_ml"]
    analyte = p.choice("analyte")
    pkas = (p["pka"],) if analyte == "weak" else PKAS[analyte]
    volume = flask + added
    shown = ph(analyte, pkas, p["flask_mol_l"] * flask / volume, p["burette_mol_l"] * added / volume)
    return {"added_ml": added, "ph": shown}


EXPERIMENT = Experiment(
    vi="Chuẩn độ acid - base",
    en="Acid-base titration",
    subject=Subject.CHEMISTRY,
    parameters=(
        Choice("analyte", _NAMES, "acetic", "Chất trong bình", "What is in the flask", AT_RESET),
        Number("pka", "1", 1, 12, 4.756, "pKa của acid yếu tự chọn", "pKa of the weak acid of your own", AT_RESET),
        Number("flask_mol_l", "mol/L", 0.001, 1, 0.1, "Nồng độ trong bình", "Concentration in the flask", AT_RESET),
        Number("flask_ml", "mL", 5, 100, 25, "Thể tích trong bình", "Volume in the flask", AT_RESET),
        Number(
            "burette_mol_l", "mol/L", 0.001, 1, 0.1, "Nồng độ trong burette", "Concentration in the burette", AT_RESET
        ),
        Number("tap_ml_s", "mL/s", 0, 5, 0.2, "Khóa burette", "Tap of the burette"),
    ),
    outputs=(
        Output(
            "added_ml",
            "mL",
            "Thể tích đã thêm",
            "Volume added",
            Instrument("cảm biến giọt", "drop counter", 0.01, 0.005, 10),
        ),
        Output("ph", "1", "pH", "pH", Instrument("điện cực pH", "pH electrode", 0.01, 0.01, 10)),
    ),
    motion=Flow(start, rates, ends=left_in_burette),
    measure=measure,
)
