"""`python -m tests.bench.burned_in`: how much of the text that is planted into real images is found, and how often text is found
where there is none.

Recall: images whose planted text lies under the boxes by at least 80 %. False alarms: images without text in which some is
found. Both with Wilson's interval of 95 %. The seconds are the process's own, of one core. `--list` names every miss and alarm.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from math import sqrt
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from planted_text import covered, planted
from real_data import real_images

from pdc.images.burned_in.ocr import texts_in
from pdc.images.burned_in.worker import boxes_of

KINDS = "blood_cells", "nuclei", "polyps"
WITHOUT_TEXT = "blood_cells", "nuclei"  # nearly every image of the polyps has a date, a time and words burned into its border
ENOUGH = 0.8


def main() -> None:
    options = _options()
    said = print if options.list else lambda *_: None
    found = [_is_found(i, path, said) for i, path in enumerate(_sources(options.planted))]
    print(f"recall: {_share(found)}", flush=True)
    alarms = [_alarms(path, said) for kind in WITHOUT_TEXT for path in real_images(kind, options.clean)]
    print(f"false alarms: {_share(alarms)}", flush=True)
    for width, height in ((640, 480), (2000, 2000)):
        print(f"{width} x {height}: {_milliseconds(width, height):.0f} ms of one core")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planted", type=int, default=200)
    parser.add_argument("--clean", type=int, default=100, help="images of each kind")
    parser.add_argument("--list", action="store_true")
    return parser.parse_args()


def _sources(number: int) -> Iterator[Path]:
    """Images of all kinds by turns."""
    each = -(-number // len(KINDS))
    by_kind = [real_images(kind, 200)[-each:] for kind in KINDS]
    for i in range(number):
        of_kind = by_kind[i % len(KINDS)]
        yield of_kind[i // len(KINDS) % len(of_kind)]


def _boxes(image: Image.Image) -> list[tuple[float, ...]]:
    return [tuple(box) for box in boxes_of(texts_in(np.asarray(image)), any_text=False)]


def _is_found(at: int, path: Path, said) -> bool:
    with Image.open(path) as image:
        drawn = planted(image.convert("RGB"), at)
    share = covered(drawn.box, _boxes(drawn.image), drawn.image.size)
    if share < ENOUGH:
        said(
            "missed",
            at,
            path.name,
            repr(drawn.text),
            drawn.how,
            f"{share:.2f}",
            [(t.text, round(t.score, 2)) for t in texts_in(np.asarray(drawn.image))],
        )
    return share >= ENOUGH


def _alarms(path: Path, said) -> bool:
    with Image.open(path) as image:
        texts = texts_in(np.asarray(image.convert("RGB")))
    if boxes := boxes_of(texts, any_text=False):
        said("alarm", path, [(t.text, round(t.score, 2)) for t in texts], [list(map(round, b)) for b in boxes])
    return bool(boxes)


def _share(hits: Sequence[bool]) -> str:
    low, high = wilson(sum(hits), len(hits))
    return f"{sum(hits)} of {len(hits)}, {sum(hits) / len(hits):.1%} (95 %: {low:.1%} to {high:.1%})"


def wilson(hits: int, n: int) -> tuple[float, float]:
    z, p = 1.96, hits / n
    middle, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def _milliseconds(width: int, height: int) -> float:
    pixels = np.random.default_rng(0).integers(90, 110, (height, width, 3), np.uint8)
    texts_in(pixels)
    started = time.process_time()
    texts_in(pixels)
    return (time.process_time() - started) * 1000


if __name__ == "__main__":
    main()
