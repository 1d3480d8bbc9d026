"""What the embedded model's own images look like to it, kept in its folder: `python -m finetune tiny --stages likeness`.

Kinds of images are learnt from `train`, and what a distance means from `dev`. New weights see otherwise: learn again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from finetune.data.coco import read_coco
from finetune.evaluate.bootstrap import draws, interval
from finetune.tiny import SOURCES
from finetune.tiny.prompts import OWN
from pdc.domain.doubt import UNLIKE
from pdc.domain.values import Task
from pdc.inference.likeness import ImageKind, KnownImages, describe

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

See = Callable[[Sequence["PilImage"]], np.ndarray]
"""images as the model sees them: descriptions [n, d]"""
MADE = 40  # images of each group that no camera took
SPLITS = 20  # halvings of dev for the share that is called unlike


def split_images(data: Path, source: str, split: str) -> list[PilImage]:
    return [_opened(row.path) for row in read_coco(data / source / f"{split}.json", Task.BOUNDING)]


def _opened(path: Path) -> PilImage:
    with Image.open(path) as file:
        return file.convert("RGB")


def plain_images(seed: int = 0) -> Iterator[PilImage]:
    """Images of one colour."""
    rng = np.random.default_rng(seed)
    for _ in range(MADE):
        w, h = rng.integers(200, 600, 2).tolist()
        yield Image.new("RGB", (w, h), tuple(rng.integers(0, 256, 3).tolist()))


def noise_images(seed: int = 0) -> Iterator[PilImage]:
    """Random pixels, and blots of random colours."""
    rng = np.random.default_rng(seed)
    for i in range(MADE):
        w, h = rng.integers(200, 600, 2).tolist()
        grain = (h, w) if i % 2 else rng.integers(4, 30, 2).tolist()
        picture = Image.fromarray(rng.integers(0, 256, (*grain, 3), np.uint8))
        yield picture.resize((w, h), Image.Resampling.BICUBIC)


def auroc(known: np.ndarray, unlike: np.ndarray) -> float:
    """How often one of `unlike` is farther away than one of `known`; a tie is half."""
    farther, ties = (unlike[:, None] > known).mean(), (unlike[:, None] == known).mean()
    return float(farther + ties / 2)


def auroc_row(known: np.ndarray, unlike: np.ndarray) -> list[float]:
    """The AUROC of distances with its 95 % bootstrap interval over images of both sides."""
    drawn = zip(draws(len(known), 200), draws(len(unlike), 200, seed=1), strict=True)
    low, high = interval(np.array([auroc(known[a], unlike[b]) for a, b in drawn]))
    return [round(v, 4) for v in (auroc(known, unlike), low, high)]


def called_unlike(distances: np.ndarray) -> float:
    """The share of images of a kind that are called unlike it, when half of them say what a distance means for the others."""
    rng, shares = np.random.default_rng(0), []
    for _ in range(SPLITS):
        order = rng.permutation(distances)
        half, others = np.sort(order[: len(order) // 2]), order[len(order) // 2 :]
        farther = len(half) - np.searchsorted(half, others)
        shares.append(((farther + 1) / (len(half) + 1) < UNLIKE).mean())
    return round(float(np.mean(shares)), 4)


def learn(see: See, data: Path, say: Callable[[str], None] = print) -> tuple[KnownImages, dict[str, np.ndarray]]:
    """Every kind's training images as the model sees them, and the descriptions of its dev images."""
    kinds, others = {}, {}
    for source in SOURCES:
        trained = see(split_images(data, source, "train"))
        others[source] = see(split_images(data, source, "dev"))
        kinds[source] = ImageKind.of(trained, others[source])
        say(f"{source}: {len(trained)} images for training and {len(others[source])} others seen")
    return KnownImages(kinds, {label: source for source in SOURCES for label in OWN[source]}), others


def measure(known: KnownImages, groups: dict[str, np.ndarray], say: Callable[[str], None] = print) -> dict[str, object]:
    """Per kind: how well distances tell its dev images from each group of others, and which share of itself it calls unlike.

    `groups`: descriptions of images, under the name of their kind where they are of one.
    """
    numbers: dict[str, object] = {}
    for name, kind in known.kinds.items():
        far = {group: np.array([kind.distance(one) for one in some]) for group, some in groups.items()}
        rows = {group: auroc_row(far[name], found) for group, found in far.items() if group != name}
        numbers[name] = {"n": len(far[name]), "called unlike": called_unlike(far[name]), "auroc": rows}
        say(f"{name}: {called_unlike(far[name]):.3f} of {len(far[name])} dev images called unlike; AUROC against")
        for group, (value, low, high) in rows.items():
            say(f"  {group:<16}{value:.3f} [{low:.3f}, {high:.3f}]  n = {len(far[group])}")
    return numbers


def seer(model: Path, quantization: str) -> See:
    """How a finished model folder sees images, as it does when it serves."""
    from pdc.inference.decoding import Decoder
    from pdc.inference.qwen import load

    decoder = Decoder(load(str(model), quantization=quantization))
    return lambda images: np.stack([describe(decoder.see(one).features.float().cpu().numpy()) for one in images])


def learn_folder(model: Path, data: Path, out: Path, limit: int, quantization: str) -> None:
    """Learn for a finished model folder, of all its images: `likeness.safetensors` into it, and the numbers into `out`."""
    see = seer(model, quantization)
    known, others = learn(see, data)
    known.save(model)
    groups = {**others, "plain colours": see([*plain_images()]), "noise": see([*noise_images()])}
    numbers = measure(known, groups)
    (out / "likeness.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
