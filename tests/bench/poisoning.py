"""How often a poisoned fold is flagged, and a clean one by mistake: 20 seeds of each kind, at 15, 40 and 100 images.

    python -m tests.bench.poisoning                                   # smears and answers that are drawn by lot
    python -m tests.bench.poisoning --data DATA --kind blood_cells    # dev images of DATA and the embedded model's answers

An honest reader leaves the truth, its boxes a little moved. The model's answers are asked for once and kept in --cache.
"""

from __future__ import annotations

import argparse
import pickle
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from finetune.evaluate.suspicions.reads import Read
from finetune.evaluate.suspicions.report import SuspicionReport, find_suspicions
from finetune.evaluate.tables import align_columns
from pdc.domain.certainty.counts import CountModel, CountModels
from pdc.domain.values import Box, Copies, Findings, Mark

MODEL = Path(__file__).parents[2] / "assets/models/pdc-tiny"
SIZES, SEEDS = (15, 40, 100), 20
RED, WHITE, PLATELET = LABELS = ("red blood cell", "white blood cell", "platelet")
DRAWN_MODELS = {
    RED: CountModel(2.9, 1.8, 2.0, 0.04, 0.13),
    WHITE: CountModel(1.7, 2.8, 0.07, 0.1),
    PLATELET: CountModel(2.0, 1.3, 1.0, 0.02),
}
"""error rates like the embedded model's"""


@dataclass(frozen=True, slots=True)
class Scene:
    """An image's objects, and what the base says of them."""

    image: str
    labels: tuple[str, ...]
    truth: tuple[Mark, ...]
    answered: Findings


Dice = random.Random
Reader = Callable[[Scene, Dice], tuple[Mark, ...]]


def drawn_scenes(n: int, dice: Dice) -> list[Scene]:
    """Smears by lot, answered with errors as often as DRAWN_MODELS says; one image in ten is answered three times as badly."""
    return [_drawn_scene(f"image{i}", dice) for i in range(n)]


def _drawn_scene(image: str, dice: Dice) -> Scene:
    truth = [_box(dice, RED, 60) for _ in range(dice.randint(4, 24))]
    truth += [_box(dice, WHITE, 120), *(_box(dice, PLATELET, 25) for _ in range(dice.randint(0, 2)))]
    badly = 3.0 if dice.random() < 0.1 else 1.0
    said = [_moved(m, dice, 0.02) for m in truth if dice.random() > badly * (DRAWN_MODELS[m.label].missed + 0.03)]
    said = [replace(m, label=dice.choice(LABELS)) if dice.random() < 0.004 * badly else m for m in said]
    scored = [_scored(m, dice, badly) for m in said]
    return Scene(image, LABELS, tuple(truth), Findings(tuple(m for s in scored for m in s)))


def _scored(mark: Mark, dice: Dice, badly: float) -> list[Mark]:
    """The mark with a score, and as often as such a score is wrong another mark where nothing is."""
    score = min(max(dice.betavariate(6, 2), 0.05), 0.98)
    wrong = 1 - DRAWN_MODELS[mark.label].right(score)
    found = [replace(mark, score=score)]
    if dice.random() < badly * wrong / (1 - wrong):
        found.append(replace(_box(dice, mark.label, 50), score=score))
    return found


def _box(dice: Dice, label: str, side: float) -> Mark:
    w, h = side * dice.uniform(0.8, 1.25), side * dice.uniform(0.8, 1.25)
    x, y = dice.uniform(0, 1500), dice.uniform(0, 1500)
    return Mark(f"m{dice.getrandbits(40):x}", Box(x, y, x + w, y + h), label)


