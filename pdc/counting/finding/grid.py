"""The ruling of a counting chamber in an image: how far its lines lie apart, and how it is turned.

Lines are looked for as a whole, not one by one. The image is turned until its sums along both axes vary most. The spacing is
the widest, the same in both directions, whose frequency and all multiples hold most of that variation. Hidden lines and cells on
them weaken both, and move neither.
An image that shows no clear ruling gets None: then a person sets three corners.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, radians

import cv2
import numpy as np

MOST_TURN = 25.0  # degrees
COARSE = 384  # pixels of the longer side, where the angle is looked for
LEAST_LINES = 4
NARROWEST = 6.0  # pixels between lines
HARMONICS = 6
CLEAR = 2.3  # times what noise has at a frequency
WHOLE = 0.5  # of the best: the true spacing has about two thirds, one twice too wide a third
ALIKE = 0.01  # share by which the two axes may differ


@dataclass(frozen=True, slots=True)
class Ruling:
    """`spacing` pixels between neighbouring lines, `angle` degrees by which the ruling is turned clockwise.

    `clear`: how many times it stands out of the noise, of the weaker axis.
    """

    spacing: float
    angle: float
    clear: float

    def mm_per_pixel(self, line_mm: float) -> float:
        """The size of a pixel, where neighbouring lines are `line_mm` apart."""
        return line_mm / self.spacing


def find_ruling(grey: np.ndarray) -> Ruling | None:
    """Of a grey image [h, w]; None where no ruling is clear, or its two directions differ."""
    lines = _lines(grey.astype(np.float32))
    angle = _angle(lines)
    profiles = _profiles(lines, angle)
    shortest, points = min(map(len, profiles)), 1 << (16 * max(map(len, profiles)) - 1).bit_length()
    low, high = int(points * LEAST_LINES / shortest), int(points / NARROWEST)
    if high <= low:
        return None
    spectra = [_spectrum(profile, points, low, high) for profile in profiles]
    scores = np.array([[s[f : high + 1 : f].mean() for f in range(low, high)] for s in spectra])
    both = scores.sum(axis=0)
    found = int(np.argmax(both >= WHOLE * both.max()))
    first, second = (points / _peak(spectrum, low + found) for spectrum in spectra)
    clear = float(scores[:, found].min())
    if clear < CLEAR or abs(first - second) > ALIKE * second:
        return None
    return Ruling((first + second) / 2, angle, clear)


def from_corners(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], squares: float) -> float:
    """Pixels between lines, of three corners that a person set: b to a and b to c each span so many squares.

    ValueError where they do not make a right angle with equal sides, within a twentieth.
    """
    (ax, ay), (bx, by), (cx, cy) = a, b, c
    first, second = (ax - bx, ay - by), (cx - bx, cy - by)
    sides = hypot(*first), hypot(*second)
    slant = abs(first[0] * second[0] + first[1] * second[1]) / max(sides[0] * sides[1], 1e-9)
    if min(sides) <= 0 or abs(sides[0] - sides[1]) > 0.05 * max(sides) or slant > 0.05:
        raise ValueError("the three corners do not make a square")
    return sum(sides) / 2 / squares


def _lines(grey: np.ndarray) -> np.ndarray:
    """What is thin, bright or dark: the image less its surroundings, with the strongest spots held down."""
    thin = grey - cv2.GaussianBlur(grey, (0, 0), 4)
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
    """Mean of each row and of each column of the image turned back by `angle`, over its middle that is wholly inside."""
    h, w = lines.shape
    turn = cv2.getRotationMatrix2D((w / 2, h / 2), angle, 1.0)
    turned = cv2.warpAffine(lines, turn, (w, h), flags=cv2.INTER_LINEAR)
    keep = 0.5 + 0.5 * (1 - abs(cos(radians(90 - abs(angle)))))  # less of a more turned image
    dy, dx = (int(side * (1 - keep) / 2) for side in (h, w))
    middle = turned[dy : h - dy, dx : w - dx]
    return middle.mean(axis=1), middle.mean(axis=0)


def _spectrum(profile: np.ndarray, points: int, low: int, high: int) -> np.ndarray:
    """Size of each frequency of a profile, in times the noise between `low` and `high`."""
    power = np.abs(np.fft.rfft((profile - profile.mean()) * np.hanning(len(profile)), points))
    return power / (float(np.median(power[low:high])) or 1.0)


def _peak(power: np.ndarray, near: int) -> float:
    """Where the spectrum has its peak, between its samples: by the highest multiple that stands out, the sharpest."""
    reach = max(near // 8, 2)
    for multiple in range(min((len(power) - 1) // near - 1, HARMONICS), 0, -1):
        around = power[near * multiple - reach : near * multiple + reach + 1]
        if around.max() > 0.5 * power[near - reach : near + reach + 1].max():
            return (near * multiple - reach + int(np.argmax(around))) / multiple
    return float(near)
