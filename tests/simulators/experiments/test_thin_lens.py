"""The lens equation: published cases, the reversible path of light, and the image at infinity."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.simulators.experiments.recorded import shown


@pytest.mark.parametrize(
    ("lens", "object_cm", "image_cm", "magnification"),
    [
        ("converging", 30, 15, -0.5),
        ("converging", 20, 20, -1),
        ("converging", 15, 30, -2),
        ("converging", 5, -10, 2),
        ("diverging", 10, -5, 0.5),
    ],
)
def test_textbook_images_of_a_lens_of_10_cm_are_exact(
    lens: str, object_cm: float, image_cm: float, magnification: float
) -> None:
    read = shown("thin-lens", lens=lens, focal_cm=10, object_cm=object_cm, object_height_cm=2)
    assert read["image_cm"] == pytest.approx(image_cm, rel=1e-12)
    assert read["magnification"] == pytest.approx(magnification, rel=1e-12)
    assert read["image_height_cm"] == pytest.approx(2 * magnification, rel=1e-12)


@given(focal=st.floats(2, 100), distance=st.floats(1, 500))
def test_object_and_image_change_places_within_1e_6(focal: float, distance: float) -> None:
    image = shown("thin-lens", focal_cm=focal, object_cm=distance)["image_cm"]
    assume(1 <= image <= 500)
    assert shown("thin-lens", focal_cm=focal, object_cm=image)["image_cm"] == pytest.approx(distance, rel=1e-6)


def test_newtons_form_of_the_equation_holds_within_1e_9() -> None:
    """(d - f)(d' - f) = f^2."""
    for distance in (21.5, 33.0, 80.0, 499.0):
        image = shown("thin-lens", focal_cm=20, object_cm=distance)["image_cm"]
        assert (distance - 20) * (image - 20) == pytest.approx(400, rel=1e-9)


def test_an_image_at_infinity_is_shown_at_the_benchs_end() -> None:
    assert shown("thin-lens", focal_cm=10, object_cm=10)["image_cm"] == 2000