def _moved(mark: Mark, dice: Dice, share: float = 0.05, shift: float = 0.0, scale: float = 1.0) -> Mark:
    """The box with each side moved by lot, by this share of the width, and all of it shifted and scaled."""
    box = mark.shape
    assert isinstance(box, Box)
    w, h = box.width, box.height
    dx, dy = (scale - 1) * w / 2, (scale - 1) * h / 2
    jitter = [dice.gauss(0, share) for _ in range(4)]
    x1, x2 = sorted((box.x1 - dx + (jitter[0] + shift) * w, box.x2 + dx + (jitter[1] + shift) * w))
    y1, y2 = sorted((box.y1 - dy + jitter[2] * h, box.y2 + dy + jitter[3] * h))
    return replace(mark, shape=Box(x1, y1, x2, y2), score=None)


# Readers


def honest(scene: Scene, dice: Dice) -> tuple[Mark, ...]:
    return tuple(_moved(m, dice) for m in scene.truth)


def human(scene: Scene, dice: Dice) -> tuple[Mark, ...]:
    """Honest, but overlooks 3 of 100 and calls 1 of 100 something else."""
    seen = [m for m in honest(scene, dice) if dice.random() > 0.03]
    return tuple(replace(m, label=dice.choice(scene.labels)) if dice.random() < 0.01 else m for m in seen)


def renaming(names: Mapping[str, str], share: float = 1.0) -> Reader:
    def read(scene: Scene, dice: Dice) -> tuple[Mark, ...]:
        left = honest(scene, dice)
        return tuple(replace(m, label=names[m.label]) if m.label in names and dice.random() < share else m for m in left)

    return read


def at_a_glance(scene: Scene, dice: Dice) -> tuple[Mark, ...]:
    return tuple(m for m in scene.answered.marks if m.counts)


def deleting(share: float) -> Reader:
    """Of the label that comes first."""
    return lambda scene, dice: tuple(m for m in honest(scene, dice) if m.label != scene.labels[0] or dice.random() > share)


def inventing(share: float) -> Reader:
    def read(scene: Scene, dice: Dice) -> tuple[Mark, ...]:
        left = honest(scene, dice)
        return (*left, *(_box(dice, scene.labels[0], 40) for _ in range(round(share * len(left) + 0.5))))

    return read


def drawing(**how: float) -> Reader:
    return lambda scene, dice: tuple(_moved(m, dice, **how) for m in scene.truth)


def swap(labels: Sequence[str]) -> Mapping[str, str]:
    first, second = labels[0], labels[min(1, len(labels) - 1)]
    return {first: second, second: first}


def readers_of(labels: Sequence[str]) -> dict[str, Reader]:
    """What one reader may do wrong; relabelling needs two labels."""
    renamed = {
        "two labels swapped": renaming(swap(labels)),
        "a quarter of a label renamed": renaming({labels[0]: labels[min(1, len(labels) - 1)]}, 0.25),
    }
    return {
        **(renamed if len(labels) > 1 else {}),
        "accepts at a glance": at_a_glance,
        "deletes a third of a label": deleting(1 / 3),
        "invents a quarter more": inventing(0.25),
        "boxes of half the side": drawing(scale=0.5),
        "boxes a quarter to the side": drawing(shift=0.25),
    }


# Folds


def fold(
    scenes: Sequence[Scene], reader: Reader, dice: Dice, name: str = "eve", *, known: bool = True, shown: bool = True
) -> list[Read]:
    """One reader's reviews of these images; `shown`: of the base's answers."""
    judged = frozenset(scenes[0].labels if known else ())
    return [
        Read(name, s.image, s.labels, Findings(reader(s, dice)), s.answered, judged, s.answered if shown else None, shown)
        for s in scenes
    ]


Fold = tuple[list[Read], Copies]
Play = Callable[[Sequence[Scene], Dice], Fold]


def lone(reader: Reader, *, shown: bool = True) -> Play:
    return lambda scenes, dice: (fold(scenes, reader, dice, shown=shown), {})


