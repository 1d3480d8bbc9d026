"""The lines of a report of agreement: who, of what, by which measure, and the number with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pdc.domain.message import Message


class Kind(StrEnum):
    """Between readers, or one reader with themselves, later."""

    INTER = "inter-reader"
    INTRA = "intra-reader"


class Measure(StrEnum):
    KAPPA = "kappa"
    ALPHA = "alpha"
    F1 = "f1"
    BIAS = "bias"
    LOWER = "lower limit"
    UPPER = "upper limit"
    ICC = "icc"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval. Where either is None, `why` says so in a sentence."""

    value: float | None
    low: float | None = None
    high: float | None = None
    why: Message | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One measure of two readers or more. `label` None: all labels together. `n`: the objects or counts it rests on."""

    kind: Kind
    readers: tuple[str, ...]
    label: str | None
    measure: Measure
    estimate: Estimate
    images: int
    n: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A dot of a Bland-Altman plot: an image whose counts of a label (None: of all) two readers give as `one` and `other`."""

    kind: Kind
    readers: tuple[str, str]
    label: str | None
    image: str
    one: int
    other: int
