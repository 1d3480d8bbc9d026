"""Experts beside the model: what they find, who is asked for which label, and what becomes of damaged ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from expert_files import write_expert
from PIL import Image

from pdc.domain.errors import BadModel
from pdc.domain.values import Box, Findings, Mark, Point, Question, Status, Task
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.experts.registry import Experts, load_expert
from pdc.inference.predictors.base import Answer, SoFar
from pdc.inference.predictors.experts import ExpertPredictor, share

PICTURE = Image.new("RGB", (90, 60), "#b06050")
WHOLE = Box(0, 0, 90, 60)
MIXED = ("platelet", "polyp", "nucleus")


class Model:
    """A model that marks one object in the corner for every label, and remembers what it was asked."""

    loaded, adapter, lora_layers = True, None, 0
    labels = frozenset({"platelet", "nucleus", "polyp"})

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.warm_up = self.load = lambda *_: None

    def predict_many(self, asked):
        return [self._answer(question) for _, question in asked]

    def stream(self, image, question, cancelled=lambda: False):
        answer = self._answer(question)
        yield SoFar(Findings(answer.findings.marks[:1]), dict.fromkeys(question.labels, 0.01))
        yield answer

    def compared(self, image, question):
        return dict.fromkeys(question.labels, 0.01)

    def _answer(self, question: Question) -> Answer:
        self.asked.append(question)
        shape = Box(0, 0, 20, 20) if question.task.has_boxes else Point(10, 10)
        marks = (
            tuple(Mark(f"m{i}", shape, n, score=0.6) for i, n in enumerate(question.labels)) if question.task.has_marks else ()
        )
        stated = {n: 1 for n in question.labels} if question.task.states_count else {}
        sure = {n: {1: 1.0} for n in question.labels}
        return Answer(Findings(marks, stated), "[]", "tiny", None, "compact-1", 0.1, sure, thresholds={"platelet": 0.2})


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    write_expert(folder / "experts" / "polyp", "polyp", thresholds={"polyp": 0.5})
    return folder


def beside(folder: Path) -> tuple[ExpertPredictor, Model]:
    model = Model()
    return ExpertPredictor(model, Experts(str(folder)), model="tiny"), model


def an_adapter(folder: Path, *labels: str) -> AdapterRef:
    folder.mkdir()
    (folder / "pdc.json").write_text(json.dumps({"name": "learnt", "serves": list(labels)}), encoding="utf-8")
    return AdapterRef("learnt", str(folder))


def test_an_expert_finds_boxes_in_pixels_of_the_image_with_their_scores(model_folder):
    expert = load_expert(model_folder / "experts" / "polyp")
    found = expert.find([PICTURE, Image.new("RGB", (10, 400)), PICTURE], ["polyp"])
    assert [[m.shape for m in some] for some in found] == [[WHOLE], [Box(0, 0, 10, 400)], [WHOLE]]
    assert {(m.label, m.score, m.expert) for some in found for m in some} == {("polyp", 0.8808, "finder")}
    assert expert.find([PICTURE], ["nucleus"]) == [()]


def test_a_label_with_an_expert_is_asked_of_it_and_the_rest_of_the_model(model_folder):
    predictor, model = beside(model_folder)
    answer = predictor.predict(PICTURE, Question(Task.COUNT_AND_BOX, MIXED))
    assert [q.labels for q in model.asked] == [("platelet", "nucleus")]
    assert [(m.label, m.expert) for m in answer.findings.marks] == [("platelet", None), ("polyp", "finder"), ("nucleus", None)]
    assert list(answer.findings.stated) == list(MIXED) and len({m.id for m in answer.findings.marks}) == 3
    assert answer.experts == ("finder",) and answer.thresholds == {"platelet": 0.2, "polyp": 0.5}
    assert answer.raw == 'finder: [{"label":"polyp","bbox_2d":[[0,0,90,60]],"counts":1}]\n[]'
    assert set(answer.counts) == {"platelet", "nucleus"}


@pytest.mark.parametrize("task", Task)
def test_the_expert_alone_answers_every_task(model_folder, task: Task):
    predictor, model = beside(model_folder)
    answer = predictor.predict(PICTURE, Question(task, ("polyp",)))
    assert not model.asked and answer.model == "tiny" and answer.adapter is None and answer.experts == ("finder",)
    assert answer.findings.count(task) == 1 and answer.findings.complete
    assert [m.shape for m in answer.findings.marks] == (
        [] if not task.has_marks else [WHOLE if task.has_boxes else Point(45, 30)]
    )
    assert answer.findings.stated == ({"polyp": 1} if task.states_count else {})


def test_marks_below_the_experts_own_threshold_are_doubtful_and_not_counted(tmp_path):
    write_expert(tmp_path / "experts" / "polyp", "polyp", thresholds={"polyp": 0.95})
    answer = beside(tmp_path)[0].predict(PICTURE, Question(Task.CNT_AND_POINT, ("polyp",)))
    assert [m.status for m in answer.findings.marks] == [Status.DOUBTFUL] and answer.findings.stated == {"polyp": 0}


def test_what_an_expert_does_not_find_is_none_and_not_left_out(tmp_path):
    write_expert(tmp_path / "experts" / "polyp", "polyp", logit=-9.0)
    answer = beside(tmp_path)[0].predict(PICTURE, Question(Task.COUNTING, ("polyp",)))
    assert answer.findings == Findings((), {"polyp": 0}) and answer.experts == ("finder",)


def test_the_experts_marks_come_first_and_stay(model_folder):
    predictor, _ = beside(model_folder)
    part, later, *_, last = predictor.stream(PICTURE, Question(Task.BOUNDING, MIXED))
    first = part.findings
    assert [m.label for m in first.marks] == ["polyp"] and not first.complete
    assert later.likeness and first.marks[0] in later.findings.marks
    assert [m.label for m in last.findings.marks] == list(MIXED) and last.findings.complete
    assert first.marks[0] in last.findings.marks


def test_a_plain_frame_around_the_picture_is_left_out(model_folder):
    import numpy as np

    pixels = np.zeros((120, 160, 3), np.uint8)
    pixels[20:100, 30:140] = np.random.default_rng(0).integers(90, 255, (80, 110, 3), np.uint8)
    answer = beside(model_folder)[0].predict(Image.fromarray(pixels), Question(Task.BOUNDING, ("polyp",)))
    assert [m.shape for m in answer.findings.marks] == [Box(30, 20, 140, 100)]


def test_several_images_are_answered_in_their_order(model_folder):
    predictor, _ = beside(model_folder)
    asked = [(PICTURE, Question(Task.BOUNDING, labels)) for labels in (("polyp",), ("nucleus",), MIXED)]
    answers = predictor.predict_many(asked)
    assert [[m.label for m in a.findings.marks] for a in answers] == [["polyp"], ["nucleus"], list(MIXED)]
    assert [a.experts for a in answers] == [("finder",), (), ("finder",)] and len({a.seconds for a in answers}) == 1


def test_an_adapter_goes_before_the_expert_for_what_it_was_corrected_on(model_folder, tmp_path):
    ask, experts = Question(Task.BOUNDING, ("polyp", "nucleus")), Experts(str(model_folder))
    assert share(ask, an_adapter(tmp_path / "a", "polyp"), experts).experts == ()
    other = share(ask, an_adapter(tmp_path / "b", "nucleus"), experts)
    assert other.experts == ("finder",) and other.put == Question(Task.BOUNDING, ("nucleus",))
    assert share(ask, AdapterRef("foreign", str(tmp_path)), experts).experts == ()  # it does not say, and answers everything


def test_beside_the_model_an_object_that_both_found_is_there_once_and_the_surer_mark_stays(tmp_path):
    write_expert(tmp_path / "experts" / "polyp", "polyp", mode="beside")
    predictor, model = beside(tmp_path)
    found = predictor.predict(PICTURE, Question(Task.CNT_AND_POINT, ("polyp",))).findings
    assert model.asked == [Question(Task.COUNT_AND_BOX, ("polyp",))]
    assert [(m.shape, m.expert) for m in found.marks] == [(Point(45, 30), "finder"), (Point(10, 10), None)]
    assert found.stated == {"polyp": 2}
    model._answer = lambda question: Answer(
        Findings((Mark("m1", Box(0, 0, 88, 58), "polyp", score=0.95),), {"polyp": 1}), "[]", "tiny", None, "compact-1", 0.1
    )
    agreed = predictor.predict(PICTURE, Question(Task.COUNT_AND_BOX, ("polyp",))).findings
    assert [(m.score, m.expert) for m in agreed.marks] == [(0.95, None)] and agreed.stated == {"polyp": 1}


def test_what_the_expert_found_is_kept_where_the_models_part_cannot_be_read(model_folder):
    predictor, model = beside(model_folder)
    model._answer = lambda question: Answer(None, "?", "tiny", None, "compact-1", 0.1)
    found = predictor.predict(PICTURE, Question(Task.BOUNDING, MIXED)).findings
    assert [m.label for m in found.marks] == ["polyp"] and not found.complete


def test_labels_of_experts_may_be_asked_though_the_model_was_not_taught_them(tmp_path):
    write_expert(tmp_path / "experts" / "parasite", "parasite")
    predictor, _ = beside(tmp_path)
    assert predictor.untaught(Question(Task.BOUNDING, ("parasite", "sperm"))) == ("sperm",)


def _cut(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def _without(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()


def _of_another_kind(folder: Path) -> None:
    said = json.loads((folder / "expert.json").read_text("utf-8"))
    (folder / "expert.json").write_text(json.dumps(said | {"kind": "mystery"}), encoding="utf-8")


def _no_manifest(folder: Path) -> None:
    (folder / "expert.json").write_text("{", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_cut, "is not the file"),
        (_without, "There are no weights"),
        (_of_another_kind, "names the kind 'mystery'"),
        (_no_manifest, "damaged"),
    ],
)
def test_a_damaged_expert_is_a_sentence_and_the_model_answers_alone(tmp_path, spoil, why):
    folder = write_expert(tmp_path / "experts" / "polyp", "polyp")
    spoil(folder)
    with pytest.raises(BadModel, match=why):
        load_expert(folder)
    predictor, model = beside(tmp_path)
    answer = predictor.predict(PICTURE, Question(Task.BOUNDING, ("polyp",)))
    assert answer.experts == () and [q.labels for q in model.asked] == [("polyp",)]
    assert why in str(predictor.experts.trouble()) and predictor.experts.manifests == ()


@pytest.mark.parametrize("wrong", [{"labels": ["polyp", "cyst"]}, {"pixels": 0}, {"thresholds": {"polyp": 3}}, {"mode": "never"}])
def test_a_manifest_that_does_not_fit_together_is_refused(tmp_path, wrong):
    folder = write_expert(tmp_path / "polyp", "polyp")
    said = json.loads((folder / "expert.json").read_text("utf-8"))
    (folder / "expert.json").write_text(json.dumps(said | wrong), encoding="utf-8")
    with pytest.raises(BadModel, match="download the model again"):
        load_expert(folder)


def test_the_mirrored_image_is_looked_at_too_and_its_boxes_are_turned_back(tmp_path):
    import numpy as np

    random = np.random.default_rng(0).integers(0, 255, (84, 112, 3), np.uint8)
    images = [Image.fromarray(random), Image.fromarray(random[:, ::-1])]
    expert = load_expert(_uneven(write_expert(tmp_path / "polyp", "polyp", flips=True, pixels=84 * 112, least=0.0)))
    (one,), (other,) = ([m for m in some][:1] for some in expert.find(images, ["polyp"]))
    assert one.score == pytest.approx(other.score, abs=1e-4) and one.shape.width < 112
    mirrored = (112 - other.shape.x2, other.shape.y1, 112 - other.shape.x1, other.shape.y2)
    assert one.shape.xyxy == pytest.approx(mirrored, abs=0.01)


def _uneven(folder: Path) -> Path:
    """The expert with a head that looks at what is there, not only at its bias."""
    import torch
    from safetensors.torch import load_file, save_file

    from pdc.files import sha256

    path = folder / "weights.safetensors"
    state = load_file(path)
    torch.manual_seed(1)
    state["head.out.weight"] = torch.randn_like(state["head.out.weight"].float()).half()
    state["head.out.bias"] = torch.tensor([0.0, -9, 0, 0, 0.5, 0.5]).half()
    save_file(state, path)
    said = json.loads((folder / "expert.json").read_text("utf-8"))
    (folder / "expert.json").write_text(json.dumps(said | {"weights": sha256(path)}), encoding="utf-8")
    return folder


@pytest.mark.parametrize("task", Task)
def test_an_experts_count_is_worth_what_its_manifest_says_whatever_the_task(tmp_path, task: Task):
    numbers = {"slope": 1.0, "offset": 0.0, "unlisted": 1.0, "missed": 0.0, "spread": 0.0}  # a score is its probability
    write_expert(tmp_path / "experts" / "polyp", "polyp", count_models={"polyp": numbers})
    answer = beside(tmp_path)[0].predict(PICTURE, Question(task, MIXED))
    assert answer.counts["polyp"] == pytest.approx({0: 0.1192, 1: 0.8808}, abs=1e-3)
    assert answer.counts["platelet"] == {1: 1.0}  # the model's own word


def test_an_expert_whose_count_models_cannot_be_is_left_out(tmp_path):
    write_expert(tmp_path / "experts" / "polyp", "polyp", count_models={"polyp": {"slope": -1.0}})
    assert Experts(str(tmp_path)).labels == frozenset()


def test_an_image_that_only_the_expert_is_asked_about_is_compared_with_the_training_images_before_its_marks(model_folder):
    predictor, model = beside(model_folder)
    assert predictor.predict(PICTURE, Question(Task.COUNT_AND_BOX, ("polyp",))).likeness == {"polyp": 0.01}
    first, *_, last = predictor.stream(PICTURE, Question(Task.COUNT_AND_BOX, MIXED))
    assert isinstance(first, SoFar) and first.likeness["polyp"] == 0.01
    assert isinstance(last, Answer) and last.likeness["polyp"] == 0.01
    assert all("polyp" not in question.labels for question in model.asked)
