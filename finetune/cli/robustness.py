"""`python -m finetune evaluate --perturb`: how the answers hold when the same images are seen otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pdc import files
from pdc.inference.adapter_ref import Wanted

if TYPE_CHECKING:
    from finetune.data.dataset import Row
    from finetune.evaluate.robustness.measure import Robustness
    from pdc.domain.progress import Progress
    from pdc.settings import Settings


def measure(settings: Settings, wanted: Wanted, rows: Sequence[Row], limit: int | None, progress: Progress) -> Robustness:
    """At most `limit` of the rows, spread over all of them, asked clean and perturbed of whoever serves, experts included."""
    from finetune.data.dataset import thin_out
    from finetune.evaluate.robustness.measure import measure_robustness
    from pdc.compose import experts_of
    from pdc.inference.predictors.experts import ExpertPredictor
    from pdc.inference.predictors.local import LocalPredictor
    from pdc.inference.qwen import load

    qwen = load(settings.model, **settings.loading)
    predictor = ExpertPredictor(LocalPredictor(lambda: qwen, lambda: wanted), experts_of(settings), lambda: wanted, qwen.name)
    return measure_robustness(predictor, _kinds(thin_out(list(rows), limit or len(rows))), progress=progress)


def _kinds(rows: Sequence[Row]) -> Mapping[str, Sequence[Row]]:
    """The rows by the labels that they ask for."""
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        kinds.setdefault(", ".join(row.question.labels), []).append(row)
    return kinds


def show(found: Robustness, report: Path | None, as_json: bool) -> None:
    """Print the table, or one JSON object; `report` is a folder that gets both as files."""
    from finetune.evaluate.robustness.tables import robustness_table

    value = json.dumps(found.to_json(), ensure_ascii=False)
    print(value if as_json else robustness_table(found))
    if not as_json:
        print(
            f"\nBoxes match at IoU {found.min_iou} or more. In brackets: 95 % interval; changes are in pairs with clean images."
        )
    if report:
        write(found, report)


def write(found: Robustness, folder: Path) -> None:
    """robustness.json and robustness.md."""
    from finetune.evaluate.robustness.tables import robustness_markdown

    folder.mkdir(parents=True, exist_ok=True)
    files.write(folder / "robustness.json", (json.dumps(found.to_json(), ensure_ascii=False, indent=1) + "\n").encode())
    files.write(folder / "robustness.md", (robustness_markdown(found) + "\n").encode())
