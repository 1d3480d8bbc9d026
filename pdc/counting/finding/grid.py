"""The ruling of a counting chamber in an image: where its lines lie, how far apart, and how they are turned.

Lines are looked for as a whole, not one by one. The image is turned until its sums along both axes vary most. Then the lines of
the chamber are laid over both sums at every size and place; the best fit, of all directions together, is the ruling. Hidden lines
and cells on them weaken a fit, and do not move it.
An image that fits no ruling clearly, or two of them, gets None: then a person sets three corners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin

import cv2
import numpy as np

from pdc.counting.chambers import CHAMBERS, Pattern

MOST_TURN = 25.0  # degrees
COARSE = 384  # pixels of the longer side, where the angle is looked for
SIDE = 1000  # pixels of the longer side, where the lines are
BINS = 256  # in a period
NARROWEST = 6.0  # pixels between lines
LEAST = 1.6  # periods across the image
LINES = 4  # across the image, at least
WANDER = 1.2  # pixels that the lines at the two ends may move between sizes that are tried
FINE = 0.0001
THICK = (1.2, 2.2, 3.4)  # pixels: half the width of a line
AROUND = 4.0  # pixels: the blur that is taken off as background
FITS = 0.3  # correlation of both directions with the lines, at least
ALONE = 1.12  # times the fit of any other size or place
ALIKE = 0.005  # share by which the two directions may differ
NEAR = 0.01  # sizes this close are one


@dataclass(frozen=True, slots=True)
class Grid:
    """A crossing of lines at `x`, `y` near the image's middle, where a square that is counted begins; pixels of the image.

    `period` pixels after which the lines repeat, in both directions; `angle` degrees by which they are turned clockwise.
    `fit` is the correlation of the weaker direction with the chamber's lines.
    """

    x: float
    y: float
    period: float
    angle: float
    mm_per_pixel: float
    fit: float


@dataclass(frozen=True, slots=True)
class _Fit:
    """`phase` is where a period begins, in pixels from the middle of the profile; `second` the next best place's score."""

    score: float
    period: float
    phase: float
    second: float


def find_grid(grey: np.ndarray, pattern: Pattern) -> Grid | None:
    """Of a grey image [h, w]; None where the chamber's lines are not clear, could lie otherwise as well, or look like another
    chamber's: every fourth or fifth line that is unlike the others tells them apart."""
    shrink = min(1.0, SIDE / max(grey.shape))
    small = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else grey
    lines = _lines(small.astype(np.float32))
    angle = _angle(lines)
    profiles = _profiles(lines, angle)
    fits = _fits(profiles, pattern)
    if fits is None or _looks_otherwise(profiles, pattern, min(fit.score for fit in fits)):
        return None
    down, across = fits
    u, v, c, s = across.phase, down.phase, cos(radians(angle)), sin(radians(angle))
    height, width = grey.shape
    x, y = width / 2 + (u * c - v * s) / shrink, height / 2 + (u * s + v * c) / shrink
    mean = (down.period + across.period) / 2 / shrink
    return Grid(x, y, mean, angle, pattern.period / mean, min(down.score, across.score))


def _fits(profiles: Sequence[np.ndarray], pattern: Pattern) -> tuple[_Fit, _Fit] | None:
    """Where the lines lie down and across; None where that is not certain."""
    period = _size(profiles, pattern)
    if period is None:
        return None
    down, across = (_exactly(profile, pattern, period) for profile in profiles)
    if min(down.score, across.score) < FITS or abs(down.period / across.period - 1) > ALIKE:
        return None
    if pattern.group and min(down.score / down.second, across.score / across.second) < ALONE:
        return None
    return down, across


def _looks_otherwise(profiles: Sequence[np.ndarray], pattern: Pattern, fit: float) -> bool:
    """Whether the ruling of another chamber fits better; lines that are all alike fit part of any ruling."""
    others = {c.pattern for c in CHAMBERS.values() if c.pattern and c.pattern.group and c.pattern != pattern}
    found = [_fits(profiles, other) for other in others]
    return any(not pattern.group or min(f.score for f in fits) > fit for fits in found if fits)


def _lines(grey: np.ndarray) -> np.ndarray:
    """What is thin, bright or dark: the image less its surroundings, with the strongest spots held down."""
    thin = grey - cv2.GaussianBlur(grey, (0, 0), AROUND)
    limit = 2.5 * float(np.std(thin)) or 1.0
    return np.clip(thin, -limit, limit)


