"""What a first visit offers: the embedded model's labels and the example images that ship with PDC."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from pdc.domain.values import MAX_LABELS, Question, Task
from pdc.settings import ASSETS

KNOWN_LABELS = ("red blood cell", "white blood cell", "platelet", "nucleus", "polyp")
FOLDER = ASSETS / "examples"


@dataclass(frozen=True, slots=True)
class Example:
    """An image file we may ship, and a question that suits it."""

    path: Path
    title: str
    question: Question


def taught(known: Set[str]) -> tuple[str, ...]:
    """The labels that a model says it was taught, the embedded model's in their order; as many as one question takes."""
    ours = [label for label in KNOWN_LABELS if label in known]
    return (*ours, *sorted(known - set(ours)))[:MAX_LABELS]


def first_question(known: Set[str] = frozenset(KNOWN_LABELS)) -> Question:
    """What a first visit asks: everything the model knows, for "none" to mean most; of one that names nothing, blood cells."""
    return Question(Task.COUNT_AND_BOX, taught(known) or KNOWN_LABELS[:3])


def examples() -> list[Example]:
    """The examples that are there, in the order of the file names."""
    asked = {
        "blood": ("Blood smear", KNOWN_LABELS[:3]),
        "nuclei": ("Fluorescent nuclei", KNOWN_LABELS[3:4]),
        "polyp": ("Colonoscopy", KNOWN_LABELS[4:5]),
    }
    found = []
    for path in sorted(FOLDER.glob("*.png")):
        kind = path.stem.split("-")[0]
        if kind in asked:
            title, labels = asked[kind]
            found.append(Example(path, f"{title} {path.stem.split('-')[-1]}", Question(Task.COUNT_AND_BOX, labels)))
    return found
