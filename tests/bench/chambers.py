"""`python -m tests.bench.chambers`: how often the grid of a drawn chamber is found, and how far off its area and its lines are.

Drawn views: turned by up to 20 degrees, blurred, 30 % of the lines hidden, cells on them. Also views without a ruling.
"""

from __future__ import annotations

import argparse
import sys
from math import cos, radians, sin
from pathlib import Path

import numpy as np

from pdc.counting.chambers import DOUBLE, GROUPS, QUARTERS, TENTHS, TRIPLED, Pattern
from pdc.counting.finding.grid import Grid, find_grid

sys.path.insert(0, str(Path(__file__).parents[1]))
from drawn_chambers import Drawn, drawn_chamber

PATTERNS = {"quarters": QUARTERS, "groups": GROUPS, "double": DOUBLE, "tripled": TRIPLED, "tenths": TENTHS}
LINES = {"quarters": 1, "groups": 4, "double": 1.25, "tripled": 4, "tenths": 1}


def off(found: Grid, drawn: Drawn, pattern: Pattern) -> tuple[float, float]:
    """By how much the area is off, as a share, and the lines, in pixels: for lines that look alike, from the nearest."""
    c, s = cos(radians(drawn.angle)), sin(radians(drawn.angle))
    x, y = found.x - drawn.x, found.y - drawn.y
    u, v = x * c + y * s, y * c - x * s
    lines = max(abs((d + drawn.period / 2) % drawn.period - drawn.period / 2) for d in (u, v))
    return abs(found.period**2 / drawn.period**2 - 1), lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=60, help="views of each chamber")
    n = parser.parse_args().n
    for at, (name, pattern) in enumerate(PATTERNS.items()):
        found: list[tuple[float, float]] = []
        for i in range(n):
            rng = np.random.default_rng(1000 * at + i)
            period, angle = rng.uniform(22, 90) * LINES[name], rng.uniform(-20, 20)
            drawn = drawn_chamber(1000 * at + i, pattern, period, angle, apart=rng.uniform(0.7, 1.3))
            if grid := find_grid(drawn.image, pattern):
                found.append(off(grid, drawn, pattern))
        wrong = sum(area > 0.01 for area, _ in found)
        worst = max((lines for _, lines in found), default=0.0)
        worst_area = max((area for area, _ in found), default=0.0)
        print(f"{name}: found {len(found)} of {n}; area off by more than 1 % in {wrong}, by {worst_area:.2%} at most")
        print(f"    lines off by {worst:.1f} px at most")
    empty = [find_grid(drawn_chamber(9000 + i, None, 40, 0).image, p) is not None for i in range(n) for p in PATTERNS.values()]
    print(f"no ruling: found in {sum(empty)} of {len(empty)}")


if __name__ == "__main__":
    main()
