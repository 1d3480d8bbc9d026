"""The measures give what the papers that define them print."""

from __future__ import annotations

import pytest

from pdc.domain.agreement.measures import (
    FEW_IMAGES,
    NO_MARK,
    NO_OBJECT,
    ONE_LABEL,
    SAME_COUNTS,
    Differences,
    cohens_kappa,
    f1,
    icc,
    krippendorffs_alpha,
)

WRIGHT = (494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427)
MINI = (512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451)
JUDGES = ((9, 2, 5, 8), (6, 1, 3, 2), (8, 4, 6, 8), (7, 1, 2, 6), (10, 5, 6, 9), (6, 2, 4, 7))


def test_kappa_of_two_readers_who_agree_on_35_of_50():
    assert cohens_kappa([[20, 5], [10, 15]]) == pytest.approx(0.4)


def test_alpha_is_that_of_krippendorffs_example_with_values_missing():
    rows = ["123321412...", "123322412" + "5.3", ".33323422" + "51.", "123324412" + "51."]
    coincidences = [[0.0] * 5 for _ in range(5)]
    for unit in zip(*rows, strict=True):
        said = [int(v) - 1 for v in unit if v != "."]
        for i, a in enumerate(said):
            for j, b in enumerate(said):
                if i != j:
                    coincidences[a][b] += 1 / (len(said) - 1)
    assert krippendorffs_alpha(coincidences) == pytest.approx(0.743, abs=0.0005)


def test_icc_is_that_of_shrout_and_fleiss_six_targets_and_four_judges():
    readers = [float(sum(column)) for column in zip(*JUDGES, strict=True)]
    squares = float(sum(n**2 for row in JUDGES for n in row))
    assert icc(6, readers, squares, float(sum(sum(row) ** 2 for row in JUDGES))) == pytest.approx(0.29, abs=0.005)


def test_the_limits_are_those_of_bland_and_altmans_peak_flow_meters():
    apart = [a - b for a, b in zip(WRIGHT, MINI, strict=True)]
    found = Differences(len(apart), sum(apart), sum(d**2 for d in apart))
    assert found.bias() == pytest.approx(-2.1, abs=0.05)
    assert [found.limit(side) for side in (-1, 1)] == pytest.approx([-2.1 - 1.96 * 38.8, -2.1 + 1.96 * 38.8], abs=0.1)


def test_f1_is_the_share_of_both_readers_marks_that_found_a_partner():
    assert f1(3, 4, 5) == pytest.approx(6 / 9)


def test_what_cannot_be_measured_says_why():
    assert cohens_kappa([[0, 0], [0, 0]]) is NO_OBJECT
    assert cohens_kappa([[7, 0], [0, 0]]) is ONE_LABEL
    assert krippendorffs_alpha([[6, 0], [0, 0]]) is ONE_LABEL
    assert krippendorffs_alpha([]) is NO_OBJECT
    assert f1(0, 0, 0) is NO_MARK
    assert Differences(1, 3, 9).limit(1) is FEW_IMAGES
    assert icc(1, [3, 4], 25, 49) is FEW_IMAGES
    assert icc(3, [6, 6], 24, 48) is SAME_COUNTS
