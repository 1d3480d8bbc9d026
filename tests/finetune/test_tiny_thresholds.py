"""Pieces without an object, and the threshold that is chosen by them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finetune.cli.main import main
from finetune.data.drawings import smear
from finetune.tiny import LABELS, SOURCES
from finetune.tiny.clean import LEAST_SIDE, clean_piece
from finetune.tiny.prompts import OWN
from finetune.tiny.thresholds import STEPS, Seen, best_of, row
from pdc.domain.values import Box, Mark
from pdc.inference.adapter_folder import thresholds_of
from pdc.settings import EMBEDDED_MODEL


def polyp(score: float | None = None, x: float = 10.0) -> Mark:
    return Mark(f"{x}", Box(x, 10, x + 50, 60), "polyp", score=score)


def rows(seen: list[Seen], clean: list[Seen]):
    return [row(seen, clean, "polyp", t) for t in STEPS]


def test_a_clean_piece_touches_no_box_and_nothing_larger_would_do():
    rng = np.random.default_rng(0)
    for _ in range(10):
        corners = np.sort(rng.uniform(0, 256, (3, 2, 2)), axis=1).reshape(3, 4)
        boxes = [Box(*map(float, c)) for c in corners]
        piece = clean_piece((256, 256), boxes)
        free = np.ones((256, 256), bool)
        for b in boxes:
            free[int(b.y1) : int(np.ceil(b.y2)), int(b.x1) : int(np.ceil(b.x2))] = False
        assert piece is None or free[piece[1] : piece[3], piece[0] : piece[2]].all()
        area = 0 if piece is None else (piece[2] - piece[0]) * (piece[3] - piece[1])
        side = _largest_square(free)
        assert area >= side**2 or side < LEAST_SIDE


def _largest_square(free: np.ndarray) -> int:
    side = np.zeros((257, 257), int)
    for y in range(256):
        for x in range(256):
            if free[y, x]:
                side[y + 1, x + 1] = 1 + min(side[y, x], side[y + 1, x], side[y, x + 1])
    return int(side.max())


def test_an_image_that_is_full_has_no_clean_piece():
    assert clean_piece((256, 256), [Box(50, 50, 206, 206)]) is None
    assert clean_piece((256, 256), []) == (0, 0, 256, 256)


def test_the_threshold_drops_false_alarms_as_long_as_enough_images_keep_their_mark():
    sure, unsure = [Seen((polyp(),), (polyp(0.6),))] * 9, [Seen((polyp(),), (polyp(0.32),))]
    false = [Seen((), (polyp(0.28),))] * 10
    found = rows(sure + unsure, false)
    best = best_of(found)
    assert (best.threshold, best.alarms, best.kept) == (0.3, 0.0, 1.0)
    assert found[0].alarms == 1.0 and found[0].count == 1.0 and best.count == 0.0


def test_a_threshold_that_would_hide_too_many_is_not_taken():
    seen = [Seen((polyp(),), (polyp(s),)) for s in (0.2, 0.2, 0.2, 0.6, 0.6)]
    assert best_of(rows(seen, [Seen((), (polyp(0.4),))] * 50)).threshold <= 0.2


def test_where_scores_tell_nothing_there_is_no_threshold():
    assert best_of(rows([Seen((polyp(),), (polyp(0.6),))] * 5, [])).threshold == 0.0
    assert best_of(rows([Seen((polyp(),), (polyp(None),))] * 5, [Seen((), (polyp(None),))])).threshold == 0.0


@pytest.mark.parametrize("worse", [{"f1": 0.4}, {"kept": 0.3}])
def test_a_row_that_loses_f1_or_images_is_never_chosen(worse):
    free, other = (row([Seen((polyp(),), (polyp(0.6),))], [], "polyp", t) for t in (0.0, 0.3))
    assert best_of([replace(free, count=1.0), replace(other, count=0.0, **worse)]).threshold == 0.0
    assert best_of([replace(free, count=1.0), replace(other, count=0.0)]).threshold == 0.3


def _source(folder: Path, name: str) -> None:
    """One drawn smear as a kind of image, with a box of that kind's first label."""
    folder.mkdir()
    Image.fromarray(smear(np.random.default_rng(5), (256, 256)).image).save(folder / "1.png")
    boxes = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 60, 60]}]
    images = [{"id": 1, "file_name": "1.png", "width": 256, "height": 256}]
    names = [{"id": i, "name": label} for i, label in enumerate(OWN[name], start=1)]
    (folder / "dev.json").write_text(json.dumps({"images": images, "annotations": boxes, "categories": names}))
    (folder / "train.json").write_text("{}")


def test_one_command_chooses_thresholds_for_a_finished_model_and_keeps_what_else_its_folder_says(tmp_path: Path):
    data, model, out = (tmp_path / name for name in ("data", "model", "out"))
    shutil.copytree(EMBEDDED_MODEL, model, ignore=shutil.ignore_patterns("adapters", "*.webp"))
    data.mkdir()
    for name in SOURCES:
        _source(data / name, name)
    before = json.loads((model / "pdc.json").read_text())
    (model / "pdc.json").write_text(json.dumps({**before, "thresholds": {"something old": 0.9}}))
    assert main(["tiny", "--stages", "thresholds", "--start", str(model), "--data", str(data), "--out", str(out)]) == 0
    after = json.loads((model / "pdc.json").read_text())
    assert {**after, "thresholds": 0} == {**before, "thresholds": 0}
    rows = json.loads((out / "thresholds.json").read_text())
    assert set(rows) == set(LABELS) and set(thresholds_of(model)) <= set(LABELS)
    assert [r["threshold"] for r in rows["polyp"]] == list(STEPS)
    assert rows["polyp"][0]["alarms"] is not None and rows["nucleus"][0]["alarms"] is None
