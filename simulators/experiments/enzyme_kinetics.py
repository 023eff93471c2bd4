"""An enzyme that turns substrate into product, alone or with an inhibitor: the Michaelis-Menten law.

Equations: -dS/dt = Vmax' S / (Km' + S); no inhibitor: Vmax, Km; competitive: Km (1 + I/Ki);
           uncompetitive: both divided by (1 + I/Ki); non-competitive: Vmax divided by (1 + I/Ki)
           S = Km W((S0 / Km) e^((S0 - Vmax t) / Km)), W: Lambert's function
Source: A. Cornish-Bowden, Fundamentals of Enzyme Kinetics, 4th edition, chapters 2 and 6; the progress curve:
        S. Schnell, C. Mendoza, Journal of Theoretical Biology 187 (1997) 207.
One second at the bench is one minute of the reaction.
"""

from simulators.lab.experiment import AT_RESET, Choice, Clock, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import Flow, State
from simulators.lab.settings import Settings


def start(p: Settings) -> State:
    return numbers(p["start_mmol_l"])


def rate(substrate: float, p: Settings) -> float:
    """mmol/(L min)"""
    vmax, km, bound = p["vmax_mmol_l_min"], p["km_mmol_l"], 1 + p["inhibitor_mmol_l"] / p["ki_mmol_l"]
    match p.choice("inhibition"):
        case "competitive":
            km *= bound
        case "uncompetitive":
            vmax, km = vmax / bound, km / bound
        case "non-competitive":
            vmax /= bound
    return vmax * substrate / (km + substrate)


def rates(t: float, state: State, p: Settings) -> State:
    return numbers(-rate(state[0], p))


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    substrate = float(state[0])
    return {
        "substrate_mmol_l": substrate,
        "product_mmol_l": p["start_mmol_l"] - substrate,
        "rate_mmol_l_min": rate(substrate, p),
    }


_SPECTROMETER = Instrument("máy quang phổ", "spectrometer", 0.001, 0.002, 20)

EXPERIMENT = Experiment(
    vi="Động học enzyme",
    en="Enzyme kinetics",
    subject=Subject.BIOLOGY,
    parameters=(
        Number("start_mmol_l", "mmol/L", 0.01, 50, 5, "Nồng độ cơ chất đầu", "Substrate at the start", AT_RESET),
        Number("vmax_mmol_l_min", "mmol/(L·min)", 0, 5, 0.5, "Tốc độ cực đại", "Greatest rate"),
        Number("km_mmol_l", "mmol/L", 0.05, 20, 1, "Hằng số Michaelis", "Michaelis constant"),
        Choice(
            "inhibition",
            {
                "none": ("không", "none"),
                "competitive": ("cạnh tranh", "competitive"),
                "uncompetitive": ("phi cạnh tranh (uncompetitive)", "uncompetitive"),
                "non-competitive": ("không cạnh tranh (non-competitive)", "non-competitive"),
            },
            "none",
            "Kiểu ức chế",
            "Inhibition",
        ),
        Number("inhibitor_mmol_l", "mmol/L", 0, 20, 1, "Nồng độ chất ức chế", "Inhibitor"),
        Number("ki_mmol_l", "mmol/L", 0.5, 20, 1, "Hằng số ức chế", "Inhibition constant"),
    ),
    outputs=(
        Output("substrate_mmol_l", "mmol/L", "Nồng độ cơ chất", "Substrate", _SPECTROMETER),
        Output("product_mmol_l", "mmol/L", "Nồng độ sản phẩm", "Product", _SPECTROMETER),
        Output("rate_mmol_l_min", "mmol/(L·min)", "Tốc độ phản ứng", "Rate", _SPECTROMETER),
    ),
    motion=Flow(start, rates),
    measure=measure,
    clock=Clock("min"),
)
