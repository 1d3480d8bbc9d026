"""The score per label below which a mark is doubtful, chosen on `dev` images and kept in the model's pdc.json.

Of the thresholds at which F1 is not lower than without one and KEPT of the images with the label still show a mark of it,
the one with the least error of the count, over the images and over pieces of polyp frames that show none. New weights
have other scores: choose again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from finetune.tiny.clean import Piece, clean_piece
from finetune.tiny.measure import Field, fields
from finetune.tiny.prompts import OWN
from pdc.domain.matching import match
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.inference.adapter_folder import MANIFEST
from pdc.inference.predictors.base import Predictor

STEPS = tuple(round(0.05 * i, 2) for i in range(17))
KEPT = 0.8
CLEAN = "polyps"  # most frames of an endoscopy show none; a field of cells without cells is rare


@dataclass(frozen=True, slots=True)
class Seen:
    """What is in an image, and what was found there, whatever its score. No truth: a piece that shows none."""

    true: tuple[Mark, ...]
    found: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """What a threshold does for a label: F1 at an IoU of 0.5 and the count's error on images, the share of images with the
    label that show a mark of it, and of clean pieces that do (None: there are none)."""

    threshold: float
    f1: float
    count: float
    kept: float
    alarms: float | None


def choose(predictor: Predictor, data: Path, limit: int, say: Callable[[str], None] = print) -> dict[str, list[Row]]:
    """Every label's rows on the first `limit` dev images of each kind, the chosen one first; says them."""
    chosen: dict[str, list[Row]] = {}
    kinds = fields(data, limit)
    for source, labels in ((s, OWN[s]) for s in OWN if s in kinds):
        some = [f for kind, found in kinds.items() if kind.split(",")[0] == source for f in found]
        seen = [_seen(predictor, f.path, f.labels, f.true.marks) for f in some]
        clean = [s for f in some if (s := _clean(predictor, f)) is not None] if source == CLEAN else []
        for label in labels:
            rows = [row(seen, clean, label, t) for t in STEPS]
            best = best_of(rows)
            chosen[label] = [best, *rows]
            say(f"{label}: {len(seen)} images, {len(clean)} clean pieces; below {best.threshold:.2f} a mark is doubtful")
            for r in rows:
                say("  " + _shown(r))
    return chosen


def row(seen: Sequence[Seen], clean: Sequence[Seen], label: str, threshold: float) -> Row:
    """What the threshold does for the label; the count's error is over images and clean pieces, per true object."""
    pairs = [(_of(s.true, label), _of(s.found, label, threshold)) for s in seen]
    hits = sum(2 * len(match(found, true)) for true, found in pairs)
    n = sum(len(true) for true, _ in pairs)
    alarms = [len(_of(s.found, label, threshold)) for s in clean]
    error = sum(abs(len(found) - len(true)) for true, found in pairs) + sum(alarms)
    there = [bool(found) for true, found in pairs if true]
    said = sum(len(found) for _, found in pairs)
    return Row(
        threshold,
        hits / max(n + said, 1),
        error / max(n, 1),
        sum(there) / max(len(there), 1),
        sum(map(bool, alarms)) / len(alarms) if alarms else None,
    )


def best_of(rows: Sequence[Row]) -> Row:
    """The row to serve with, of rows whose first has no threshold; of equals the lowest threshold."""
    free = rows[0]
    fit = [r for r in rows if r.f1 >= free.f1 and r.kept >= KEPT * free.kept]
    return min(fit, key=lambda r: (round(r.count, 6), r.threshold))


def _of(marks: Sequence[Mark], label: str, threshold: float = 0.0) -> list[Mark]:
    return [m for m in marks if m.label == label and (m.score is None or m.score >= threshold)]


def _seen(predictor: Predictor, path: Path, labels: Sequence[str], true: tuple[Mark, ...], piece: Piece | None = None) -> Seen:
    with Image.open(path) as file:
        image = file.convert("RGB")
    answer = predictor.predict(image.crop(piece) if piece else image, Question(Task.COUNT_AND_BOX, tuple(labels)))
    return Seen(true, (answer.findings or Findings()).marks)


def _clean(predictor: Predictor, field: Field) -> Seen | None:
    """A piece of the image that shows none of its objects, if there is one that is large enough."""
    with Image.open(field.path) as file:
        piece = clean_piece(file.size, [m.shape for m in field.true.marks if isinstance(m.shape, Box)])
    return _seen(predictor, field.path, field.labels, (), piece) if piece else None


def _shown(r: Row) -> str:
    alarms = "" if r.alarms is None else f"  clean pieces with a mark {r.alarms:.2f}"
    return f"{r.threshold:.2f}  F1 {r.f1:.3f}  count error {r.count:.3f}  images with a mark {r.kept:.2f}{alarms}"


def choose_folder(model: Path, data: Path, out: Path, limit: int, quantization: str) -> None:
    """Choose for a finished model folder in the serving quantization: into its pdc.json, and all rows into `out`."""
    from pdc.inference.predictors.local import LocalPredictor
    from pdc.inference.qwen import load

    predictor = LocalPredictor(lambda: load(str(model), quantization=quantization))
    predictor.load()
    rows = choose(predictor, data, limit)
    kept = {label: [asdict(r) for r in some[1:]] for label, some in rows.items()}
    (out / "thresholds.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    path = model / MANIFEST
    described = json.loads(path.read_text(encoding="utf-8"))
    described["thresholds"] = {label: some[0].threshold for label, some in rows.items() if some[0].threshold}
    path.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