def among_others(reader: Reader) -> Play:
    """One of three readers, of labels that the base does not know."""

    def play(scenes: Sequence[Scene], dice: Dice) -> Fold:
        parts = [(name, scenes[i::3]) for i, name in enumerate(("ada", "bob", "eve"))]
        return [r for n, own in parts for r in fold(own, reader if n == "eve" else honest, dice, n, known=False)], {}

    return play


def of_copies(reader: Reader) -> Play:
    """Near copies of ten images, read by two, of labels that the base does not know."""

    def play(scenes: Sequence[Scene], dice: Dice) -> Fold:
        twice = scenes[:10]
        copied = [replace(s, image=f"{s.image}-copy") for s in twice]
        first = fold(scenes, honest, dice, "ada", known=False, shown=False)
        second = fold(copied, reader, dice, known=False, shown=False)
        return [*first, *second], {(s.image, f"{s.image}-copy"): True for s in twice}

    return play


def folds_of(labels: Sequence[str]) -> dict[str, Play]:
    """Every kind of fold; those named "clean" are to be left alone."""
    wrong = renaming(swap(labels)) if len(labels) > 1 else deleting(0.5)
    return {
        "clean": lone(honest),
        "clean, blind": lone(honest, shown=False),
        "clean, human": lone(human),
        "clean, three readers": among_others(human),
        "clean, near copies": of_copies(human),
        **{name: lone(reader) for name, reader in readers_of(labels).items()},
        "imported, swapped or half deleted": lone(wrong, shown=False),
        "one of three readers": among_others(wrong),
        "near copies read by two": of_copies(wrong),
    }


def report_of(play: Play, scenes: Sequence[Scene], dice: Dice, models: CountModels = DRAWN_MODELS) -> SuspicionReport:
    reads, copies = play(scenes, dice)
    return find_suspicions(reads, models, copies)


# The table


def real_scenes(data: Path, kind: str, n: int, cache: Path) -> list[Scene]:
    """The first dev images by lot, with the embedded model's answers, which are asked for once."""
    path = cache / f"{kind}-{n}.pickle"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(_ask(data / kind / "dev.json", n)))
    return pickle.loads(path.read_bytes())


def _ask(file: Path, n: int) -> list[Scene]:
    from finetune.data.coco import read_coco
    from pdc.domain.values import Task
    from pdc.inference.predictors.local import LocalPredictor
    from pdc.inference.qwen import load

    rows = read_coco(file, Task.COUNT_AND_BOX)
    random.Random(5).shuffle(rows)
    predictor = LocalPredictor(lambda: load(str(MODEL)))
    answered = [(row, predictor.predict(row.image(), row.question).findings) for row in rows[:n]]
    return [Scene(r.path.stem, r.question.labels, r.findings.marks, found) for r, found in answered if found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of annotated images")
    parser.add_argument("--kind", default="blood_cells")
    parser.add_argument("--cache", type=Path, default=Path("poisoning"))
    options = parser.parse_args()
    real, models = None, DRAWN_MODELS
    if options.data:
        from pdc.inference.answer_settings import count_models_of

        real, models = real_scenes(options.data, options.kind, SIZES[-1] + 10, options.cache), count_models_of(str(MODEL))
    print(table(real, models))


def table(real: Sequence[Scene] | None, models: CountModels) -> str:
    sizes = [n for n in SIZES if real is None or n <= len(real)]
    rows = [("fold", *(f"{n} images" for n in sizes))]
    for name, play in folds_of(real[0].labels if real else LABELS).items():
        rows.append((name, *(_rate(play, n, real, models) for n in sizes)))
    return align_columns(rows)


def _rate(play: Play, n: int, real: Sequence[Scene] | None, models: CountModels) -> str:
    hits = 0
    for seed in range(SEEDS):
        dice = Dice(seed)
        scenes = dice.sample(real, n) if real else drawn_scenes(n, dice)
        hits += bool(report_of(play, scenes, dice, models).found)
    return f"{hits} of {SEEDS}"


if __name__ == "__main__":
    main()
