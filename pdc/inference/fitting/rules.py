"""Which way of fitting measured best for each label, as the model's folder says it.

A model's folder has them in fit.json: {label: {"by": "detector", "shares": [0.3, 0.42], "release": true, ...}}. Boxes of a label
without an entry were never measured: they are fitted only when the reader asks for it, and by colour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pdc.domain.errors import BadModel
from pdc.files import read_json

FILE = "fit.json"


class Way(StrEnum):
    """Who finds the object in a rough box; OFF: nobody."""

    DETECTOR = "detector"
    COLOUR = "colour"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Rule:
    """How a label's boxes are fitted: `by` whom. `shares` are the object's longer side in each window that the detector looks at;
    without any it is not asked. Where the lead is the detector's, `colour` and `rough` weigh the colour's box and the hand's
    beside its own. `release`: a drawn box is fitted at once; `click`: a click makes a box. `loose`: when all loose ones are
    asked for, a box of the model's is fitted if one of its edges moves by more than this share of its side; 0: never."""

    by: Way
    shares: tuple[float, ...] = ()
    colour: float = 0.0
    rough: float = 0.0
    release: bool = False
    click: bool = False
    loose: float = 0.0


UNMEASURED = Rule(Way.COLOUR)
Rules = Mapping[str, Rule]


def read_rules(folder: str | Path) -> Rules:
    """The rules that a model's folder states; none where it states none. Raises BadModel when the file is damaged."""
    path = Path(folder) / FILE
    try:
        said: dict[str, dict[str, Any]] = read_json(path) or {}
        return {label: _rule(entry) for label, entry in said.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadModel(f"{path} is damaged ({type(error).__name__}); download the model again.") from error


def _rule(said: Mapping[str, Any]) -> Rule:
    known = {name: value for name, value in said.items() if name != "measured"}
    return Rule(**{**known, "by": Way(said["by"]), "shares": tuple(map(float, said.get("shares", ())))})
