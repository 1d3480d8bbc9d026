"""Studies: which arms they have, that a killed one goes on, what is written; and the gallery of failures."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from reviewed_rows import LABELS, three_rows

from finetune.__main__ import main
from finetune.cli.experiments import StudyOptions
from finetune.cli.experiments import _split as split_study
from finetune.data.dataset import Examples, Row
from finetune.data.wordings import TAUGHT, put
from finetune.evaluate.gallery import gallery_table, judge_images, worst_images, write_gallery
from finetune.evaluate.metrics import ScoredAnswer
from finetune.evaluate.side_by_side import count_changes, picture_changes
from finetune.experiments.studies import PHRASINGS, STUDIES, Setup, arms_of, asked
from finetune.experiments.study import Arm, Player, StudyTraining, report, spread_table
from pdc.domain.errors import BadSetting
from pdc.domain.prompts import STYLES, words
from pdc.domain.values import Box, Findings, Mark, Point, Question, Task
from pdc.inference.adapter_folder import AdapterManifest
from pdc.training.config import MOST_WORDINGS, TrainConfig

ASK = Question(Task.COUNT_AND_BOX, LABELS)


@pytest.fixture
def config(model_folder) -> TrainConfig:
    return TrainConfig(str(model_folder), quantization="none", device="cpu", lr=5e-3, epochs=1, batch=3, rank=4, max_seconds=60)


@pytest.fixture
def setup(rows, config) -> Setup:
    return Setup(rows[:2], rows[2:], config, known=rows[:1])


def trainings(arms: list[Arm]) -> set[str]:
    return {arm.adapter.name for arm in arms if isinstance(arm.adapter, StudyTraining)}


def test_each_study_changes_one_thing(setup):
    arms = {name: arms_of(name, setup) for name in STUDIES}
    assert [a.rows[0].question.task for a in arms["base"]] == [t for t in Task for _ in range(2)]
    assert trainings(arms["tasks"]) == {"all-five", *(f"only-{t}" for t in Task)}
    assert all(not a.adapter.config.one_list and a.rows[0].question.task in a.adapter.config.tasks for a in arms["tasks"])
    ranks = [(a.adapter.config.rank, a.adapter.config.alpha) for a in arms["rank"]]
    assert ranks == [(4, 8), (8, 16), (16, 32), (32, 64)]
    assert [len(a.adapter.rows) for a in arms["modality"] if isinstance(a.adapter, StudyTraining)][-1] == 2
    assert {a.adapter.config.preference for a in arms["preference"]} == {0.0, 0.2, 1.0}
    assert [a.adapter.config.vision for a in arms["vision"]] == [False, True]
    assert [a.adapter.config.label_balance for a in arms["balance"]] == [0.0, 0.5, 1.0]
    steps = [(a.adapter.config.batch, a.adapter.config.accumulate) for a in arms["accumulate"]]
    assert steps == [(4, 1), (4, 2), (4, 4), (1, 1)]
    assert {a.rows[0].question.task for a in arms["counts"]} == {Task.COUNTING, Task.COUNT_AND_BOX}
    assert {a.adapter.config.count_weight for a in arms["counts"]} == {1.0, 10.0, 100.0}
    assert not any(a.adapter.config.one_list or a.adapter.config.count_by_marks for a in arms["counts"])
    assert all(len({a.name for a in some}) == len(some) for some in arms.values())
    with pytest.raises(BadSetting, match="no image left to train on"):
        arms_of("rank", replace(setup, train=()))
    one = [replace(row, question=Question(Task.COUNT_AND_BOX, LABELS[:1])) for row in setup.train]
    with pytest.raises(BadSetting, match="images of two labels or more"):
        arms_of("balance", replace(setup, train=one))


def test_several_wordings_are_learnt_and_the_words_to_be_measured_are_not_among_them(setup):
    arms = arms_of("wordings", setup)
    assert len(TAUGHT) == MOST_WORDINGS and {a.adapter.config.wordings for a in arms} == {1, MOST_WORDINGS}
    assert len({a.adapter.name for a in arms}) == 2
    for style in STYLES:
        taught = [put(template, ASK, style) for template in TAUGHT]
        assert taught[0] == words(ASK, style) and len(set(taught)) == MOST_WORDINGS
        assert all(", ".join(LABELS) in text and "Answer in JSON" in text for text in taught)
        assert {a.words(ASK, style) for a in arms} & set(taught) == {words(ASK, style)}


def test_questions_in_training_are_put_in_all_the_wordings_asked_for(qwen, rows):
    asked_in = {}
    for n in (1, 3):
        examples = Examples(rows, qwen, length=40, seed=1, augment=False, tasks={Task.BOUNDING: 1.0}, wordings=n)
        asked_in[n] = [examples[i]["prompt"][0]["content"][1]["text"] for i in range(40)]
    asked_of = [Question(Task.BOUNDING, labels) for labels in (LABELS, LABELS[:1], LABELS[1:])]
    allowed = {put(template, q) for template in TAUGHT[:3] for q in asked_of}
    assert set(asked_in[1]) == {words(q) for q in asked_of} and set(asked_in[3]) == allowed


def truth(path: Path, rows: list[Row], label: str) -> Path:
    images = [{"id": i, "file_name": r.path.name, "width": r.width, "height": r.height} for i, r in enumerate(rows)]
    boxes = [{"image_id": i, "category_id": 1, "bbox": [5, 5, 9, 9]} for i in range(len(rows))]
    path.write_text(json.dumps({"images": images, "annotations": boxes, "categories": [{"id": 1, "name": label}]}))
    return path


def test_a_known_label_can_be_studied_under_a_name_that_the_model_never_saw(rows, tmp_path):
    options = StudyOptions("rank", truth(tmp_path / "a.json", rows[:2], "nucleus"), rename=["nucleus=speckle"], held_out=1)
    pool, held_out = split_study(options, tmp_path)
    assert (len(pool), len(held_out)) == (1, 1)
    for row in (*pool, *held_out):
        assert row.question.labels == ("speckle",) and [m.label for m in row.findings.marks] == ["speckle"]
    with pytest.raises(BadSetting, match="No image is asked for 'nuclei'"):
        split_study(replace(options, rename=["nuclei=speckle"]), tmp_path)
    with pytest.raises(BadSetting, match="'nucleus' is no renaming"):
        split_study(replace(options, rename=["nucleus"]), tmp_path)


def test_other_images_can_be_measured_on_unless_they_were_learnt_from(rows, tmp_path):
    first, second = (truth(tmp_path / f"{i}.json", some, "nucleus") for i, some in enumerate((rows[:1], rows[1:])))
    pool, held_out = split_study(StudyOptions("rank", first, held_out_data=second, held_out=1), tmp_path)
    assert [r.path.name for r in pool] == ["a.png"] and [r.path.name for r in held_out] == ["b.png"]
    with pytest.raises(BadSetting, match=r"held.out"):
        split_study(StudyOptions("rank", first, held_out_data=first), tmp_path)


def test_phrasings_differ_and_name_what_is_asked(setup):
    said = Counter(arm.words(ASK, "compact-1") for arm in arms_of("wording", setup))
    assert len(said) == len(PHRASINGS) and arms_of("wording", setup)[0].words(ASK, "compact-1") in said
    assert all("platelet" in text.lower() for text in said)
    assert words(ASK) in said  # the first is the one it was trained with


def test_the_same_truth_is_asked_as_each_task(rows):
    (pointed,) = asked(rows[:1], Task.POINTING)
    assert pointed.findings.marks[0].shape == Point(25, 25) and pointed.question.task is Task.POINTING
    (counted,) = asked(rows[:1], Task.COUNTING)
    assert counted.findings.counts(Task.COUNTING) == {LABELS[0]: 2, LABELS[1]: 1}


@pytest.mark.nightly  # a simulation, which trains, measures and goes on in the same way, is tried each time
def test_a_study_trains_measures_and_goes_on(rows, config, tmp_path):
    first = StudyTraining("first", config, rows[:2])
    then = StudyTraining("then", replace(config, preference=1.0), rows[:2], first)
    arms = [Arm("base", rows), Arm("first", rows, first), Arm("then", rows, then)]
    found = Player(config, tmp_path / "out", say=lambda text: None).play(arms)
    assert [e.adapter for e in found.values()] == [None, "first", "then"] and found["base"].n == 3
    assert AdapterManifest.read(tmp_path / "out" / "runs" / "then" / "adapter").parent == "first"
    again = Player(replace(config, model="nowhere"), tmp_path / "out")  # which would fail if it had to ask a model
    assert again.play(arms) == found
    text = report("a study", found, tmp_path / "out")
    assert "zero-case" in text and "standard deviation" in text and "[" in text and spread_table(found) in text
    assert (tmp_path / "out" / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert set(json.loads((tmp_path / "out" / "results.json").read_text())["arms"]) == {"base", "first", "then"}


def case(row: Row, *boxes: tuple[int, int, int, int, str]) -> ScoredAnswer:
    marks = tuple(Mark(f"p{i}", Box(*b[:4]), b[4]) for i, b in enumerate(boxes))
    return ScoredAnswer(str(row.path), row.question, row.findings, Findings(marks))


def test_the_worst_images_come_first_with_their_pictures(tmp_path):
    three, one, nothing = three_rows(tmp_path)
    cell, platelet = LABELS
    right = case(one, (31, 5, 70, 45, platelet))
    bad = case(three, (10, 10, 40, 40, cell), (60, 20, 100, 70, platelet), (90, 0, 110, 10, "<b>"))
    found = worst_images([right, bad, replace(case(nothing), predicted=None)])
    assert [Path(j.case.image).name for j in found] == ["a.png", "b.png", "c.png"] and [j.faults for j in found] == [4, 0, 0]
    assert [(len(j.found), len(j.missed), len(j.wrong)) for j in found] == [(1, 2, 2), (1, 0, 0), (0, 0, 0)]
    write_gallery(found, tmp_path / "gallery.html", "Worst")
    page = (tmp_path / "gallery.html").read_text()
    assert page.count("<figure>") == 3 and page.count("data:image/jpeg;base64,") == 3 and page.count("<rect ") == 6
    assert "<b>, wrong" not in page and "&lt;b&gt;, wrong" in page and "unreadable" in page
    assert gallery_table(found).splitlines()[1].split()[:5] == ["a.png", "3", "1", "2", "2"]


def test_points_in_the_gallery_match_by_distance(rows):
    (row,) = asked(rows[:1], Task.POINTING)
    near = Findings((Mark("p", Point(27, 25), LABELS[0]),))
    assert len(judge_images(ScoredAnswer(str(row.path), row.question, row.findings, near)).found) == 1


def test_the_command_writes_a_gallery(tmp_path, rows, model_folder, monkeypatch, capsys):
    monkeypatch.setenv("PDC_DEVICE", "cpu")
    images = [{"id": i, "file_name": r.path.name, "width": r.width, "height": r.height} for i, r in enumerate(rows)]
    boxes = [{"image_id": i, "category_id": 1, "bbox": [5, 5, 9, 9]} for i in range(3)]
    value = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "cell"}]}
    (tmp_path / "coco.json").write_text(json.dumps(value))
    words = ["study", "gallery", "--truth", str(tmp_path / "coco.json"), "--out", str(tmp_path / "out"), "--adapter", "none"]
    words += ["--model", str(model_folder), "--quantization", "none", "--held-out", "2"]
    assert main(words) == 0 and "missed" in capsys.readouterr().out
    assert "2 images, the base model alone" in (tmp_path / "out" / "gallery.html").read_text()
    assert main([*words[:1], "wording", *words[2:]]) == 1 and "other options" in capsys.readouterr().err


def test_the_images_that_changed_most_are_kept_with_the_marks_of_both_sides(tmp_path):
    three, one, nothing = three_rows(tmp_path)
    cell, platelet = LABELS
    before = [case(three, (10, 10, 40, 40, cell)), case(one, (30, 5, 70, 45, platelet)), case(nothing)]
    after = [case(three, (10, 10, 40, 40, cell), (60, 20, 100, 70, cell)), case(one), case(nothing)]
    pictures = picture_changes(before, after)
    assert sorted((p["image"], p["faults"]) for p in pictures) == sorted([(three.path.stem, [2, 1]), (one.path.stem, [0, 1])])
    (shown,) = (p for p in pictures if p["image"] == three.path.stem)
    assert [cell, 60, 20, 100, 70] in shown["before"]["missed"] and [cell, 60, 20, 100, 70] in shown["after"]["found"]
    assert shown["size"] == list(three.image().size)


def test_changes_are_counted_in_images_and_in_objects_that_were_missed(tmp_path):
    three, one, nothing = three_rows(tmp_path)
    cell, platelet = LABELS
    before = [case(three, (10, 10, 40, 40, cell)), case(one, (30, 5, 70, 45, platelet)), case(nothing)]
    after = [case(three, (10, 10, 40, 40, cell), (60, 20, 100, 70, cell)), case(one), case(nothing)]
    found = count_changes({"active": before, "candidate": after}, "candidate")["active"]
    assert (found["n"], found["better"], found["worse"]) == (3, 1, 1)
    assert found["missed"][cell] == 1 and found["found"] == {cell: 1} and found["lost"] == {platelet: 1}
