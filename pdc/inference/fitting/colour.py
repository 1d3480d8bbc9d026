"""The object in a rough box by its colour: what looks like the box's inside and not like the ring around it.

The direction in colour space that tells the two apart best (Fisher's linear discriminant) becomes a grey picture. What is
brighter in it than a share of the way from ring to inside, and fills most of the box, is the object. Imports OpenCV: import it
late.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pdc.domain.values import Box, Outline

INSIDE, RING = (0.4, 0.9), (1.15, 1.6)  # radii in half sides of the box; a red blood cell is pale in the middle
REACH = 1.4  # radius beyond which nothing belongs to the object
CORE = 0.9  # radius within which the object's part is chosen
LEAST_PIXELS = 4  # on either side, to tell them apart
MOST_SIDE = 160  # pixels: a larger view is shrunk first
NOISE = 4.0  # variance of grey levels that is no difference
APART = 0.4  # standard deviations between inside and ring: with fewer nothing is there
EDGE = 0.4  # of the way from the ring's median to the inside's
TOLERANCE = 0.01  # of the outline's length: what a corner may lie beside it


@dataclass(frozen=True, slots=True)
class View:
    """The surroundings of a box: float RGB `pixels` [h, w, 3] of the image from (left, top) on, `scale` times as large; `radius`
    [h, w] is each pixel's distance from the box's centre in half sides."""

    pixels: np.ndarray
    radius: np.ndarray
    left: int
    top: int
    scale: float

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Places [..., 2] of the view, in pixels of the image."""
        return points / self.scale + (self.left, self.top)


def by_colour(image: np.ndarray, rough: Box) -> tuple[Box, Outline] | None:
    """Box and outline of the object in a rough box of uint8 RGB `image` [h, w, 3]; None where nothing stands out there."""
    view = view_of(image, rough)
    mask = _object(view)
    return None if mask is None else (_around(mask, view), _outline(mask, view))


def view_of(image: np.ndarray, box: Box) -> View:
    """What lies around a box, a whole side of it away at most."""
    height, width = image.shape[:2]
    centre, w, h = box.center, max(box.width, 2.0), max(box.height, 2.0)
    left, top = int(max(centre.x - w, 0)), int(max(centre.y - h, 0))
    right, bottom = int(min(centre.x + w + 1, width)), int(min(centre.y + h + 1, height))
    crop, scale = image[top:bottom, left:right], min(1.0, MOST_SIDE / max(bottom - top, right - left))
    if scale < 1:
        crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    ys, xs = (np.mgrid[: crop.shape[0], : crop.shape[1]] + 0.5) / scale
    radius = np.hypot((xs + left - centre.x) / (w / 2), (ys + top - centre.y) / (h / 2))
    return View(crop.astype(np.float32), radius, left, top, scale)


def _object(view: View) -> np.ndarray | None:
    """The object's pixels, bool [h, w]; None where inside and ring look alike."""
    contrast = _contrast(view)
    if contrast is None:
        return None
    bright = (cv2.GaussianBlur(contrast, (3, 3), 0) > EDGE).astype(np.uint8)
    rings, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(bright), rings, -1, 1, cv2.FILLED)
    filled[view.radius > REACH] = 0
    _, parts = cv2.connectedComponents(filled, connectivity=4)
    share = np.bincount(parts[view.radius < CORE], minlength=1)
    share[0] = 0
    return parts == share.argmax() if share.any() else None


def _contrast(view: View) -> np.ndarray | None:
    """float [h, w] in which the median of the inside is 1 and that of the ring 0; None where they do not differ."""
    inside, ring = (_between(view, *radii) for radii in (INSIDE, RING))
    if min(len(inside), len(ring)) < LEAST_PIXELS:
        return None
    spread = np.cov(inside.T) + np.cov(ring.T) + NOISE * np.eye(3)
    between = inside.mean(0) - ring.mean(0)
    direction = np.linalg.solve(spread, between)
    dark, bright = np.median(ring @ direction), np.median(inside @ direction)
    if bright <= dark or between @ direction < APART**2:  # Mahalanobis' distance of the means
        return None
    return (view.pixels @ direction - dark) / (bright - dark)


def _between(view: View, near: float, far: float) -> np.ndarray:
    return view.pixels[(view.radius >= near) & (view.radius < far)]


def _around(mask: np.ndarray, view: View) -> Box:
    ys, xs = np.nonzero(mask)
    corners = view.to_image(np.array([[xs.min(), ys.min()], [xs.max() + 1, ys.max() + 1]]))
    return Box(*map(float, corners.ravel()))


def _outline(mask: np.ndarray, view: View) -> Outline:
    """One polygon around the object, with few corners."""
    rings, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    ring = max(rings, key=cv2.contourArea)
    few = cv2.approxPolyDP(ring, TOLERANCE * cv2.arcLength(ring, True), True)[:, 0]
    corners = view.to_image(few + 0.5).round(1).tolist()
    return (tuple((x, y) for x, y in corners),) if len(corners) >= 3 else ()
