"""`python -m tests.bench.gate_drills [--seeds 20] [--images 20 60 200]`: what the promotion gate says of every drill.

A row a candidate: in how many seeds it was stopped, and in how many of those only because too few images could not decide.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where the tests find what they share

from drills import GOOD, REFUSED, objections_to

if TYPE_CHECKING:
    from drills import Drill


def main(seeds: int, images: Sequence[int]) -> None:
    print(f"| candidate | {' | '.join(f'{n} images' for n in images)} |\n|{'---|' * (len(images) + 1)}")
    for wanted, drills in (("must be stopped", REFUSED), ("must pass", GOOD)):
        for drill in drills:
            print(f"| {wanted}: {drill.name} |", end="", flush=True)
            for cell in cells(drill, seeds, images):
                print(f" {cell} |", end="", flush=True)
            print()


def cells(drill: Drill, seeds: int, images: Sequence[int]) -> Iterator[str]:
    """Stopped of all seeds, and how many of them undecided."""
    for n in images:
        said = [objections_to(drill, n, seed) for seed in range(seeds)]
        undecided = sum(bool(some) and all("cannot be decided" in one for one in some) for some in said)
        yield f"{sum(map(bool, said))} of {seeds}" + (f" ({undecided} undecided)" if undecided else "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--images", type=int, nargs="+", default=[20, 60, 200])
    given = parser.parse_args()
    main(given.seeds, given.images)
