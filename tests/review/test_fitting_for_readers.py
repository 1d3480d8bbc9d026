"""Who may have boxes fitted by what: a reader who must not know what a model says is helped by colour alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from desk import Desk
from pictures import cells, encoded

from pdc.domain.errors import NotFound
from pdc.domain.values import Box, Point
from pdc.inference.fitting.fitter import Fitter, Wish
from pdc.inference.fitting.rules import Rule, Way
from pdc.review.fitting.fitting import Fitting, Rough

CELL = Box(20, 20, 60, 60)
RULES = {"polyp": Rule(Way.DETECTOR, (0.4,), release=True, click=True), "nucleus": Rule(Way.COLOUR, (0.4,), release=True)}
ROUGH = Rough("polyp", Box(16, 24, 62, 58))


class Detector:
    """One that sees the cell in every whole picture, and counts its looks; also the only expert there is."""

    def __init__(self) -> None:
        self.looks = 0
        self.manifests: tuple[Any, ...] = (SimpleNamespace(classes=("polyp", "nucleus")),)

    def expert(self, manifest: object) -> Detector:
        return self

    def propose(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.looks += 1
        return np.array([0.9]), np.array([CELL.xyxy])


def fitting(folder: Path, *, blind: bool) -> tuple[Fitting, Detector, str]:
    desk, detector = Desk(folder, blind=blind), Detector()
    sha = desk.service.add_image(encoded(cells((80, 80), [CELL.xyxy])), "cells.png")[0].sha256
    return Fitting(desk.service, Fitter(RULES, detector)), detector, sha  # pyright: ignore[reportArgumentType]


def test_a_detector_helps_whoever_may_know_what_the_model_says(tmp_path: Path):
    fits, detector, sha = fitting(tmp_path, blind=False)
    (found,) = fits.fit(sha, [ROUGH], Wish.DRAWN, "ada")
    assert found and found.box == CELL and detector.looks == 1
    (clicked,) = fits.fit(sha, [Rough("polyp", Point(40, 40))], Wish.DRAWN, "ada")
    assert clicked and clicked.box == CELL


def test_in_a_blind_reading_no_detector_is_asked_and_colour_still_helps(tmp_path: Path):
    fits, detector, sha = fitting(tmp_path, blind=True)
    nucleus = Rough("nucleus", ROUGH.shape)
    polyp, clicked, coloured = fits.fit(sha, [ROUGH, Rough("polyp", Point(40, 40)), nucleus], Wish.DRAWN, "ada")
    assert (polyp, clicked, detector.looks) == (None, None, 0)
    assert coloured and coloured.outline


def test_an_image_that_is_not_there_is_not_fitted(tmp_path: Path):
    fits, _, _ = fitting(tmp_path, blind=False)
    with pytest.raises(NotFound):
        fits.fit("0" * 64, [ROUGH], Wish.DRAWN, "ada")
