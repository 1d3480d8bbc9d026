"""What the counts of a finished model are worth: fitted per label on `dev` images, into its pdc.json, and measured.

Of polyps the clean pieces of frames, and as many of the same sizes with a polyp, are images too: about two of five show none.
P(none) is as good as that share is right; where fewer images show none, a "none" is less sure than it says. A label that an
expert stands for is fitted a second time on what the expert and the model say together, into the expert's manifest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from finetune.evaluate.count_models import Counted, Held, counted, fit, held_out, measure
from finetune.evaluate.views import Answers, View
from finetune.tiny.measure import Field, answers_of, fields
from finetune.tiny.prompts import OWN
from finetune.tiny.report.negatives import CUT, cut_pieces
from pdc.domain.certainty.counts import CountModel
from pdc.domain.values import Mark, Task
from pdc.inference.adapter_folder import MANIFEST

FILE = "counts.json"
ENOUGH = 20  # images of a label, below which nothing is said of its counts
Say = Callable[[str], None]
Fitted = dict[str, tuple[CountModel, Held]]
Shown = tuple[View, Field, tuple[Mark, ...]]  # an image or a piece, the frame it comes from, and what is there


def calibrate(answers: Answers, data: Path, limit: int, labels: Sequence[str] | None = None, say: Say = print) -> Fitted:
    """Every label's model (or that of some), and how well models of the other images hold on each; says a line a label."""
    kinds = fields(data, limit)
    fitted: Fitted = {}
    for source in OWN:
        some = [f for kind, found in kinds.items() if kind.split(",")[0] == source for f in found]
        for label in OWN[source] if some else ():
            if labels is None or label in labels:
                seen = [_counted(answers, label, *shown) for shown in _shown(source, some)]
                if len({c.group for c in seen}) < ENOUGH:  # too few to leave some out: images stand for themselves
                    seen = [replace(c, group=str(i)) for i, c in enumerate(seen)]
                if len(seen) < ENOUGH:
                    say(f"{label}: too few images to say what a count is worth ({len(seen)}; {ENOUGH} are needed)")
                    continue
                fitted[label] = fit(seen), measure(seen, held_out(seen))
                say(_line(label, fitted[label][1]))
    return fitted


def _shown(source: str, some: Sequence[Field]) -> list[Shown]:
    whole: list[Shown] = [(View(f.path), f, f.true.marks) for f in some]
    cut = cut_pieces(some) if source == CUT else []
    clean: list[Shown] = [(p.clean, p.clean_field, ()) for p in cut]
    return [*whole, *clean, *((p.shown, p.shown_field, p.true) for p in cut)]


def _counted(answers: Answers, label: str, view: View, field: Field, true: tuple[Mark, ...]) -> Counted:
    answer = answers.ask(view, Task.COUNT_AND_BOX, field.labels)
    found = answer.findings.marks if answer.findings else ()
    return counted(label, found, true, answer.more.get(label, 0.0), field.group or str(field.path))


def _line(label: str, held: Held) -> str:
    errors = "; ".join(f"P({name}) ECE {e:.3f}, Brier {b:.3f}" for name, (e, b) in (("none", held.none), ("right", held.right)))
    return f"{label}: {held.n} images; {errors}; right {held.share_right:.2f}; range of 90 % holds {held.covered:.2f}"


def calibrate_folder(model: Path, data: Path, out: Path, limit: int, quantization: str) -> None:
    """Fit for a finished model folder in the serving quantization: into its pdc.json and its experts' manifests; how well they
    hold into `out`."""
    from pdc.inference.experts.base import MANIFEST as EXPERT
    from pdc.inference.experts.registry import FOLDER, Experts

    answers = answers_of(model, quantization)
    fitted = {"model": calibrate(answers, data, limit)}
    _keep(model / MANIFEST, fitted["model"])
    for path in sorted((model / FOLDER).glob(f"*/{EXPERT}")):
        experts = Experts(str(model))
        labels = next((m.labels for m in experts.manifests if m.name == json.loads(path.read_text("utf-8"))["name"]), ())
        fitted[path.parent.name] = calibrate(_beside(answers, experts), data, limit, labels)
        _keep(path, fitted[path.parent.name])
    numbers = {who: {label: asdict(held) for label, (_, held) in of.items()} for who, of in fitted.items()}
    (out / FILE).write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def _beside(answers: Answers, experts: Any) -> Answers:
    """Asks the model with its experts."""
    from pdc.inference.predictors.experts import ExpertPredictor

    return Answers(ExpertPredictor(answers.predictor, experts), answers.lists)  # type: ignore[arg-type]


def _keep(path: Path, fitted: Mapping[str, tuple[CountModel, Held]]) -> None:
    """Beside all else that the manifest says."""
    described = json.loads(path.read_text(encoding="utf-8"))
    described["count_models"] = {label: asdict(model) for label, (model, _) in fitted.items()}
    path.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
