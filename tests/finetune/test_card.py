"""The model card: its tables come from the files that the stages leave, and nothing else of it changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from finetune.cli.main import main
from finetune.tiny import SOURCES
from finetune.tiny.measure import BOXES, COUNT
from finetune.tiny.report.blocks import BLOCKS, Measured
from finetune.tiny.report.card import rewrite
from pdc.domain.errors import BadSetting
from pdc.settings import EMBEDDED_MODEL

E = [0.5, 0.4, 0.61]
SAID = "0.50 [0.40, 0.61]"
MEASURED = {
    "nuclei": {"n": 7, "groups": None, BOXES: E, COUNT: None, "seconds": [0.31, 0.9]},
    "one label": {"platelet": {"alone": E, "together": [0.8, 0.6, 1.0]}},
    "tasks agree": [1.0, 1.0, 1.0],
    "negatives": {
        "none": {"text": {"n": 20, "none": E}},
        "none where something is": {"blood_cells": {"n": 60, "none": [0.0, 0.0, 0.0]}},
        "pieces": {"as they are": {"pairs": 9, "counted": {"clean": E, "with an object": [0.9, 0.8, 1.0]}, "AUROC": E}},
        "FROC": {"frames": 4, "clean pieces": 2, "IoU 0.5": {"0.125": E, "1": [0.7, 0.6, 0.8]}},
        "several": {"frames": 3, "there": 7, "said": 5, "found": 4},
    },
}
ROWS = [{"threshold": t, "f1": 0.6 + t / 10, "count": 0.3, "kept": 0.9, "alarms": 0.2} for t in (0.0, 0.3, 0.45)]
ROBUST = {
    "rows": [
        {"kind": "polyps", "name": n, "severity": s, "images": 50, "f1": e, "change": c, "expected": e, "count_error": None}
        for n, s, e, c in (
            ("clean", "", {"value": 0.9, "low": 0.8, "high": 1.0}, None),
            ("blur", "much", {"value": 0.5, "low": 0.4, "high": 0.6}, {"value": -0.4, "low": -0.5, "high": -0.3}),
        )
    ],
    "spearman": {"value": 0.85, "low": 0.7, "high": 0.9},
    "spearmans": {"polyps": None},
}
EXPERT = {
    "name": "lite",
    "labels": ["polyp"],
    "mode": "instead",
    "thresholds": {"polyp": 0.35},
    "about": {"measured": {"n": 9, "model": "0.6", "expert": "0.9", "change": "0.3 [0.2, 0.4]"}},
}


@pytest.fixture
def measured(tmp_path) -> Measured:
    """A model and a working folder in which every stage left its numbers."""
    model, out = tmp_path / "model", tmp_path / "out"
    model.mkdir()
    out.mkdir()
    (model / "pdc.json").write_text(json.dumps({"name": "m", "thresholds": {"polyp": 0.45}}))
    files = {
        "measured": MEASURED,
        "thresholds": {"polyp": ROWS, "nucleus": [{**row, "alarms": None} for row in ROWS]},
        "robustness": ROBUST,
        "likeness": {"blood_cells": {"n": 4, "called unlike": 0.05, "auroc": {"noise": E, "polyps": [1.0, 1.0, 1.0]}}},
    }
    e = dict(zip(("value", "low", "high"), E, strict=True))
    overall = {"f1": e, "count_mae": e}
    sides = {
        "base": {"adapter": None, "overall": {**overall, "f1": None}},
        "candidate": {"adapter": "rods-1", "overall": overall},
    }
    files |= {"words": {"polyp": {"n": 6, "spellings": {"polyp": E, "Polypen": None}}}, "adapter": {"n": 8, **sides}}
    (model / "experts" / "polyp").mkdir(parents=True)
    (model / "experts" / "polyp" / "expert.json").write_text(json.dumps(EXPERT))
    for name, value in files.items():
        (out / f"{name}.json").write_text(json.dumps(value))
    return Measured(model, out)


def card(*names: str) -> str:
    return "".join(f"Before {name}.\n\n<!-- numbers: {name} -->\nold {name}\n<!-- end -->\n\n" for name in names) + "The end.\n"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("measure", f"| nuclei, fields of up to 40 | 7 | {SAID} | - | 0.31 |"),
        ("one label", f"| platelet | {SAID} | 0.80 [0.60, 1.00] |"),
        ("tasks agree", "All five tasks come to the same count on a share of 1.00 [1.00, 1.00] of the images."),
        ("none", f"| text | 20 | {SAID} |"),
        ("none", "| blood cells, with objects | 60 | 0.00 [0.00, 0.00] |"),
        ("pieces", f"| as they are | 9 | {SAID} | 0.90 [0.80, 1.00] | {SAID} |"),
        ("FROC", f"| IoU 0.5 | {SAID} | 0.70 [0.60, 0.80] |"),
        ("several", "3 frames with several polyps hold 7; it said 5, of which 4 were right."),
        ("polyp thresholds", "| polyp counted from a score of | 0.00 | 0.30 | **0.45** |"),
        ("polyp thresholds", "| images without one: false alarms | 20 % | 20 % | **20 %** |"),
        ("thresholds", "| polyp | 0.45 | 0.600, 0.645 | 0.300, 0.300 | 90 % | 20 % |"),
        ("thresholds", "| nucleus | none | 0.600 | 0.300 | 90 % | - |"),
        ("robustness", "| blur, much | **0.50, -0.40 [-0.50, -0.30]** |"),
        ("likeness", "| asked for | its images | called unlike | AUROC against noise | AUROC against polyps |"),
        ("likeness", f"| blood cells | 4 | 5.0 % | {SAID} | 1.00 [1.00, 1.00] |"),
        ("expert", "| lite | polyp, 0.35 | instead of the model | 9 | 0.6 | 0.9 | 0.3 [0.2, 0.4] |"),
        ("words", "| polyp | 6 | polyp 0.50, Polypen - |"),
        (
            "adapter",
            f"`rods-1`, on the 8 images that it held out: F1 - before, {SAID} after; "
            f"count error an image {SAID} before, {SAID} after.",
        ),
    ],
)
def test_each_block_says_what_its_stage_measured(measured: Measured, name: str, line: str):
    text, written, kept = rewrite(card(name), measured)
    assert line in text.splitlines() and (written, kept) == ([name], [])
    assert f"old {name}" not in text and text.startswith(f"Before {name}.\n") and text.endswith("<!-- end -->\n\nThe end.\n")


def test_writing_twice_is_writing_once(measured: Measured):
    once = rewrite(card(*BLOCKS), measured)[0]
    assert rewrite(once, measured)[0] == once


def test_what_was_not_measured_stays_as_it_is(measured: Measured, tmp_path: Path):
    shutil.rmtree(measured.model / "experts")
    nothing = Measured(measured.model, tmp_path / "empty")
    assert rewrite(card(*BLOCKS), nothing) == (card(*BLOCKS), [], list(BLOCKS))
    (measured.out / "robustness.json").unlink()
    text, _, kept = rewrite(card(*BLOCKS), measured)
    assert kept == ["robustness", "expert"] and "old robustness" in text and "old measure" not in text


@pytest.mark.parametrize(
    ("text", "said"),
    [("<!-- numbers: measure -->\nold\n", "not closed"), (card("measure", "weather"), "no stage measures: weather")],
)
def test_a_card_that_cannot_be_filled_is_refused_with_a_reason(measured: Measured, text: str, said: str):
    with pytest.raises(BadSetting, match=said):
        rewrite(text, measured)


def test_the_shipped_card_has_every_block(measured: Measured):
    text, written, kept = rewrite((EMBEDDED_MODEL / "README.md").read_text("utf-8"), measured)
    assert sorted(written) == sorted(BLOCKS) and not kept and SAID in text


def test_one_command_writes_the_card_of_a_model_folder(measured: Measured, tmp_path: Path, capsys):
    for source in SOURCES:
        (tmp_path / "data" / source).mkdir(parents=True)
        (tmp_path / "data" / source / "train.json").write_text("{}")
    (measured.model / "README.md").write_text(card("measure", "robustness"))
    words = ["tiny", "--stages", "card", "--start", measured.model, "--data", tmp_path / "data", "--out", measured.out]
    assert main([str(w) for w in words]) == 0
    assert "wrote measure, robustness" in capsys.readouterr().out
    assert SAID in (measured.model / "README.md").read_text()
