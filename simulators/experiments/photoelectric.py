"""Light on a metal cathode sets electrons free: threshold, stopping voltage and photocurrent.

Equations: h c / wavelength = W + K, stopping voltage = K / e; no electrons if the photon's energy is below W
           saturation current = efficiency * intensity * area * e / (h c / wavelength), area = 1 cm^2
           against a retarding voltage U < 0 the current falls as 1 + U / stopping voltage: the model spreads the
           electrons' energies along the field evenly from 0 to K
Source: A. Einstein, Annalen der Physik 322 (1905) 132; h, c, e: CODATA (scipy.constants);
        work functions: H. B. Michaelson, Journal of Applied Physics 48 (1977) 4729.
"""

from scipy.constants import c, e, h

from simulators.lab.experiment import Choice, Experiment, Instrument, Number, Output, Subject
from simulators.lab.motion import State, Still
from simulators.lab.settings import Settings

WORK_FUNCTION_EV = {"caesium": 2.14, "potassium": 2.30, "sodium": 2.75, "calcium": 2.87, "zinc": 4.33}
_AREA_M2 = 1e-4


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    photon_ev = h * c / (p["wavelength_nm"] * 1e-9) / e
    energy_ev = max(0.0, photon_ev - WORK_FUNCTION_EV[p.choice("metal")])
    current_a = p["efficiency_pct"] / 100 * p["intensity_w_m2"] * _AREA_M2 / photon_ev if energy_ev > 0 else 0.0
    retarded = max(0.0, 1 + p["anode_v"] / energy_ev) if energy_ev > 0 and p["anode_v"] < 0 else 1.0
    return {"photocurrent_na": 1e9 * current_a * retarded, "energy_ev": energy_ev, "stopping_v": energy_ev}


EXPERIMENT = Experiment(
    vi="Hiệu ứng quang điện",
    en="Photoelectric effect",
    subject=Subject.PHYSICS,
    parameters=(
        Choice("metal", {name: (name, name) for name in WORK_FUNCTION_EV}, "potassium", "Kim loại", "Metal"),
        Number("wavelength_nm", "nm", 150, 800, 400, "Bước sóng", "Wavelength"),
        Number("intensity_w_m2", "W/m²", 0, 100, 10, "Cường độ sáng", "Intensity of the light"),
        Number("anode_v", "V", -8, 8, 2, "Hiệu điện thế anode", "Voltage of the anode"),
        Number("efficiency_pct", "%", 0.001, 10, 0.1, "Hiệu suất lượng tử", "Quantum efficiency"),
    ),
    outputs=(
        Output(
            "photocurrent_na",
            "nA",
            "Dòng quang điện",
            "Photocurrent",
            Instrument("pico ampe kế", "picoammeter", 0.1, 0.1, 10),
        ),
        Output(
            "energy_ev",
            "eV",
            "Động năng cực đại của electron",
            "Greatest kinetic energy",
            Instrument("phân tích năng lượng", "energy analyser", 0.01, 0.005, 10),
        ),
        Output(
            "stopping_v",
            "V",
            "Hiệu điện thế hãm",
            "Stopping voltage",
            Instrument("vôn kế", "voltmeter", 0.01, 0.005, 10),
        ),
    ),
    motion=Still(),
    measure=measure,
)
