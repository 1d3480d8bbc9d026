"""`python -m tests.bench.fair_fields --data DATA`: what choosing the fields does to a number, on the dev images of nuclei.

Hot spots: tiles are stitched, nuclei are planted in a disc until it is so many times as dense as the densest natural one, and the
disc that is found is compared with it. Fields: the mean number a field of those chosen systematically at random, by doubt, and
of all. Doubt is the learning order's own rule, the edits that a model expects of itself; its scores are drawn here, calibrated,
a nucleus each, for the order follows from how many there are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pdc.counting.fair_fields import hot_spot, systematic_random
from pdc.domain.values import Findings, Mark, Point
from pdc.inference.choosing import uncertainty

COLUMNS, ROWS = 6, 5
PLANTED = 1.25, 1.5, 2.0  # times the densest natural disc
CHOSEN = 14, 30  # fields
Nuclei = dict[str, np.ndarray]


def nuclei_of(data: Path) -> tuple[Nuclei, dict[str, tuple[int, int]]]:
    """Centres [n, 2] of the nuclei of each dev image, and its size."""
    truth = json.loads((data / "nuclei" / "dev.json").read_text())
    names = {i["id"]: i["file_name"] for i in truth["images"]}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names.values()}
    for a in truth["annotations"]:
        x, y, w, h = a["bbox"]
        found[names[a["image_id"]]].append((x + w / 2, y + h / 2))
    centres = {name: np.array(own, float).reshape(-1, 2) for name, own in found.items()}
    return centres, {i["file_name"]: (i["width"], i["height"]) for i in truth["images"]}


def stitched(centres: Nuclei, sizes: dict[str, tuple[int, int]], rng: np.random.Generator, side: int = 256) -> np.ndarray:
    """Centres of a field of COLUMNS x ROWS tiles of one size, turned at random."""
    square = [name for name, size in sizes.items() if size == (side, side)]
    parts: list[np.ndarray] = []
    for at, name in enumerate(rng.choice(square, COLUMNS * ROWS)):
        own = centres[str(name)].copy()
        own = side - own if rng.random() < 0.5 else own
        parts.append(own + np.array([at % COLUMNS, at // COLUMNS]) * side)
    return np.concatenate(parts)


def planted_spots(
    centres: Nuclei, sizes: dict[str, tuple[int, int]], times: float, n: int, radius: float = 90.0
) -> tuple[int, float]:
    """How many of n planted spots are found within a radius, and the median distance in radii."""
    rng = np.random.default_rng(7)
    size = np.array([COLUMNS, ROWS]) * 256.0
    apart: list[float] = []
    for _ in range(n):
        places = stitched(centres, sizes, rng)
        natural = hot_spot(places.tolist(), (size[0], size[1]), np.pi * radius**2)
        assert natural is not None
        spot = rng.uniform(radius, size - radius)
        inside = int((np.hypot(*(places - spot).T) <= radius).sum())
        more = max(round(times * natural.inside) - inside, 0)
        way = rng.uniform(0, 2 * np.pi, more)
        away = radius * np.sqrt(rng.uniform(0, 1, more))
        planted = spot + np.stack([np.cos(way), np.sin(way)], axis=1) * away[:, None]
        hot = hot_spot([*places.tolist(), *planted.tolist()], (size[0], size[1]), np.pi * radius**2)
        assert hot is not None
        apart.append(float(np.hypot(hot.x - spot[0], hot.y - spot[1])) / radius)
    return sum(a <= 1 for a in apart), float(np.median(apart))


def doubts(counts: Sequence[int], rng: np.random.Generator) -> list[float]:
    """What the learning order says of images with so many nuclei, by drawn scores."""
    scores = [rng.beta(9, 2, n) for n in counts]
    return [
        uncertainty(Findings(tuple(Mark(str(i), Point(0, 0), "n", score=float(s)) for i, s in enumerate(own)))) for own in scores
    ]


def chosen_by(counts: Sequence[int], n: int, seeds: int) -> dict[str, float]:
    """The mean a field by each way, in per cent above that of all fields; `random spread`: of one drawing."""
    every, rng = float(np.mean(counts)), np.random.default_rng(3)
    drawn = [float(np.mean(systematic_random(counts, n, seed))) for seed in range(seeds)]
    by_doubt: list[float] = []
    for _ in range(20):
        order = np.argsort(doubts(counts, rng))[::-1][:n]
        by_doubt.append(float(np.mean([counts[i] for i in order])))
    shown = {"random": float(np.mean(drawn)), "doubt": float(np.mean(by_doubt))}
    return {way: 100 * (mean / every - 1) for way, mean in shown.items()} | {"random spread": 100 * float(np.std(drawn)) / every}


def main(data: Path, spots: int) -> None:
    centres, sizes = nuclei_of(data)
    for times in PLANTED:
        found, median = planted_spots(centres, sizes, times, spots)
        print(f"planted {times} x the densest natural disc: {found} of {spots} within a radius, median {median:.2f} radii")
    counts = [len(own) for own in centres.values()]
    for n in CHOSEN:
        way = chosen_by(counts, n, 20_000)
        said = ", ".join(f"{name} {off:+.1f} %" for name, off in way.items())
        print(f"{n} of {len(counts)} fields: {said}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with nuclei/dev.json")
    parser.add_argument("--spots", type=int, default=200)
    args = parser.parse_args()
    main(args.data, args.spots)
