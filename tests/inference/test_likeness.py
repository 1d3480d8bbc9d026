"""An image is compared with the training images of a label by what the vision tower sees; an answer says so before its marks."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from model_servers import serving
from PIL import Image

from pdc.domain.doubt import UNLIKE, unlike
from pdc.domain.errors import BadModel
from pdc.domain.values import Question, Task
from pdc.inference.adapter_folder import labels_served
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.fingerprints import LIKENESS, fingerprint
from pdc.inference.likeness import NOTHING, ImageKind, KnownImages, describe, known_beside, load_known
from pdc.inference.openai.http import HttpClient
from pdc.inference.openai.remote import RemotePredictor
from pdc.inference.openai.server import ModelServer
from pdc.inference.predictors.base import Answer, SoFar
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.qwen import load
from pdc.settings import EMBEDDED_MODEL

CELL, POLYP = "red blood cell", "polyp"
CELLS = Question(Task.COUNT_AND_BOX, (CELL,))


def descriptions(n: int, seed: int, at: float = 0.0) -> np.ndarray:
    """float32 [n, 96] that vary along a few directions, and hardly along others."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(0).normal(0, 1, (5, 96))
    return (at + rng.normal(0, 1, (n, 5)) @ directions + rng.normal(0, 0.1, (n, 96))).astype(np.float32)


@pytest.fixture(scope="module")
def kind() -> ImageKind:
    return ImageKind.of(descriptions(300, 1), descriptions(200, 2))


def test_few_images_of_a_kind_are_called_unlike_it_and_those_of_another_are(kind: ImageKind):
    shares = np.array([kind.share(one) for one in descriptions(1000, 3)])
    assert 0.01 < (shares < UNLIKE).mean() < 0.05
    assert 0.4 < shares.mean() < 0.6  # any share is as probable as any other
    assert all(kind.share(one) < UNLIKE for one in descriptions(50, 4, at=1.0))


def test_what_varies_little_within_a_kind_tells_others_most(kind: ImageKind):
    common = np.random.default_rng(0).normal(0, 1, (5, 96))[0]
    rare = np.random.default_rng(9).normal(0, 1, 96)
    rare *= np.linalg.norm(common) / np.linalg.norm(rare)
    assert kind.distance(kind.center + rare) > 5 * kind.distance(kind.center + common)


def test_a_kind_of_few_images_measures_the_directions_too_in_which_they_do_not_vary():
    few = ImageKind.of(descriptions(6, 1), descriptions(40, 2))
    assert len(few.axes) == 3
    assert few.distance(descriptions(1, 5, at=4.0)[0]) > few.distances.max()


def test_kinds_come_back_from_their_file_and_each_label_is_compared_with_its_own(kind: ImageKind, tmp_path: Path):
    other = ImageKind.of(descriptions(300, 5, at=1.0), descriptions(200, 6, at=1.0))
    KnownImages({"a": kind, "b": other}, {"Zelle": "a", "polyp": "b", "nucleus": "a"}).save(tmp_path)
    known, image = load_known(tmp_path), descriptions(1, 7)[0]
    assert set(known.labels) == {"Zelle", "polyp", "nucleus"}
    assert known.compare(image) == {
        "Zelle": round(kind.share(image), 4),
        "polyp": round(1 / 201, 4),
        "nucleus": round(kind.share(image), 4),
    }
    assert known.without({"Zelle", "nucleus"}).compare(image).keys() == {"polyp"}


def test_a_folder_that_says_nothing_of_its_images_gives_no_verdict_and_a_damaged_file_is_refused(tmp_path: Path):
    assert load_known(tmp_path) is NOTHING and load_known("Qwen/Qwen2.5-VL-7B-Instruct") is NOTHING
    (tmp_path / LIKENESS).write_bytes(b"x" * 100)
    with pytest.raises(BadModel, match="damaged"):
        load_known(tmp_path)


def test_of_labels_that_an_adapter_was_corrected_on_nothing_is_said(kind: ImageKind, tmp_path: Path):
    base = KnownImages({"a": kind}, {"polyp": "a", "nucleus": "a"})
    assert known_beside(tmp_path, base) is NOTHING  # it answers everything
    (tmp_path / "pdc.json").write_text('{"serves": ["nucleus", "bacterium"]}')
    assert set(known_beside(tmp_path, base).labels) == {"polyp"}
    assert labels_served(SHIPPED) and known_beside(SHIPPED, base) is NOTHING  # it changes what is seen


