"""The score per label below which a mark is doubtful, chosen on `dev` images and kept in the model's pdc.json.

The rule is that of `finetune.evaluate.conformal`. For polyps, pieces with one and clean pieces count as images too, and the
promise is kept on the pieces by themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from finetune.evaluate.conformal import Chosen, Row, Seen, choose
from finetune.evaluate.views import Answers, View
from finetune.tiny.crops.sizes import learnt_sizes
from finetune.tiny.crops.sources import load_split
from finetune.tiny.measure import Field, answers_of, fields
from finetune.tiny.prompts import OWN
from finetune.tiny.report.negatives import CUT, cut_pieces
from pdc.domain.values import Findings, Mark, Task
from pdc.inference.adapter_folder import MANIFEST

SHOWN_EVERY = 5  # rows
Found = dict[str, tuple[Chosen, list[Row]]]


def choose_all(answers: Answers, data: Path, limit: int, say: Callable[[str], None] = print) -> Found:
    """Every label's threshold and rows on the first `limit` dev images of each kind (0: on all); says them."""
    chosen: Found = {}
    kinds = fields(data, limit)
    for source, labels in ((s, OWN[s]) for s in OWN if s in kinds):
        some = [f for kind, found in kinds.items() if kind.split(",")[0] == source for f in found]
        seen = [_seen(answers, View(f.path), f, f.true.marks) for f in some]
        clean, shown = _pieces(answers, some) if source == CUT else ([], [])
        for label in labels:
            chosen[label] = choose([*seen, *clean], label, apart=[shown] if shown else [])
            _tell(label, *chosen[label], say)
    return chosen


def _pieces(answers: Answers, some: list[Field]) -> tuple[list[Seen], list[Seen]]:
    """Clean pieces, and those with an object."""
    cut = cut_pieces(some)
    clean = [_seen(answers, p.clean, p.clean_field, ()) for p in cut]
    return clean, [_seen(answers, p.shown, p.shown_field, p.true) for p in cut]


def _seen(answers: Answers, view: View, field: Field, true: tuple[Mark, ...]) -> Seen:
    return Seen(true, (answers.ask(view, Task.COUNT_AND_BOX, field.labels).findings or Findings()).marks)


def _tell(label: str, chosen: Chosen, rows: list[Row], say: Callable[[str], None]) -> None:
    most = "none" if chosen.most is None else f"{chosen.most:.2f}"
    say(
        f"{label}: {chosen.n} images and pieces with it, {chosen.negatives} without; below {chosen.threshold:.2f} a mark is "
        f"doubtful (highest that keeps {100 * chosen.share:.0f} %, with probability {1 - chosen.delta:.1f}: {most})"
    )
    for row in [r for i, r in enumerate(rows) if i % SHOWN_EVERY == 0 or r.threshold == chosen.threshold]:
        say("  " + _shown(row))


def _shown(r: Row) -> str:
    alarms = "" if r.alarms is None else f"  without it, with a mark {r.alarms:.2f}"
    return f"{r.threshold:.2f}  F1 {r.f1:.3f}  count error {r.count:.3f}  with it, with a mark {r.kept:.2f}{alarms}"


def choose_folder(model: Path, data: Path, out: Path, limit: int, quantization: str) -> None:
    """Choose for a finished model folder in the serving quantization: into its pdc.json, where the sizes come first by which
    its looks are chosen, and all rows into `out`."""
    path = model / MANIFEST
    described = {**json.loads(path.read_text(encoding="utf-8")), "sizes": learnt_sizes(load_split(data, "train"))}
    path.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")  # answers depend on them
    answers = answers_of(model, quantization)
    found = choose_all(answers, data, limit)
    kept = {label: [r.to_json() for r in rows] for label, (_, rows) in found.items()}
    (out / "thresholds.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    described["thresholds"] = {label: chosen.threshold for label, (chosen, _) in found.items() if chosen.threshold}
    described["notes"] = {**described.get("notes", {}), "thresholds": {label: c.to_json() for label, (c, _) in found.items()}}
    path.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    answers.thresholds = described["thresholds"]  # what is measured next is what serves from now on
