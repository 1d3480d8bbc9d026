"""What ships beside the weights is made by one command: the adapter, the picture of failures, and how words are understood."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from finetune.cli.shipping import make_adapter
from finetune.data.drawings import LABELS
from finetune.tiny.measure import Field
from finetune.tiny.report import spelled
from finetune.tiny.report.failures import ACROSS, GAP, SIDE, find_failures, tile
from pdc.domain.values import Box, Findings, Mark, Question
from pdc.files import sha256
from pdc.inference.adapter_folder import verify
from pdc.inference.predictors.base import Answer
from pdc.settings import EMBEDDED_MODEL


@pytest.mark.slow
@pytest.mark.nightly
def test_one_command_makes_the_adapter_that_ships_the_same_each_time_and_in_place_of_the_old(tmp_path: Path):
    model = tmp_path / "pdc-tiny"
    shutil.copytree(EMBEDDED_MODEL, model)
    digests = []
    for _ in range(2):
        made = make_adapter(model, tmp_path / "out", "rods-9", 2, "none", images=5, replay=0.0, replay_data=None, rank=4)
        digests.append(sha256(made / "adapter_model.safetensors"))
    assert digests[0] == digests[1] and [p.name for p in (model / "adapters").iterdir()] == ["rods-9"]
    manifest = verify(made, "pdc-tiny", model)
    assert list(manifest.serves) == ["bacterium"] and "golden.json" in manifest.files
    assert json.loads((tmp_path / "out" / "adapter.json").read_text())["candidate"]["n"] == 1


class Knows:
    """Finds the one true box where it is asked for it in a word that it knows, and elsewhere nothing."""

    def __init__(self, *words: str) -> None:
        self.words, self.asked = words, Counter()

    def predict(self, image: Image.Image, question: Question) -> Answer:
        (word,) = question.labels
        self.asked[word] += 1
        marks = (Mark("m1", Box(10, 10, 30, 30), word),) if word in self.words else ()
        return Answer(Findings(marks), "[]", "tiny", None, "compact-1", 0.1)


def test_each_spelling_is_asked_word_for_word(tmp_path: Path):
    Image.new("RGB", (60, 60)).save(tmp_path / "a.png")
    true = Findings((Mark("t", Box(10, 10, 30, 30), "platelet"),))
    knows = Knows("platelet", "PLT")
    found = spelled.measure(knows, {"blood_cells": [Field(tmp_path / "a.png", true, ("platelet",))]}, lambda line: None)
    f1 = {word: value[0] for word, value in found["platelet"]["spellings"].items()}
    assert found["platelet"]["n"] == 1 and len(f1) == spelled.SPELLINGS and set(knows.asked) == set(f1)
    assert f1["platelet"] == f1["PLT"] == 1 and f1["PLATELET"] == 0


class Blind:
    """Sees nothing."""

    def predict(self, image: Image.Image, question: Question) -> Answer:
        assert question.labels == LABELS
        return Answer(Findings(), "[]", "tiny", None, "compact-1", 0.1)


def test_the_picture_of_failures_shows_the_worst_drawings_with_what_was_missed(tmp_path: Path):
    found = find_failures(Blind(), tmp_path, each=1)
    assert [len(j.missed) for j in found] == sorted((len(j.missed) for j in found), reverse=True)
    page = tile(found)
    assert page.size == (ACROSS * (SIDE + GAP) - GAP, SIDE)
    assert any(r > 230 and 100 < g < 180 and b < 40 for _, (r, g, b) in page.getcolors(1 << 20))  # the colour of what was missed
