"""Experts of stardist and cellpose: what becomes of their numbered objects; each library itself where it is installed."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from pdc.domain.errors import BadModel
from pdc.files import sha256
from pdc.inference.experts.base import ExpertManifest
from pdc.inference.experts.segmenting_expert import SegmentingExpert, chances, load_cellpose, load_stardist, shapes_of


def manifest(*classes: str, weights: str = "") -> ExpertManifest:
    return ExpertManifest("star", "stardist", classes[:1], classes, 640**2, weights, least=0.3)


def two_objects(image: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """An ellipse and a square, and a third that lost all its pixels to the others."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    numbered = np.zeros(image.shape[:2], np.int32)
    numbered[((x - 30) / 12) ** 2 + ((y - 20) / 8) ** 2 <= 1] = 1
    numbered[40:50, 60:80] = 2
    return numbered, [0.6, 0.9, 0.8]


def test_numbered_objects_become_boxes_with_outlines_surest_first():
    (marks,) = SegmentingExpert(manifest("nucleus"), two_objects).find([Image.new("L", (100, 60))], ["nucleus"])
    assert [(m.label, m.score, m.expert) for m in marks] == [("nucleus", 0.9, "star"), ("nucleus", 0.6, "star")]
    assert marks[0].shape.xyxy == (60, 40, 80, 50) and marks[1].shape.xyxy == (18, 12, 43, 29)
    assert len(marks[1].outline[0]) > 6


def test_it_is_not_asked_about_other_labels_and_says_nothing_below_its_least():
    expert = SegmentingExpert(manifest("nucleus"), lambda image: (two_objects(image)[0], [0.1, 0.2, 0.1]))
    image = Image.new("RGB", (100, 60))
    assert expert.find([image, image], ["polyp"]) == [(), ()]
    assert expert.find([image], ["nucleus"]) == [()]


def test_a_model_that_fails_on_an_image_says_so():
    def fails(image: np.ndarray) -> tuple[np.ndarray, list[float]]:
        raise RuntimeError("no room")

    with pytest.raises(BadModel, match="fails on an image: no room"):
        SegmentingExpert(manifest("nucleus"), fails).find([Image.new("RGB", (9, 9))], ["nucleus"])


def test_the_score_of_a_cell_is_the_mean_chance_of_its_pixels():
    numbered = np.array([[0, 1, 1], [2, 2, 0]])
    logits = np.array([[9.0, 0.0, 0.0], [50.0, 50.0, -9.0]])
    assert chances(numbered, logits) == pytest.approx([0.5, 1.0])
    assert chances(np.zeros((2, 2), int), np.zeros((2, 2))) == [] and shapes_of(numbered, 0) == []


@pytest.mark.parametrize("load", [load_stardist, load_cellpose])
def test_a_model_of_two_labels_or_a_changed_file_is_refused(load, tmp_path):
    with pytest.raises(BadModel, match="one kind of object, and 2 labels"):
        load(tmp_path, manifest("nucleus", "cell"))
    with pytest.raises(BadModel, match="add it again"):
        load(tmp_path, manifest("nucleus", weights="0"))


def test_a_stardist_model_outlines_a_real_image(tmp_path):
    """Weights by lot, so what it finds means nothing; that it is loaded, asked and read is what is tried."""
    models = pytest.importorskip("stardist.models", reason="stardist is not installed")
    star = models.StarDist2D(models.Config2D(n_rays=16, grid=(2, 2), n_channel_in=1), name="lot", basedir=str(tmp_path))
    star.keras_model.save_weights(str(tmp_path / "lot" / "weights_best.weights.h5"))
    file = tmp_path / "model.zip"
    with zipfile.ZipFile(file, "w") as packed:
        for path in (tmp_path / "lot").rglob("*"):
            packed.write(path, path.relative_to(tmp_path))
    expert = load_stardist(tmp_path, manifest("nucleus", weights=sha256(file)))
    assert isinstance(expert.find([Image.effect_noise((128, 96), 60)], ["nucleus"])[0], tuple)
