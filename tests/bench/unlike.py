"""`python -m tests.bench.unlike --model MODEL --data DATA`: how well a model tells images unlike those it was trained on.

Dev images of each kind against other kinds, noise and plain colours as in `finetune tiny --stages likeness`; here also against
everyday photographs, text and other medicine of scikit-image's `data` (whole, and pieces of them), and dev images made grey or
put into a plain frame of twice their size. MODEL must have learnt its images (`likeness.safetensors`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from finetune.tiny import SOURCES
from finetune.tiny.report.likeness import measure, noise_images, plain_images, seer, split_images
from pdc.domain.doubt import UNLIKE
from pdc.inference.likeness import load_known

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

EVERYDAY = [
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "chessboard_GRAY",
    "chessboard_RGB",
    "coffee",
    "coins",
    "color",
    "grass",
    "gravel",
    "horse",
    "logo",
    "moon",
    "motorcycle_left",
    "rocket",
]
TEXT, MEDICINE = ["page", "text"], ["cell", "ihc", "microaneurysms", "retina"]
PIECES = {"everyday": 4, "text": 20, "other medicine": 5}
NTH = 3  # of the dev images, for what is done to them


def of_scikit_image(names: Sequence[str]) -> list[PilImage]:
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    return [Image.open(next(folder.glob(f"{name}.*"))).convert("RGB") for name in names]


def pieces(images: Sequence[PilImage], each: int) -> Iterator[PilImage]:
    """So many random windows of each image."""
    rng = np.random.default_rng(0)
    for image in images:
        for share in rng.uniform(0.3, 0.8, each):
            w, h = (max(int(side * share), 32) for side in image.size)
            x, y = rng.integers(0, image.width - w + 1), rng.integers(0, image.height - h + 1)
            yield image.crop((int(x), int(y), int(x) + w, int(y) + h))


def grey(image: PilImage) -> PilImage:
    return image.convert("L").convert("RGB")


def framed(image: PilImage) -> PilImage:
    """Half the magnification: in a black frame of twice its size."""
    frame = Image.new("RGB", (2 * image.width, 2 * image.height))
    frame.paste(image, (image.width // 2, image.height // 2))
    return frame


def main(model: Path, data: Path) -> None:
    see, known = seer(model, "none"), load_known(model)
    dev = {source: split_images(data, source, "dev") for source in SOURCES}
    groups = {source: see(images) for source, images in dev.items()}
    groups |= {"plain colours": see([*plain_images()]), "noise": see([*noise_images()])}
    for name, names in (("everyday", EVERYDAY), ("text", TEXT), ("other medicine", MEDICINE)):
        images = of_scikit_image(names)
        groups |= {name: see(images), f"{name}, pieces": see([*pieces(images, PIECES[name])])}
    measure(known, groups)
    for source, images in dev.items():
        for change in (grey, framed):
            shares = [known.kinds[source].share(one) for one in see([change(i) for i in images[::NTH]])]
            print(f"{source}, {change.__name__}: {np.mean(np.array(shares) < UNLIKE):.3f} of {len(shares)} called unlike")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    main(given.model, given.data)
