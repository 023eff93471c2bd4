"""A ray of unpolarised light that meets the border of two media: refracted, reflected, or totally reflected.

Equations: n1 sin a = n2 sin b; critical angle = asin(n2 / n1) if n1 > n2 (shown as 90 if there is none)
           Fresnel: rs = (n1 cos a - n2 cos b) / (n1 cos a + n2 cos b)
                    rp = (n2 cos a - n1 cos b) / (n2 cos a + n1 cos b)
           reflected share = (rs^2 + rp^2) / 2; with total reflection b is shown as 90 and 100 % are reflected
Source: E. Hecht, Optics, 5th edition, sections 4.4 to 4.7.
"""

from math import asin, cos, degrees, radians, sin

from simulators.lab.experiment import Experiment, Instrument, Number, Output, Subject
from simulators.lab.motion import State, Still
from simulators.lab.settings import Settings


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    n1, n2, incidence = p["index_1"], p["index_2"], radians(p["incidence_deg"])
    critical = degrees(asin(n2 / n1)) if n1 > n2 else 90.0
    sine = n1 / n2 * sin(incidence)
    if sine >= 1:
        return {"refraction_deg": 90.0, "reflected_pct": 100.0, "critical_deg": critical}
    refraction = asin(sine)
    a, b = cos(incidence), cos(refraction)
    s, parallel = (n1 * a - n2 * b) / (n1 * a + n2 * b), (n2 * a - n1 * b) / (n2 * a + n1 * b)
    reflected = 50 * (s**2 + parallel**2)
    return {"refraction_deg": degrees(refraction), "reflected_pct": reflected, "critical_deg": critical}


_PROTRACTOR = Instrument("thước đo góc", "protractor", 0.1, 0.1, 10, 0, 90)

EXPERIMENT = Experiment(
    vi="Khúc xạ và phản xạ toàn phần",
    en="Refraction and total reflection",
    subject=Subject.PHYSICS,
    parameters=(
        Number("incidence_deg", "°", 0, 89.9, 30, "Góc tới", "Angle of incidence"),
        Number("index_1", "1", 1, 3, 1, "Chiết suất môi trường tới", "Index of the first medium"),
        Number("index_2", "1", 1, 3, 1.5, "Chiết suất môi trường khúc xạ", "Index of the second medium"),
    ),
    outputs=(
        Output("refraction_deg", "°", "Góc khúc xạ", "Angle of refraction", _PROTRACTOR),
        Output(
            "reflected_pct",
            "%",
            "Tỉ lệ phản xạ",
            "Share that is reflected",
            Instrument("cảm biến ánh sáng", "light sensor", 0.1, 0.1, 10, 0, 100),
        ),
        Output("critical_deg", "°", "Góc giới hạn", "Critical angle", _PROTRACTOR),
    ),
    motion=Still(),
    measure=measure,
)