def _angle(lines: np.ndarray) -> float:
    """Degrees; the turn at which the sums along rows and columns vary most."""
    shrink = min(1.0, COARSE / max(lines.shape))
    small = cv2.resize(lines, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else lines
    best = 0.0
    for image, reach, step in ((small, MOST_TURN, 0.5), (small, 0.5, 0.1), (lines, 0.1, 0.02)):
        tried = np.arange(best - reach, best + reach + step / 2, step)
        best = float(tried[int(np.argmax([_variation(image, angle) for angle in tried]))])
    return best


def _variation(lines: np.ndarray, angle: float) -> float:
    return float(sum(np.var(np.diff(profile)) for profile in _profiles(lines, angle)))


def _profiles(lines: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each row and of each column of the image turned back by `angle`, over its middle; the middle stays the middle."""
    h, w = lines.shape
    turn = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), angle, 1.0)
    turned = cv2.warpAffine(lines, turn, (w, h), flags=cv2.INTER_LINEAR)
    keep = 0.5 + 0.5 * (1 - abs(sin(radians(angle))))  # less of a more turned image
    dy, dx = (int(side * (1 - keep) / 2) for side in (h, w))
    middle = turned[dy : h - dy, dx : w - dx]
    return middle.mean(axis=1), middle.mean(axis=0)


def _size(profiles: Sequence[np.ndarray], pattern: Pattern) -> float | None:
    """The period in pixels that fits both directions best; None where another fits nearly as well."""
    places = len([line for line in pattern.lines if line >= 0])  # lines beside one another are one
    shortest = min(map(len, profiles))
    low, high = NARROWEST * places, min(shortest / LEAST, shortest * places / LINES)
    if high <= low:
        return None
    tried = low * np.exp(np.arange(0, np.log(high / low), WANDER / max(map(len, profiles))))
    scores = np.array([_both(profiles, pattern, period) for period in tried])
    best = int(np.argmax(scores))
    others = scores[np.abs(tried / tried[best] - 1) > NEAR]
    if len(others) and scores[best] < ALONE * others.max():
        return None
    return float(tried[best])


def _both(profiles: Sequence[np.ndarray], pattern: Pattern, period: float) -> float:
    drawn = _spectra(pattern, period, THICK[1])
    return sum(float(_score(profile, period, drawn).max()) for profile in profiles)


def _score(profile: np.ndarray, period: float, drawn: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The correlation [BINS] of a profile with the lines, for each place in the period where a square may begin.

    Lines may be brighter or darker than what is around them.
    """
    level = profile - profile.mean()
    places = np.arange(len(profile)) - (len(profile) - 1) / 2
    bins = (np.floor(places / period * BINS).astype(int)) % BINS
    sums, counts = (np.fft.rfft(np.bincount(bins, weights, BINS)) for weights in (level, None))
    over, energy = np.fft.irfft(sums * drawn[0], BINS), np.fft.irfft(counts * drawn[1], BINS)
    return np.abs(over) / (np.sqrt(np.maximum(energy, 1e-9)) * (float(np.linalg.norm(level)) or 1.0))


def _spectra(pattern: Pattern, period: float, thick: float) -> tuple[np.ndarray, np.ndarray]:
    """Of the drawn lines and of their squares, to correlate with."""
    drawn = _drawn(pattern, period, thick)
    return np.conj(np.fft.rfft(drawn)), np.conj(np.fft.rfft(drawn**2))


def _drawn(pattern: Pattern, period: float, thick: float) -> np.ndarray:
    """The lines of one period [BINS], as they look after `_lines`."""
    at = np.arange(BINS) * period / BINS
    far = np.concatenate([at - line / pattern.period * period for line in pattern.lines]).reshape(-1, BINS)
    far = np.abs((far + period / 2) % period - period / 2)
    wide = np.hypot(thick, AROUND)
    drawn = (np.exp(-((far / thick) ** 2) / 2) - thick / wide * np.exp(-((far / wide) ** 2) / 2)).sum(axis=0)
    return drawn - drawn.mean()


def _exactly(profile: np.ndarray, pattern: Pattern, near: float) -> _Fit:
    """Size and place in one direction, near a size."""

    def best_of(shares: np.ndarray, thicks: Sequence[float]) -> tuple[float, float, float]:
        tried = ((near * (1 + float(share)), thick) for share in shares for thick in thicks)
        return max((float(_score(profile, p, _spectra(pattern, p, k)).max()), p, k) for p, k in tried)

    score, period, thick = best_of(np.arange(-0.003, 0.0031, FINE * 5), THICK)
    score, period, thick = best_of(period / near - 1 + np.arange(-4, 5) * FINE, (thick,))
    scores = _score(profile, period, _spectra(pattern, period, thick))
    best = int(np.argmax(scores))
    away = np.abs((np.arange(BINS) - best + BINS // 2) % BINS - BINS // 2) > BINS / 16
    return _Fit(score, period, _nearest(best, scores) * period / BINS, float(scores[away].max()))


def _nearest(best: int, scores: np.ndarray) -> float:
    """The place of the peak between the bins, of those in each period the one nearest the middle, in bins."""
    before, at, after = (float(scores[(best + i) % BINS]) for i in (-1, 0, 1))
    curve = before - 2 * at + after
    exact = best + (0.5 * (before - after) / curve if curve else 0.0) + 0.5
    return exact - BINS if exact > BINS / 2 else exact
