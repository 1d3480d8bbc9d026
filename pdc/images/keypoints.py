"""Keypoints that tell a turned, mirrored, cut or sheared copy of an image. Pixels in, binary descriptors out.

A keypoint is a SIFT point (Lowe 2004, doi 10.1023/B:VISI.0000029664.99615.94); its descriptor is kept as 128 bits, one per
value above the median. Two images match when enough keypoints agree on one affine map (RANSAC) that may also mirror, and
the small picture of one looks like that of the other under the map: a caption that both carry is not enough.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SIDE = 320  # pixels of the longer side in which keypoints are found
KEPT = 64  # the strongest keypoints of an image
CELLS, BINS = (4, 4), 8  # a descriptor is a 4 x 4 grid of histograms of 8 directions
NEAR = 36  # bits of 128 that may differ between the descriptors of one point
REACH = 3.2  # 255ths of the image by which a mapped point may miss its partner
LEAST, SHARE = 6, 0.1  # keypoints that must agree: so many, and of the image that has fewer this share
SCALES, STRETCH = (0.4, 2.5), 2.5  # a copy is at most so much smaller or larger, and stretched by so much
THUMB = 32  # pixels of a side of the small picture
OVERLAP = 0.3  # of the small picture that both must show
CORRELATION = 0.92  # of the two small pictures where they overlap
TABLES = 3  # ways in which a descriptor is cut into 8 chunks of 16 bits
CHUNKS = 8 * TABLES
BLOCK = 10_000  # images that are looked up together
CANDIDATES = 30  # images that share most, and rarest, chunks
CUTS = np.concatenate([np.random.default_rng(seed).permutation(128) for seed in range(TABLES)])


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints:
    """`xy` is uint8 [n, 2], in 255ths of width and height; `descriptors` is uint8 [n, 16], 128 bits each; `thumb` is the
    grey image as uint8 [THUMB, THUMB]."""

    xy: np.ndarray
    descriptors: np.ndarray
    thumb: np.ndarray

    def __str__(self) -> str:
        return base64.b64encode(self.thumb.tobytes() + np.hstack([self.xy, self.descriptors]).tobytes()).decode()

    @classmethod
    def parse(cls, text: str) -> Keypoints:
        """The inverse of str."""
        values = np.frombuffer(base64.b64decode(text), np.uint8)
        table = values[THUMB**2 :].reshape(-1, 18)
        return cls(table[:, :2], np.ascontiguousarray(table[:, 2:]), values[: THUMB**2].reshape(THUMB, THUMB))

    def mirror(self) -> Keypoints:
        """Of the image reflected left to right."""
        x, y = self.xy.T
        return Keypoints(
            np.stack([255 - x, y], 1), mirror_descriptors(self.descriptors), np.ascontiguousarray(self.thumb[:, ::-1])
        )


def find_keypoints(grey: np.ndarray) -> Keypoints:
    """The strongest keypoints of uint8 [h, w]; none where nothing stands out."""
    import cv2

    scale = SIDE / max(grey.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    width, height = (max(1, round(n * scale)) for n in grey.shape[::-1])
    scaled = cv2.normalize(cv2.resize(grey, (width, height), interpolation=method), np.empty(0), 0, 255, cv2.NORM_MINMAX)
    detector = cv2.SIFT.create(nfeatures=3 * KEPT, contrastThreshold=0.01, edgeThreshold=20, sigma=1.2)
    points, values = detector.detectAndCompute(np.ascontiguousarray(scaled), np.empty(0))
    strongest = sorted(range(len(points)), key=lambda i: -points[i].response)[:KEPT]
    thumb = cv2.resize(grey, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    if not strongest:
        return Keypoints(np.zeros((0, 2), np.uint8), np.zeros((0, 16), np.uint8), thumb)
    xy = (np.array([points[i].pt for i in strongest]) + 0.5) * 255 / (width, height)
    chosen = values[strongest]
    bits = np.packbits(chosen > np.median(chosen, 1, keepdims=True), 1)
    return Keypoints(xy.round().clip(0, 255).astype(np.uint8), bits, thumb)


def mirror_descriptors(descriptors: np.ndarray) -> np.ndarray:
    """Descriptors, uint8 [n, 16], of the same points in a mirrored image: rows of cells and directions run backwards."""
    bits = np.unpackbits(descriptors, axis=1).reshape(-1, *CELLS, BINS)
    return np.packbits(bits[:, ::-1, :, -np.arange(BINS) % BINS].reshape(len(bits), 128), 1)


def match(a: Keypoints, b: Keypoints) -> bool:
    """Whether enough keypoints of the two agree on one map from image to image, under which both look the same."""
    for one, other in ((a, b), (a.mirror(), b.mirror())):
        i, j = _partners(one.descriptors, b.descriptors)  # of the mirrored `b` and `a` they are the same
        # Both ways: the dark corners of a turned copy hide nothing in one of them.
        if len(i) >= _wanted(a, b) and (_agree(one, b, i, j) or _agree(other, a, j, i)):
            return True
    return False


def _wanted(a: Keypoints, b: Keypoints) -> float:
    return max(LEAST, SHARE * min(len(a.xy), len(b.xy)))


def _agree(a: Keypoints, b: Keypoints, i: np.ndarray, j: np.ndarray) -> bool:
    """Whether enough of these partners agree on one map."""
    import cv2

    source, target = a.xy[i].astype(np.float32), b.xy[j].astype(np.float32)
    found, agreeing = cv2.estimateAffine2D(source, target, ransacReprojThreshold=REACH, maxIters=300)
    if found is None or agreeing.sum() < _wanted(a, b) or not _plausible(found[:, :2]):
        return False
    return _correlation(a.thumb, b.thumb, found) >= CORRELATION


def _partners(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of descriptors that are each other's nearest and near."""
    if not len(a) or not len(b):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    distances = np.bitwise_count(a.view(np.uint64)[:, None] ^ b.view(np.uint64)[None]).sum(2, dtype=np.int64)
    i, j = np.arange(len(a)), distances.argmin(1)
    mutual = (distances.argmin(0)[j] == i) & (distances[i, j] <= NEAR)
    return i[mutual], j[mutual]


