"""What a microscope, an endoscope or a camera does to an image, in steps that are said in physical words. Pure.

Each perturbation makes (image, marks) into (image, marks); images are uint8 RGB [height, width, 3]. What it draws comes from
the generator it is given, so the same seed gives the same image. Light is taken as linear behind a gamma of 2.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from finetune.evaluate.robustness.moved_marks import (
    Pixels,
    farther,
    nearer,
    on_plain_ground,
    quarter_turn,
    through_round_stop,
    turned,
)
from pdc.domain.values import Findings

GAMMA = 2.2
Change = Callable[[Pixels, Findings, float, np.random.Generator], tuple[Pixels, Findings]]
Shade = Callable[[Pixels, float], Pixels]


@dataclass(frozen=True, slots=True)
class Perturbation:
    """`amount` 0 changes nothing; `severity` says it in words. `moves`: the marks move, so there must be some to move."""

    name: str
    severity: str
    amount: float
    change: Change
    moves: bool = False

    def apply(self, image: Pixels, findings: Findings, rng: np.random.Generator) -> tuple[Pixels, Findings]:
        """The image and its true marks as they are seen then."""
        return self.change(image, findings, self.amount, rng) if self.amount else (image, findings)

    @property
    def title(self) -> str:
        return f"{self.name}, {self.severity}" if self.severity else self.name


def blurred(image: Pixels, share: float) -> Pixels:
    """A Gaussian whose sigma is `share` of the frame's longer side."""
    return cv2.GaussianBlur(image, (0, 0), share * max(image.shape[:2]), borderType=cv2.BORDER_REFLECT)


def defocused(image: Pixels, share: float) -> Pixels:
    """Every point a disc whose radius is `share` of the frame's longer side: what a lens out of focus shows."""
    radius = share * max(image.shape[:2])
    reach = int(np.ceil(radius))
    yy, xx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(xx, yy), 0, 1)
    return cv2.filter2D(image, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)


def jpeg(image: Pixels, loss: float) -> Pixels:
    """Saved as a JPEG of quality 100 - `loss`."""
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, round(100 - loss)])
    seen = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert seen is not None  # it was written a line above
    return np.ascontiguousarray(seen[..., ::-1])


def exposed(image: Pixels, stops: float) -> Pixels:
    """2 to the `stops` times the light; what is too bright is cut off."""
    return _times(image, 2 ** (stops / GAMMA))


def balanced(image: Pixels, share: float) -> Pixels:
    """Red 1 + `share` and blue 1 - `share` times as bright: warm above 0, cool below."""
    return _times(image, np.array([1 + share, 1, 1 - share]))


def vignetted(image: Pixels, loss: float) -> Pixels:
    """The light falls with the square of the distance from the middle, by `loss` up to the corners."""
    h, w = image.shape[:2]
    yy, xx = np.mgrid[0:h, 0:w]
    far = ((xx + 0.5 - w / 2) ** 2 + (yy + 0.5 - h / 2) ** 2) / ((w / 2) ** 2 + (h / 2) ** 2)
    return _times(image, ((1 - loss * far) ** (1 / GAMMA))[..., None])


def greyed(image: Pixels, share: float) -> Pixels:
    """`share` of the colour gone."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(float)
    return _cut(grey * share + image * (1 - share))


def _times(image: Pixels, gain: float | np.ndarray) -> Pixels:
    return _cut(image * gain)


def _cut(values: np.ndarray) -> Pixels:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def _eyepiece(image: Pixels, findings: Findings, amount: float, rng: np.random.Generator) -> tuple[Pixels, Findings]:
    """A photograph through the eyepiece: round field in black, light falling outwards, warm lamp, a phone's JPEG."""
    seen, marks = through_round_stop(vignetted(balanced(image, 0.15 * amount), 0.6 * amount), findings)
    return jpeg(seen, 60 * amount), marks


def _still(shade: Shade) -> Change:
    """A change of colours only."""
    return lambda image, findings, amount, rng: (shade(image, amount), findings)


def _magnified(image: Pixels, findings: Findings, amount: float, rng: np.random.Generator) -> tuple[Pixels, Findings]:
    """`amount` is the binary logarithm of the factor."""
    if amount > 0:
        return nearer(image, findings, 2**amount, rng)
    return farther(image, findings, 2**amount)


def _framed(image: Pixels, findings: Findings, amount: float, rng: np.random.Generator) -> tuple[Pixels, Findings]:
    return on_plain_ground(image, findings, 2**amount, rng)


def _rotated(image: Pixels, findings: Findings, amount: float, rng: np.random.Generator) -> tuple[Pixels, Findings]:
    return quarter_turn(image, findings) if amount == 90 else turned(image, findings, amount)


def _steps(name: str, change: Change, steps: dict[str, float], *, moves: bool = False) -> tuple[Perturbation, ...]:
    return tuple(Perturbation(name, severity, amount, change, moves) for severity, amount in steps.items())


CLEAN = Perturbation("clean", "", 0.0, _still(greyed))
PERTURBATIONS: tuple[Perturbation, ...] = (
    *_steps("blur", _still(blurred), {"sigma 0.5 % of the side": 0.005, "sigma 1 % of the side": 0.01}),
    *_steps("defocus", _still(defocused), {"disc of radius 0.5 % of the side": 0.005, "disc of radius 1 % of the side": 0.01}),
    *_steps("JPEG", _still(jpeg), {"quality 30": 70, "quality 10": 90}),
    *_steps("light", _still(exposed), {"a quarter": -2, "half": -1, "twice": 1}),
    *_steps("white balance", _still(balanced), {"warm by 20 %": 0.2, "warm by 40 %": 0.4}),
    *_steps("white balance", _still(balanced), {"cool by 20 %": -0.2, "cool by 40 %": -0.4}),
    *_steps("vignette", _still(vignetted), {"half the light in the corners": 0.5, "a quarter of it": 0.75}),
    *_steps("eyepiece", _eyepiece, {"round rim, vignette, warm, JPEG": 1.0}, moves=True),
    *_steps("grey", _still(greyed), {"no colour": 1.0}),
    *_steps("magnification", _magnified, {"x 0.5, mirrored around": -1.0, "x 0.7, mirrored around": -0.5}, moves=True),
    *_steps("magnification", _framed, {"x 0.5, on a plain ground": -1.0}, moves=True),
    *_steps("magnification", _magnified, {"x 1.4": 0.5, "x 2": 1.0}, moves=True),
    *_steps("rotation", _rotated, {"5 degrees": 5, "15 degrees": 15, "90 degrees": 90}, moves=True),
)
