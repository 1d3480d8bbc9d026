"""Stage expert: the trained teacher becomes an expert beside the model, if it answers its label better than the model does.

Measured on all dev frames and on clean pieces of them, answer by answer against the model as it serves: the change of
F1 is drawn over groups, and its 95 % interval must lie above 0. The expert is tried instead of the model and beside it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finetune.evaluate.bootstrap import Estimate
from finetune.evaluate.conformal import Seen, choose
from finetune.evaluate.metrics import ScoredAnswer, change, evaluate
from finetune.evaluate.views import Answers, View
from finetune.tiny import LABELS
from finetune.tiny.experts.folding import folded
from finetune.tiny.measure import answers_of, fields
from finetune.tiny.report.negatives import cut_pieces
from pdc import files
from pdc.domain.errors import BadSetting
from pdc.domain.values import Findings, Mark, Question, Task
from pdc.inference.experts.base import MANIFEST, Expert, ExpertManifest, Mode
from pdc.inference.experts.registry import FOLDER, load_expert
from pdc.inference.predictors.experts import SharedQuestion

SOURCE, LABEL, NAME = "polyps", "polyp", "polyp-lite0"
QUESTION = Question(Task.COUNT_AND_BOX, (LABEL,))
PIXELS = 280 * 280
LOW = 0.1  # scores from which an expert speaks while its threshold is chosen
DOUBTFUL = 2 / 3  # of its threshold: from there its marks are shown as doubtful
LICENCE = "Apache-2.0 (EfficientNet-Lite0's ImageNet weights, and this network)"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Shown:
    """A dev frame or a piece of one, what is in it, in its own pixels, and the group that it belongs to."""

    view: View
    true: tuple[Mark, ...]
    group: str


@dataclass(frozen=True, slots=True)
class Gain:
    """What an expert scores in a mode, and the change of F1 from the model to it."""

    mode: Mode
    f1: Estimate | None
    change: Estimate | None

    @property
    def is_sure(self) -> bool:
        return self.change is not None and self.change.low > 0


def export_folder(model: Path, data: Path, out: Path, limit: int, quantization: str) -> None:
    """From OUT/teach.pt into the model's folder, if it gains; `limit` does not hold: all dev frames are asked about."""
    staged = write_expert(out / "teach.pt", out / FOLDER / LABEL)
    keep_if_better(staged, model, answers_of(model, quantization), *shown(data), print)


def write_expert(checkpoint: Path, folder: Path) -> Path:
    """The teacher of a checkpoint as an expert in `folder`, without thresholds yet. BadSetting when there is no teacher."""
    import torch
    from safetensors.torch import save

    from finetune.tiny.teacher import load_teacher

    if not checkpoint.is_file():
        raise BadSetting(f"There is no teacher {checkpoint}; run the stage teach first.")
    state = {name: weight.half().contiguous() for name, weight in folded(load_teacher(checkpoint)).items()}
    folder.mkdir(parents=True, exist_ok=True)
    files.write(folder / "weights.safetensors", save(state))
    steps = torch.load(checkpoint, weights_only=True)["step"]
    about = {"trained": f"python -m finetune tiny --stages teach, {steps} steps, from ImageNet's weights"}
    weights = files.sha256(folder / "weights.safetensors")
    write_manifest(
        folder,
        ExpertManifest(
            NAME, "efficientnet-lite0", (LABEL,), LABELS, PIXELS, weights, least=LOW, flips=True, licence=LICENCE, about=about
        ),
    )
    return folder


def write_manifest(folder: Path, manifest: ExpertManifest) -> None:
    files.write(folder / MANIFEST, (json.dumps(manifest.to_json(), indent=2) + "\n").encode())


def shown(data: Path) -> tuple[list[Shown], list[Shown]]:
    """(every dev frame and clean pieces of frames, pieces that show an object), as the model's negatives are measured."""
    frames = fields(data, 0)[SOURCE]
    cut = cut_pieces(frames)
    clean = [Shown(p.clean, (), str(p.clean_field.group)) for p in cut]
    with_it = [Shown(p.shown, p.true, str(p.shown_field.group)) for p in cut]
    return [*(Shown(View(f.path), f.true.marks, str(f.group)) for f in frames), *clean], with_it


