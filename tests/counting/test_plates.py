"""Colonies on plates, by the tables of the FDA's manual and ISO/TS 19036."""

import pytest

from pdc.counting.plates import Plate, PlateResult, colonies, expanded_uncertainty
from pdc.counting.rounding import decimals, figures


def plates(*rows: tuple[int, float]) -> list[Plate]:
    return [Plate(n, dilution) for n, dilution in rows]


def test_the_manuals_own_example():
    found = colonies(plates((232, 0.01), (244, 0.01), (33, 0.001), (28, 0.001)))
    assert (found.kind, found.per_ml, found.total) == (PlateResult.COUNTED, 24_000, 537)


def test_too_few_on_every_plate_gives_only_an_upper_limit():
    found = colonies(plates((18, 0.01), (2, 0.001)))
    assert (found.kind, found.per_ml, found.total) == (PlateResult.LESS, 2_500, 20)


def test_too_many_on_every_plate_is_estimated_from_the_nearest():
    found = colonies(plates((1600, 0.01), (270, 0.001)))
    assert (found.kind, found.per_ml) == (PlateResult.ESTIMATED, 270_000)


def test_plates_under_spreaders_are_left_out():
    whole = Plate(100, 0.01)
    assert colonies([whole, Plate(30, 0.01, spread=0.4)]).of == (whole,)
    assert colonies([Plate(30, 0.01, spread=0.4)]).kind is PlateResult.SPREADERS


def test_a_counted_quarter_stands_for_its_plate():
    found = colonies([Plate(100, 0.01, part=0.25)])
    assert (found.kind, found.per_ml) == (PlateResult.ESTIMATED, 40_000)


@pytest.mark.parametrize(("reproducibility", "total", "expected"), [(0.15, 110, 0.31), (0.25, 31, 0.52), (0.11, 11, 0.34)])
def test_the_uncertainty_is_that_of_the_amendments_three_examples(reproducibility, total, expected):
    """ISO/TS 19036:2006/Amd 1:2009, examples 1 to 3: standard deviation of reproducibility, colonies on all plates, U."""
    assert round(expanded_uncertainty(reproducibility, total), 2) == expected


@pytest.mark.parametrize(
    ("value", "n", "expected"), [(24_409, 2, 24_000), (2_550, 2, 2_600), (2_450, 2, 2_400), (0.0123, 2, 0.012), (0, 2, 0)]
)
def test_significant_figures(value, n, expected):
    assert figures(value, n) == expected


def test_a_half_goes_up_in_decimals():
    assert decimals(0.5, 0) == 1 and decimals(2.5, 0) == 3 and decimals(1.25, 1) == 1.3
