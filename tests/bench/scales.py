"""`python -m tests.bench.scales --model MODEL --data DATA`: fields at scales the model did not learn, before and after looks
are chosen by size, on the same `dev` images in one run.

Each field is asked twice: as the dense head alone would cut it, and as PDC looks at it now. Passes and seconds of this process
are read as ratios: both ways run beside whatever else the machine does. "clean" is the control.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from finetune.data.coco import read_coco
from finetune.data.dataset import Row
from pdc.domain.geometry import Size, map_findings, rescale
from pdc.domain.matching import match
from pdc.domain.values import Box, Findings, Mark, Point, Question, Shape, Task
from pdc.inference.predictors import looks
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.qwen import Qwen, load

SEED = 16


@dataclass(frozen=True, slots=True)
class Field:
    """An image, what is in it (boxes in its pixels), and the labels that are asked."""

    kind: str
    image: Image.Image
    true: tuple[Mark, ...]
    labels: tuple[str, ...]


KINDS = {
    "blood": ("blood_cells", "", ("red blood cell", "white blood cell", "platelet")),
    "fluorescence": ("nuclei", "fluorescence_gray", ("nucleus",)),
    "stained": ("nuclei", "stained_rgb", ("nucleus",)),
    "polyps": ("polyps", "", ("polyp",)),
}


def main() -> None:
    options = _options()
    predictor = LocalPredictor(lambda: _loaded(options.model))
    predictor.load()
    for change, found in fields(options.data, options.limit).items():
        if not options.changes or change in options.changes:
            _tell(change, [[_asked(predictor, f, now) for now in (False, True)] for f in found])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", required=True, help="model folder")
    parser.add_argument("--data", type=Path, required=True, help="folder of COCO folders: blood_cells, nuclei, polyps")
    parser.add_argument("--limit", type=int, default=12, help="fields of a kind (default: %(default)s)")
    parser.add_argument("--changes", nargs="*", help="only these, such as clean or half")
    return parser.parse_args()


def _loaded(model: str) -> Qwen:
    return load(model, device="cpu")


@dataclass(frozen=True, slots=True)
class Asked:
    """One answer: its marks that are right, all marks, all objects, its looks and its processor seconds."""

    right: int
    marks: int
    objects: int
    looks: int
    seconds: float


def _asked(predictor: LocalPredictor, field: Field, now: bool) -> Asked:
    """The answer as PDC looks now, or as it looked by the dense head alone: at whole fields, whatever their scale."""
    crop, sizes = looks.content_box, predictor._qwen.sizes  # pyright: ignore[reportOptionalMemberAccess, reportPrivateUsage]
    if not now:
        looks.content_box, predictor._qwen.sizes = lambda image: None, {}  # pyright: ignore
    predictor._decoder.forget_images()  # pyright: ignore[reportOptionalMemberAccess, reportPrivateUsage]
    started = time.process_time()
    answer = predictor.predict(field.image, Question(Task.COUNT_AND_BOX, field.labels))
    seconds = time.process_time() - started
    looks.content_box, predictor._qwen.sizes = crop, sizes  # pyright: ignore[reportOptionalMemberAccess, reportPrivateUsage]
    found = answer.findings.marks if answer.findings else ()
    return Asked(len(match(found, field.true)), len(found), len(field.true), answer.raw.count("\n") + 1, seconds)


def _tell(change: str, pairs: Sequence[Sequence[Asked]]) -> None:
    """F1 at IoU 0.5, looks a field, and the ratio of seconds; before, and now."""
    before, now = ([pair[i] for pair in pairs] for i in (0, 1))
    ratio = sum(a.seconds for a in now) / sum(a.seconds for a in before)
    shown = " -> ".join(f"F1 {_f1(some):.3f}, {sum(a.looks for a in some) / len(some):.1f} looks" for some in (before, now))
    print(f"{change:12} n = {len(pairs):3}  {shown}, seconds now / before {ratio:.2f}", flush=True)


def _f1(some: Sequence[Asked]) -> float:
    return 2 * sum(a.right for a in some) / max(sum(a.marks + a.objects for a in some), 1)


def fields(data: Path, limit: int) -> dict[str, list[Field]]:
    """Per change the fields of every kind: at most `limit` of each, by a fixed choice."""
    clean = [f for kind in KINDS for f in _read(data, kind, limit)]
    small = [f for f in clean if f.kind != "polyps"]
    return {
        "clean": clean,
        "half": [_half(f, i) for i, f in enumerate(clean)],
        "eyepiece": [_eyepiece(f) for f in small],
        "wide 2 x 2": [_shrunk(f, 2) for f in _mosaics(data, 2, limit)],
        "wide 3 x 3": [_shrunk(f, 3) for f in _mosaics(data, 3, limit)],
        "crowded": [f for f in _mosaics(data, 2, limit) if f.kind == "stained"],
    }


def _read(data: Path, kind: str, limit: int = 0) -> list[Field]:
    """The dev images of a kind, or `limit` of them by a fixed choice."""
    source, group, labels = KINDS[kind]
    rows = [r for r in read_coco(data / source / "dev.json", Task.COUNT_AND_BOX) if not group or r.group == group]
    order = np.random.default_rng(SEED).permutation(len(rows))
    return [_field(kind, rows[i], labels) for i in order[: limit or None]]


def _field(kind: str, row: Row, labels: tuple[str, ...]) -> Field:
    with Image.open(row.path) as file:
        return Field(kind, file.convert("RGB"), row.findings.marks, labels)


def _moved(marks: Sequence[Mark], change: Callable[[Shape], Shape]) -> tuple[Mark, ...]:
    return map_findings(Findings(tuple(marks)), change).marks


def _shifted(marks: Sequence[Mark], dx: float, dy: float) -> tuple[Mark, ...]:
    def shifted(s: Shape) -> Shape:
        return Point(s.x + dx, s.y + dy) if isinstance(s, Point) else Box(s.x1 + dx, s.y1 + dy, s.x2 + dx, s.y2 + dy)

    return _moved(marks, shifted)


def _half(field: Field, i: int) -> Field:
    """The field at half the magnification: in a plain frame of twice its side, with a hard edge."""
    (w, h), rng = field.image.size, np.random.default_rng([SEED, i])
    mean = tuple(int(v) for v in np.asarray(field.image).mean((0, 1)))
    frame = Image.new("RGB", (2 * w, 2 * h), ((0, 0, 0), (255, 255, 255), mean)[i % 3])
    x, y = int(rng.integers(w)), int(rng.integers(h))
    frame.paste(field.image, (x, y))
    return Field(field.kind, frame, _shifted(field.true, x, y), field.labels)


def _eyepiece(field: Field) -> Field:
    """The field through an eyepiece: a dark round rim with a soft edge, darker towards it; objects under the rim are gone."""
    w, h = field.image.size
    pad = round(0.15 * w)
    shown = Image.new("RGB", (w + 2 * pad, h), (0, 0, 0))
    shown.paste(field.image, (pad, 0))
    y, x = np.mgrid[0:h, 0 : w + 2 * pad]
    r = np.hypot(x - (w + 2 * pad) / 2, y - h / 2) / (0.49 * min(w, h))
    light = np.clip((1 - r) * 40, 0, 1) * (1 - 0.35 * np.clip(r, 0, 1) ** 2)
    noise = np.random.default_rng(SEED).normal(0, 2, (h, w + 2 * pad, 3))
    pixels = np.asarray(shown) * light[..., None] + 6 + noise
    marks = [m for m in _shifted(field.true, pad, 0) if r[_pixel(m, r.shape)] < 0.97]
    return Field(field.kind, Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), tuple(marks), field.labels)


def _pixel(mark: Mark, shape: tuple[int, ...]) -> tuple[int, int]:
    c = mark.shape.center
    return min(int(c.y), shape[0] - 1), min(int(c.x), shape[1] - 1)


def _mosaics(data: Path, n: int, limit: int) -> Iterator[Field]:
    """n x n fields of one stain and one size beside each other."""
    for kind in ("fluorescence", "stained"):
        found = [f for f in _read(data, kind) if f.image.size == (256, 256) or kind == "stained"]
        order = np.random.default_rng([SEED, n]).permutation(len(found))
        for k in range(min(limit // 2, len(order) // n**2 + 2)):
            yield _mosaic([found[order[(k * n**2 + j) % len(order)]] for j in range(n**2)], n)


def _mosaic(parts: Sequence[Field], n: int) -> Field:
    w, h = parts[0].image.size
    image, marks = Image.new("RGB", (n * w, n * h)), []
    for i, part in enumerate(parts):
        x, y = i % n * w, i // n * h
        image.paste(part.image, (x, y))
        marks += _shifted(part.true, x, y)
    return Field(parts[0].kind, image, tuple(marks), parts[0].labels)


def _shrunk(field: Field, n: int) -> Field:
    """A really wide field: n times as much in as many pixels."""
    wh: Size = field.image.width // n, field.image.height // n
    image = field.image.resize(wh, Image.Resampling.LANCZOS)
    return Field(field.kind, image, _moved(field.true, lambda s: rescale(s, field.image.size, wh)), field.labels)


if __name__ == "__main__":
    main()