def _plausible(linear: np.ndarray) -> bool:
    """Whether a 2 x 2 map neither mirrors nor scales nor stretches more than a copy does."""
    large, small = np.linalg.svd(linear)[1]
    return bool(np.linalg.det(linear) > 0 and SCALES[0] < large < SCALES[1] and large <= STRETCH * small)


def _correlation(a: np.ndarray, b: np.ndarray, found: np.ndarray) -> float:
    """Of small picture `a`, mapped onto `b` by the 2 x 3 `found` (in 255ths), with `b` where both show something; else -1."""
    import cv2

    to_parts = np.array([[255 / THUMB, 0, 127.5 / THUMB], [0, 255 / THUMB, 127.5 / THUMB], [0, 0, 1]])  # from pixel centres
    mapping = (np.linalg.inv(to_parts) @ np.vstack([found, (0, 0, 1)]) @ to_parts)[:2]
    one, other = (cv2.GaussianBlur(thumb, (0, 0), 1).astype(np.float32) for thumb in (a, b))
    mapped = cv2.warpAffine(one, mapping, (THUMB, THUMB))
    whole = cv2.warpAffine(np.ones_like(one), mapping, (THUMB, THUMB)) > 0.99
    both = cv2.erode(whole.astype(np.uint8), np.ones((3, 3)), borderValue=1) > 0  # a turned copy has dark corners
    return correlation(mapped[both], other[both]) if both.mean() >= OVERLAP else -1.0


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's, of as many grey values each; -1 where one of them is flat."""
    if one.std() == 0 or other.std() == 0:
        return -1.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


class KeypointIndex:
    """Finds images that share chunks of descriptors with one (multi-index hashing, Norouzi 2012). A rare chunk counts more."""

    def __init__(self, images: Sequence[Keypoints]) -> None:
        self._blocks = [_Block(images[i : i + BLOCK]) for i in range(0, len(images), BLOCK)]

    def find(self, one: Keypoints) -> np.ndarray:
        """int [up to CANDIDATES]: the images most worth matching with `one`, as it is or mirrored."""
        wanted = [_chunks(d) for d in (one.descriptors, mirror_descriptors(one.descriptors))]
        found = [block.best(wanted) for block in self._blocks]
        votes, at = np.concatenate([v for v, _ in found]), np.concatenate([i * BLOCK + at for i, (_, at) in enumerate(found)])
        return at[np.argsort(-votes, kind="stable")[:CANDIDATES]]


class _Block:
    """Images by the chunks of their descriptors: `owners` of a chunk stand together, from `starts` on."""

    def __init__(self, images: Sequence[Keypoints]) -> None:
        sizes = [len(one.xy) for one in images]
        self.sizes = np.sqrt(np.maximum(1, sizes))
        keys = _chunks(np.concatenate([one.descriptors for one in images])).ravel()
        owners = np.repeat(np.arange(len(images), dtype=np.int32), np.multiply(sizes, CHUNKS))
        self.owners = owners[keys.argsort(kind="stable")]
        self.starts = np.concatenate([[0], np.bincount(keys, minlength=CHUNKS << 16).cumsum()])

    def best(self, wanted: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Votes, and which image has them: of those that share a chunk with one of the `wanted` the first CANDIDATES."""
        votes = np.max([self._vote(keys.ravel()) for keys in wanted], 0) / self.sizes
        first = np.sort(np.argpartition(-votes, CANDIDATES)[:CANDIDATES]) if len(votes) > CANDIDATES else np.arange(len(votes))
        first = first[votes[first] > 0]
        return votes[first], first

    def _vote(self, keys: np.ndarray) -> np.ndarray:
        begins, counts = self.starts[keys], self.starts[keys + 1] - self.starts[keys]
        at = np.repeat(begins - counts.cumsum() + counts, counts) + np.arange(counts.sum())
        return np.bincount(self.owners[at], 1 / np.repeat(counts, counts), minlength=len(self.sizes))


def _chunks(descriptors: np.ndarray) -> np.ndarray:
    """int32 [n, CHUNKS]: 16 bits each, and above them which chunk it is."""
    bits = np.unpackbits(descriptors, axis=1)[:, CUTS].reshape(-1, 16)
    chunks = np.packbits(bits, 1).view(np.uint16).reshape(len(descriptors), CHUNKS)
    return chunks + (np.arange(CHUNKS, dtype=np.int32) << 16)