def test_learning_what_images_look_like_makes_no_other_base_model_of_it(kind: ImageKind, tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    before = fingerprint(tmp_path)
    KnownImages({"a": kind}, {"polyp": "a"}).save(tmp_path)
    assert (tmp_path / LIKENESS).is_file() and fingerprint(tmp_path) == before


# With the model


def noise(n: int, seed: int = 0) -> list[Image.Image]:
    return [Image.fromarray(np.random.default_rng(seed + i).integers(0, 256, (120, 160, 3), np.uint8)) for i in range(n)]


def drawn(seeds: Sequence[int]) -> list[Image.Image]:
    from finetune.data.drawings import smear

    return [Image.fromarray(smear(np.random.default_rng(seed), (160, 120)).image) for seed in seeds]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory) -> LocalPredictor:
    """The embedded model, which knows red blood cells from drawn smears, and polyps from noise."""
    from pdc.inference.decoding import Decoder

    folder = tmp_path_factory.mktemp("learnt") / "pdc-tiny"
    shutil.copytree(EMBEDDED_MODEL, folder)
    decoder, groups = Decoder(load(str(folder))), {"smears": drawn(range(46)), "noise": noise(46)}
    seen = {
        name: np.stack([describe(decoder.see(i).features.float().numpy()) for i in images]) for name, images in groups.items()
    }
    kinds = {name: ImageKind.of(some[:12], some[12:]) for name, some in seen.items()}
    KnownImages(kinds, {CELL: "smears", POLYP: "noise"}).save(folder)
    return LocalPredictor(lambda: load(str(folder)), lambda: wanted(folder), folder=str(folder))


SHIPPED = sorted((EMBEDDED_MODEL / "adapters").iterdir())[-1]


def wanted(folder: Path) -> AdapterRef:
    return AdapterRef(SHIPPED.name, str(folder / "adapters" / SHIPPED.name))


@pytest.mark.slow
def test_an_answer_says_for_each_label_whether_the_image_looks_like_its_training_images(learnt: LocalPredictor):
    both = Question(Task.COUNTING, (CELL, POLYP))
    smear, random = drawn([60])[0], noise(1, seed=70)[0]
    for image, known, other in ((smear, CELL, POLYP), (random, POLYP, CELL)):
        likeness = learnt.predict(image, both).likeness
        assert likeness[known] > UNLIKE > likeness[other] and unlike(likeness, [other]) == (other,)
    assert learnt.predict(smear, CELLS).likeness.keys() == {CELL}


@pytest.mark.slow
def test_a_streamed_answer_says_first_that_the_image_is_unlike(learnt: LocalPredictor):
    first, *_, answer = learnt.stream(drawn([60])[0], Question(Task.COUNT_AND_BOX, (POLYP,)))
    assert isinstance(first, SoFar) and first.findings.marks == () and unlike(first.likeness) == (POLYP,)
    assert isinstance(answer, Answer) and answer.likeness == first.likeness
    known = next(iter(learnt.stream(drawn([60])[0], CELLS)))
    assert known.findings and known.findings.marks and not unlike(known.likeness)


@pytest.mark.slow
def test_of_the_labels_of_an_adapter_that_changes_what_is_seen_nothing_is_said(learnt: LocalPredictor):
    random = noise(1, seed=70)[0]
    answer = learnt.predict(random, Question(Task.COUNTING, ("bacterium", CELL)))
    assert answer.adapter == SHIPPED.name and set(answer.likeness) == {CELL}  # the base's own part of the answer
    assert unlike(learnt.predict(random, CELLS).likeness) == (CELL,)  # the base's again


@pytest.mark.slow
def test_a_server_says_it_as_the_model_itself_does(learnt: LocalPredictor):
    learnt.load()
    folder, random = learnt._folder, noise(1, seed=70)[0]
    with serving(ModelServer(learnt, "pdc-tiny", dict).app()) as url:
        remote = RemotePredictor(HttpClient(url, pause=0.01), folder, "pdc-tiny")
        first, *_, answer = remote.stream(random, CELLS)
    assert unlike(first.likeness) == unlike(answer.likeness) == (CELL,)
    assert answer.likeness == pytest.approx(learnt.predict(random, CELLS).likeness, abs=0.03)
