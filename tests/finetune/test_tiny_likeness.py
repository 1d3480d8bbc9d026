"""The embedded model learns what its own images look like: kinds from `train`, and what a distance means from `dev`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finetune.cli.main import main
from finetune.tiny import LABELS, SOURCES
from finetune.tiny.prompts import OWN
from finetune.tiny.report.likeness import auroc, called_unlike, learn, measure, noise_images, plain_images
from pdc.domain.doubt import UNLIKE
from pdc.inference.likeness import describe, load_known
from pdc.settings import EMBEDDED_MODEL

COLOURS = {"blood_cells": (200, 120, 140), "nuclei": (20, 20, 30), "polyps": (190, 90, 60)}


def write_data(folder: Path, train: int, dev: int) -> Path:
    """Three kinds of images, each of its own colour with some spread and grain, and one box in each."""
    rng = np.random.default_rng(0)
    for source in SOURCES:
        (folder / source).mkdir(parents=True)
        for split, n in (("train", train), ("dev", dev)):
            images, boxes = [], []
            for i in range(n):
                pixels = rng.normal(COLOURS[source] + rng.normal(0, 5, 3), 8, (56, 84, 3))
                name = f"{split}{i}.png"
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / source / name)
                images.append({"id": i, "file_name": name, "width": 84, "height": 56, "group": name})
                boxes.append({"id": i, "image_id": i, "category_id": 1, "bbox": [4, 4, 20, 20], "area": 400, "iscrowd": 0})
            coco = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": OWN[source][0]}]}
            (folder / source / f"{split}.json").write_text(json.dumps(coco))
    return folder


def see(images) -> np.ndarray:
    """Every pixel as a token of three numbers."""
    return np.stack([describe(np.asarray(image).reshape(-1, 3)) for image in images])


def test_auroc_counts_ties_half():
    assert auroc(np.array([1.0, 2.0]), np.array([3.0])) == 1 and auroc(np.array([3.0]), np.array([1.0, 2.0])) == 0
    assert auroc(np.array([1.0, 2.0]), np.array([2.0])) == 0.75


def test_as_many_images_of_a_kind_are_called_unlike_it_as_promised():
    shares = [called_unlike(np.random.default_rng(seed).normal(0, 1, 400)) for seed in range(5)]
    assert 0 < np.mean(shares) <= UNLIKE


def test_each_label_is_compared_with_the_images_of_its_own_kind(tmp_path: Path):
    said: list[str] = []
    known, others = learn(see, write_data(tmp_path, 60, 60), said.append)
    assert set(known.labels) == set(LABELS) and known.labels["polyp"] == "polyps"
    groups = {**others, "plain": see([*plain_images()]), "noise": see([*noise_images()])}
    numbers = measure(known, groups, said.append)
    for source, row in numbers.items():
        assert row["n"] == 60 and row["called unlike"] <= 0.05
        assert set(row["auroc"]) == groups.keys() - {source}
        assert all(low <= value <= high and value > 0.95 for value, low, high in row["auroc"].values())
    polyp = known.compare(others["polyps"][0])
    assert polyp["polyp"] > UNLIKE > polyp["nucleus"]
    assert sum("called unlike" in line for line in said) == 3


@pytest.mark.slow
@pytest.mark.nightly
def test_one_command_learns_them_into_the_models_folder(tmp_path: Path):
    model = tmp_path / "pdc-tiny"
    shutil.copytree(EMBEDDED_MODEL, model, ignore=shutil.ignore_patterns("likeness.safetensors", "adapters"))
    data = write_data(tmp_path / "data", 8, 6)
    given = ["--data", str(data), "--out", str(tmp_path / "out"), "--start", str(model), "--quantization", "none"]
    assert main(["tiny", "--stages", "likeness", *given]) == 0
    assert set(load_known(model).labels) == set(LABELS)
    assert (model / "likeness.safetensors").stat().st_size < 2**20
    assert set(json.loads((tmp_path / "out" / "likeness.json").read_text())) == set(SOURCES)
