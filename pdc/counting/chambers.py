"""Counting chambers: how much sample lies over the squares that were counted. One mm3 is one microlitre.

Sizes are those printed on the chambers; a lab with another one names its own square and depth.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chamber:
    """`square_mm2` is the area of one square that is counted, `depth_mm` the sample's depth over it.

    `squares` is how many there are; `row` is how many make a row, for counting ends after a whole one.
    """

    name: str
    square_mm2: float
    depth_mm: float
    squares: int
    row: int

    def volume_ul(self, squares: float) -> float:
        """Microlitres over so many squares."""
        return squares * self.square_mm2 * self.depth_mm

    def whole_rows(self, squares: int) -> bool:
        return squares > 0 and squares % self.row == 0


CHAMBERS = {
    c.name: c
    for c in (
        Chamber("improved Neubauer, large squares", 1.0, 0.1, 9, 1),
        Chamber("improved Neubauer, centre grid", 0.04, 0.1, 25, 5),
        Chamber("Bürker, large squares", 1.0, 0.1, 9, 1),
        Chamber("Fuchs-Rosenthal, large squares", 1.0, 0.2, 16, 4),
        Chamber("Makler, grid", 0.01, 0.01, 100, 10),
    )
}
