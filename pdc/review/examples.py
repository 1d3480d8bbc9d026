"""What a first visit offers: the embedded model's labels and the example images that ship with PDC."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from pdc.domain.message import Message
from pdc.domain.values import MAX_LABELS, Question, Task
from pdc.settings import ASSETS

KNOWN_LABELS = ("red blood cell", "white blood cell", "platelet", "nucleus", "polyp")
FOLDER = ASSETS / "examples"


@dataclass(frozen=True, slots=True)
class Example:
    """An image file we may ship, what it shows in a few words, and a question that suits it."""

    path: Path
    title: Message
    about: Message
    question: Question


def taught(known: Set[str]) -> tuple[str, ...]:
    """The labels that a model says it was taught, the embedded model's in their order; as many as one question takes."""
    ours = [label for label in KNOWN_LABELS if label in known]
    return (*ours, *sorted(known - set(ours)))[:MAX_LABELS]


def first_question(known: Set[str] = frozenset(KNOWN_LABELS)) -> Question:
    """What a first visit asks: everything the model knows, for "none" to mean most; of one that names nothing, blood cells."""
    return Question(Task.COUNT_AND_BOX, taught(known) or KNOWN_LABELS[:3])


def examples() -> list[Example]:
    """The examples that are there, the one that is answered best first; what the model does not know comes last."""
    blood, nuclei, polyp = (
        Question(Task.COUNT_AND_BOX, labels) for labels in (KNOWN_LABELS[:3], KNOWN_LABELS[3:4], KNOWN_LABELS[4:])
    )
    shipped = (
        Example(FOLDER / "nuclei.png", Message("Fluorescent nuclei"), Message("A real image"), nuclei),
        Example(FOLDER / "blood-drawing.jpg", Message("Blood smear"), Message("A drawing"), blood),
        Example(FOLDER / "polyp-drawing.jpg", Message("Colonoscopy"), Message("A drawing"), polyp),
        Example(
            FOLDER / "tissue.jpg", Message("Stained tissue"), Message("A real image, of a kind the model does not know"), nuclei
        ),
    )
    return [example for example in shipped if example.path.is_file()]
