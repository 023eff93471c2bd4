"""A thin lens on an optical bench: where the image stands and how large it is.

Equations: 1/d' = 1/f - 1/d, magnification = -d'/d (d' < 0: virtual image; f < 0 for a diverging lens)
Source: E. Hecht, Optics, 5th edition, section 5.2.3. At d = f the image is at infinity: the bench shows its end.
"""

from math import copysign

from simulators.lab.experiment import Choice, Experiment, Instrument, Number, Output, Subject
from simulators.lab.motion import State, Still
from simulators.lab.settings import Settings

_FARTHEST = 1e12  # beyond any bench


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    focal = p["focal_cm"] if p.choice("lens") == "converging" else -p["focal_cm"]
    distance = p["object_cm"]
    vergence = 1 / focal - 1 / distance
    image = 1 / vergence if abs(vergence) > 1 / _FARTHEST else copysign(_FARTHEST, vergence)
    magnification = -image / distance
    return {"image_cm": image, "magnification": magnification, "image_height_cm": magnification * p["object_height_cm"]}


EXPERIMENT = Experiment(
    vi="Thấu kính mỏng",
    en="Thin lens",
    subject=Subject.PHYSICS,
    parameters=(
        Choice(
            "lens",
            {"converging": ("hội tụ", "converging"), "diverging": ("phân kì", "diverging")},
            "converging",
            "Loại thấu kính",
            "Kind of lens",
        ),
        Number("focal_cm", "cm", 2, 100, 10, "Tiêu cự", "Focal length"),
        Number("object_cm", "cm", 1, 500, 30, "Khoảng cách từ vật", "Distance of the object"),
        Number("object_height_cm", "cm", 0.1, 20, 2, "Chiều cao vật", "Height of the object"),
    ),
    outputs=(
        Output(
            "image_cm",
            "cm",
            "Khoảng cách đến ảnh",
            "Distance of the image",
            Instrument("thước quang học", "optical bench", 0.1, 0.05, 10, -2000, 2000),
        ),
        Output(
            "magnification",
            "1",
            "Số phóng đại",
            "Magnification",
            Instrument("thước trên màn", "scale on the screen", 0.01, 0.005, 10, -200, 200),
        ),
        Output(
            "image_height_cm",
            "cm",
            "Chiều cao ảnh",
            "Height of the image",
            Instrument("thước trên màn", "scale on the screen", 0.1, 0.05, 10, -500, 500),
        ),
    ),
    motion=Still(),
    measure=measure,
)
