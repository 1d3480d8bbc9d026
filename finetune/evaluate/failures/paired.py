"""By how much one number got worse from one model to another on the same images, with a paired interval over groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from finetune.evaluate.bootstrap import Group, interval, totals, units

Measure = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""sums [..., columns] -> a part and a whole [...], whose ratio is the number"""


@dataclass(frozen=True, slots=True)
class Failure:
    """A kind of failure of one task or label (None: of all). `before` and `after` are its number for the other model and the
    candidate; `worse`: by how much it got worse, with a 95 % interval and the standard error of the bootstrap. `n` images
    show it, in `groups` groups."""

    kind: str
    task: str | None
    label: str | None
    n: int
    groups: int
    before: float
    after: float
    worse: float
    low: float
    high: float
    error: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of failure is measured: the ratio of two sums, its square root where `root`. Worse is `higher`, or lower."""

    name: str
    measure: Measure
    higher: bool = True
    root: bool = False

    def of(self, sums: np.ndarray) -> np.ndarray:
        """The number of each sums [..., columns]; nan where it is not defined."""
        part, whole = self.measure(sums)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = part / whole
        return np.sqrt(ratio) if self.root else ratio


def failure(
    kind: Kind, before: np.ndarray, after: np.ndarray, groups: Sequence[Group], task: str | None = None, label: str | None = None
) -> Failure | None:
    """From the sums of the same images [images, columns] of both models; None where nothing shows it."""
    seen = kind.measure(before)[1] + kind.measure(after)[1] > 0
    then, now = (float(kind.of(table.sum(0))) for table in (before, after))
    if not seen.any() or np.isnan([then, now]).any():
        return None
    sign = 1.0 if kind.higher else -1.0
    drawn = sign * (kind.of(totals(after, groups=groups)) - kind.of(totals(before, groups=groups)))
    drawn = drawn[~np.isnan(drawn)]
    low, high = interval(drawn)
    shown = [group for group, there in zip(groups, seen, strict=True) if there]
    worse = sign * (now - then)
    return Failure(kind.name, task, label, len(shown), len(units(shown)), then, now, worse, low, high, float(drawn.std()))
