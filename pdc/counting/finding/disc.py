"""The rim of a dish, or the edge of the round field of an eyepiece, in an image.

A rough circle comes from a Hough transform, or from the bright part of an image with dark corners. It is then laid on the
strongest edge along rays from its middle; edges that do not lie on one circle, such as colonies or reflections, are left out.
"""

from __future__ import annotations

import cv2
import numpy as np

from pdc.counting.area import Disc

SIDE = 512  # pixels of the longer side, where it is looked for
RAYS = 360
REACH = 0.08  # of the radius: how far an edge may lie from the rough circle
NEAR = 0.008  # of the radius: an edge on the circle
ON = 0.5  # share of the rays inside the image that must have their edge on the circle
SEEN = 0.4  # share of the rays whose edge must be inside the image
DARK = 60  # grey level that the corners of a round field do not exceed
CLEAR = 8.0  # grey levels: what is an edge

Circle = tuple[float, float, float]  # x, y, radius


def find_disc(grey: np.ndarray) -> Disc | None:
    """Of a grey image [h, w], in its pixels; None where no circle is clear."""
    shrink = min(1.0, SIDE / max(grey.shape))
    small = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else grey
    small = cv2.GaussianBlur(small.astype(np.float32), (0, 0), 1.5)
    fitted = [fit for rough in (*_round_field(small), *_hough(small)) if (fit := _fit(small, rough)) is not None]
    if not fitted:
        return None
    x, y, radius = max(fitted, key=lambda f: f[0])[1]
    height, width = grey.shape
    x, y = (x + 0.5) / shrink, (y + 0.5) / shrink  # a pixel's middle is half a pixel from its corner
    return Disc(x=x, y=y, radius=radius / shrink) if 0 < x < width and 0 < y < height else None


def _round_field(small: np.ndarray) -> list[Circle]:
    """The circle around the bright part, where the corners are dark."""
    h, w = small.shape
    corner = max(h, w) // 32
    corners = [small[y, x] for y in (slice(corner), slice(-corner, None)) for x in (slice(corner), slice(-corner, None))]
    dark, bright = max(float(np.median(c)) for c in corners), float(np.median(small[h // 3 : -h // 3, w // 3 : -w // 3]))
    if dark > min(DARK, bright / 2):
        return []
    parts, labels, stats, _ = cv2.connectedComponentsWithStats((small > (dark + bright) / 2).astype(np.uint8))
    if parts < 2:
        return []
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    outline, _ = cv2.findContours((labels == largest).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    places = max(outline, key=len)[:, 0].astype(float)
    inner = (places > 2).all(axis=1) & (places < np.array([w, h]) - 3).all(axis=1)
    return [_circle(places[inner])] if inner.sum() >= RAYS // 8 else []


def _hough(small: np.ndarray) -> list[Circle]:
    least = min(small.shape)
    picture = np.clip(small, 0, 255).astype(np.uint8)
    found = cv2.HoughCircles(
        picture, cv2.HOUGH_GRADIENT, 2, least / 8, param1=80, param2=60, minRadius=least // 4, maxRadius=int(least * 0.75)
    )
    return [] if found is None else [(float(x), float(y), float(r)) for x, y, r in found.reshape(-1, 3)[:4]]


def _fit(small: np.ndarray, rough: Circle) -> tuple[float, Circle] | None:
    """The circle on the strongest edges near a rough one, and the share of rays that agree; None where too few do."""
    places = _edges(small, rough)
    if len(places) < SEEN * RAYS:
        return None
    circle, on = rough, np.ones(len(places), bool)
    for share in (REACH, REACH / 2, REACH / 4, NEAR * 2, NEAR, NEAR):
        circle = _circle(places[on])
        on = abs(np.hypot(*(places - circle[:2]).T) - circle[2]) < share * circle[2]
        if on.sum() < ON * len(places):
            return None
    return float(on.sum()) / RAYS, circle


def _edges(small: np.ndarray, rough: Circle) -> np.ndarray:
    """The places [n, 2] of the strongest edge on each ray that lies inside the image there."""
    x, y, radius = rough
    turns = np.arange(RAYS) * 2 * np.pi / RAYS
    along = np.arange(radius * (1 - REACH), radius * (1 + REACH), 0.5)
    xs, ys = (x + np.outer(np.cos(turns), along)).astype(np.float32), (y + np.outer(np.sin(turns), along)).astype(np.float32)
    levels = cv2.remap(small, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    slope = abs(levels[:, 4:] - levels[:, :-4])
    best = slope.argmax(axis=1)
    rays = np.arange(RAYS)
    places = np.stack([xs[rays, best + 2], ys[rays, best + 2]], axis=1)
    inside = (places > 2).all(axis=1) & (places < np.array(small.shape[::-1]) - 3).all(axis=1)
    return places[inside & (slope[rays, best] > CLEAR)].astype(float)


def _circle(places: np.ndarray) -> Circle:
    """The circle with the least squares of x2 + y2 - ax - by - c over places [n, 2]."""
    known, *_ = np.linalg.lstsq(np.column_stack([places, np.ones(len(places))]), (places**2).sum(axis=1), rcond=None)
    x, y = known[0] / 2, known[1] / 2
    return float(x), float(y), float(np.sqrt(max(known[2] + x * x + y * y, 0.0)))