def keep_if_better(staged: Path, model: Path, answers: Answers, some: list[Shown], pieces: list[Shown], say: Say) -> bool:
    """Choose the expert's threshold and mode, and copy it into the model's folder if it is surely better there on `some`. Its
    promised recall is kept on the `pieces` with an object too."""
    manifest = replace(ExpertManifest.read(staged), least=LOW, thresholds={})
    write_manifest(staged, manifest)
    expert = load_expert(staged)
    boxes = _found(expert, some)
    threshold = _threshold(some, boxes, [_seen(pieces, _found(expert, pieces))] if pieces else [])
    manifest = replace(manifest, thresholds={LABEL: threshold}, least=max(LOW, round(DOUBTFUL * threshold, 4)))
    boxes = [[m for m in marks if (m.score or 0.0) >= manifest.least] for marks in boxes]
    model_said = [answers.ask(s.view, QUESTION.task, QUESTION.labels).findings for s in some]
    before = _scored(some, model_said)
    gains = [_gain(before, some, boxes, model_said, replace(manifest, mode=mode)) for mode in Mode]
    best = max(gains, key=lambda g: g.change.value if g.change else -1.0)
    f1 = evaluate(before, model=model.name, adapter=None).overall.f1
    say(f"{LABEL}: F1 of the model {f1} on {len(some)} frames and clean pieces; below {threshold:.2f} a mark is doubtful")
    for g in gains:
        say(f"  {manifest.name}, {g.mode} the model: F1 {g.f1}, change {g.change}")
    numbers: dict[str, Any] = {"n": len(some), "model": str(f1), "expert": str(best.f1), "change": str(best.change)}
    write_manifest(staged, replace(manifest, mode=best.mode, about={**manifest.about, "measured": numbers}))
    if not best.is_sure:
        say(f"{manifest.name} is not written: the interval of its change does not lie above 0.")
        return False
    shutil.copytree(staged, model / FOLDER / LABEL, dirs_exist_ok=True)
    say(f"{manifest.name} is written into {model / FOLDER / LABEL}.")
    return True


def _found(expert: Expert, some: Sequence[Shown]) -> list[list[Mark]]:
    return [list(expert.find([s.view.image()], (LABEL,))[0]) for s in some]


def _seen(some: Sequence[Shown], boxes: Sequence[Sequence[Mark]]) -> list[Seen]:
    return [Seen(s.true, tuple(found)) for s, found in zip(some, boxes, strict=True)]


def _threshold(some: Sequence[Shown], boxes: Sequence[Sequence[Mark]], apart: Sequence[Sequence[Seen]]) -> float:
    """As the thresholds of labels are chosen."""
    return choose(_seen(some, boxes), LABEL, apart=apart)[0].threshold


def _gain(
    before: Sequence[ScoredAnswer],
    some: Sequence[Shown],
    boxes: Sequence[Sequence[Mark]],
    model_said: Sequence[Findings | None],
    manifest: ExpertManifest,
) -> Gain:
    put = QUESTION if manifest.mode is Mode.BESIDE else None
    asked = SharedQuestion(QUESTION, {LABEL: manifest}, put)
    said = [asked.findings(found, other if put else None) for found, other in zip(boxes, model_said, strict=True)]
    after = _scored(some, said)
    f1 = evaluate(after, model=manifest.name, adapter=None).overall.f1
    return Gain(manifest.mode, f1, change(before, after))


def _scored(some: Sequence[Shown], said: Sequence[Findings | None]) -> list[ScoredAnswer]:
    return [
        ScoredAnswer(str(s.view), QUESTION, Findings(s.true, {LABEL: len(s.true)}), found, s.group)
        for s, found in zip(some, said, strict=True)
    ]
