"""Counting chambers: how much sample lies over the squares that were counted, and how their lines are ruled. 1 mm3 is 1 uL.

Sizes are those printed on the chambers; a lab with another one names its own square and depth. Sources: makers' and course pages
(LO-Laboroptik for improved Neubauer and Fuchs-Rosenthal, with the middle of three lines as the limit; Hecht Assistent for Thoma).
Bürker, Malassez, Nageotte and Makler are as commonly described: check them against the chamber.
"""

from __future__ import annotations

from dataclasses import dataclass

TRIPLE = (-0.006, 0.0, 0.006)  # mm: three lines side by side; the middle one is the limit


@dataclass(frozen=True, slots=True)
class Pattern:
    """Lines that repeat every `period` mm, the same in both directions. `lines` are their places in one period, in mm.

    A square that is counted begins at 0. `group`: the line there looks unlike the others, so an image can show where it is.
    """

    period: float
    lines: tuple[float, ...]
    group: bool = False


@dataclass(frozen=True, slots=True)
class Chamber:
    """`width_mm` and `height_mm` are the sides of one square that is counted, `depth_mm` the sample's depth over it.

    `squares` is how many there are; `row` is how many make a row, for counting ends after a whole one. `pattern` is how its lines
    are ruled where squares are counted; None: it is not looked for, and a person sets the corners.
    """

    name: str
    width_mm: float
    height_mm: float
    depth_mm: float
    squares: int
    row: int
    pattern: Pattern | None = None

    @property
    def square_mm2(self) -> float:
        return self.width_mm * self.height_mm

    def volume_ul(self, squares: float) -> float:
        """Microlitres over so many squares."""
        return squares * self.square_mm2 * self.depth_mm

    def whole_rows(self, squares: int) -> bool:
        return squares > 0 and squares % self.row == 0


QUARTERS = Pattern(0.25, (0.0,))
GROUPS = Pattern(0.2, (*TRIPLE, 0.05, 0.1, 0.15), group=True)
DOUBLE = Pattern(0.25, (0.0, 0.2), group=True)
TRIPLED = Pattern(1.0, (*TRIPLE, 0.25, 0.5, 0.75), group=True)
TENTHS = Pattern(0.1, (0.0,))

CHAMBERS = {
    c.name: c
    for c in (
        Chamber("improved Neubauer, large squares", 1.0, 1.0, 0.1, 9, 1, QUARTERS),
        Chamber("improved Neubauer, centre grid", 0.2, 0.2, 0.1, 25, 5, GROUPS),
        Chamber("Neubauer or Thoma, group squares", 0.2, 0.2, 0.1, 16, 4),
        Chamber("Bürker, large squares", 1.0, 1.0, 0.1, 9, 1, DOUBLE),
        Chamber("Fuchs-Rosenthal, large squares", 1.0, 1.0, 0.2, 16, 4, TRIPLED),
        Chamber("Malassez, rectangles", 0.25, 0.2, 0.2, 100, 10),
        Chamber("Nageotte, rectangles", 0.25, 10.0, 0.5, 40, 1),
        Chamber("Makler, grid", 0.1, 0.1, 0.01, 100, 10, TENTHS),
    )
}
