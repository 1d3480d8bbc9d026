"""What a first visit offers: the embedded model's labels and the example images that ship with PDC."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pdc.domain import Question, Task
from pdc.settings import ASSETS

KNOWN_LABELS = ("red blood cell", "white blood cell", "platelet", "nucleus", "polyp")
FOLDER = ASSETS / "examples"


@dataclass(frozen=True, slots=True)
class Example:
    """An image file we may ship, and a question that suits it."""

    path: Path
    title: str
    question: Question


def examples() -> list[Example]:
    """The examples that are there, in the order of the file names."""
    asked = {
        "blood": ("Blood smear", KNOWN_LABELS[:3]), "nuclei": ("Fluorescent nuclei", KNOWN_LABELS[3:4]),
        "polyp": ("Colonoscopy", KNOWN_LABELS[4:5]),
    }
    found = []
    for path in sorted(FOLDER.glob("*.png")):
        kind = path.stem.split("-")[0]
        if kind in asked:
            title, labels = asked[kind]
            found.append(Example(path, f"{title} {path.stem.split('-')[-1]}", Question(Task.COUNT_AND_BOX, labels)))
    return found
