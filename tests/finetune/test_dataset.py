from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from reviewed_rows import LABELS

from finetune.data.dataset import Examples, Row, draw_question, read_rows, refuse_leaks, tasks_of
from finetune.data.drawings import smear
from finetune.data.example import example, target
from pdc.domain.errors import BadSetting
from pdc.domain.geometry import iou
from pdc.domain.prompts import answer, parse
from pdc.domain.values import Box, Findings, Mark, Point, Question, Task
from pdc.training.config import EVEN_TASKS

ROW = {
    "image": "images/a.png",
    "width": 120,
    "height": 90,
    "group": "g",
    "task": "count_and_box",
    "labels": list(LABELS),
    "marks": [{"box": [1, 2, 30, 40], "label": LABELS[0]}],
    "counts": {LABELS[0]: 1, LABELS[1]: 0},
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"not opened here")
    return tmp_path


def write(folder, *rows):
    (folder / "train.jsonl").write_text("\n".join(json.dumps(r) for r in rows) + "\n")
    return folder / "train.jsonl"


def test_rows_are_read_as_they_were_reviewed(folder):
    point = {**ROW, "task": "pointing", "marks": [{"point": [5, 6], "label": LABELS[1]}]}
    count = {**ROW, "task": "counting", "marks": [], "counts": {LABELS[0]: 7, LABELS[1]: 0}}
    boxed, pointed, counted = read_rows(write(folder, ROW, point, count), [])
    assert boxed.path == folder / "images" / "a.png" and (boxed.width, boxed.height, boxed.group) == (120, 90, "g")
    assert boxed.question == Question(Task.COUNT_AND_BOX, LABELS) and boxed.findings.marks[0].shape == Box(1, 2, 30, 40)
    assert pointed.findings.marks[0].shape == Point(5, 6)
    assert counted.findings.counts(Task.COUNTING) == {LABELS[0]: 7, LABELS[1]: 0}


def test_what_the_model_had_said_is_read_too(folder):
    said = {"marks": [{"box": [5, 6, 31, 41], "label": LABELS[1]}], "counts": {LABELS[0]: 0, LABELS[1]: 1}}
    asked, unasked = read_rows(write(folder, {**ROW, "predicted": said}, ROW), [])
    assert [(m.shape, m.label) for m in asked.predicted.marks] == [(Box(5, 6, 31, 41), LABELS[1])]
    assert unasked.predicted is None


def test_the_questions_about_one_view_differ_where_they_can(qwen, rows):
    some = Examples(rows, qwen, length=60, seed=4, augment=True, tasks={Task.BOUNDING: 1}, questions=3)
    asked = [len({q.labels for q in some._asked(visit, some.row(visit))}) for visit in range(20)]
    assert sum(asked) >= 57  # both labels, the one, the other
    alone = replace(rows[0], question=Question(Task.BOUNDING, LABELS[:1]))
    assert len(set(some._asked(1, alone))) == 1


def test_a_pair_is_the_readers_answer_and_the_models_in_one_view(qwen, rows):
    moved = Findings(tuple(replace(m, shape=Box(*(v + 3 for v in m.shape.xyxy))) for m in rows[0].findings.marks))
    corrected = replace(rows[0], predicted=moved)
    pairs, plain = (
        Examples([corrected, rows[1]], qwen, length=8, seed=3, augment=True, tasks={Task.BOUNDING: 1}, pairs=p)
        for p in (True, False)
    )
    for i in range(8):
        pair, single = pairs[i], plain[i]
        assert pair["chosen"] == single["completion"] and pair["prompt"] == single["prompt"]
        same = pair["chosen"] == pair["rejected"]
        assert same if pairs.row(i) is rows[1] else not same or pair["chosen"][0]["content"][0]["text"].count("[[") == 0


@pytest.mark.parametrize(
    "bad",
    [
        {**ROW, "task": "guessing"},
        {**ROW, "labels": []},
        {**ROW, "marks": [{"box": [3, 3, 1, 1], "label": "x"}]},
        {**ROW, "width": None},
        {k: v for k, v in ROW.items() if k != "marks"},
        {**ROW, "image": "images/gone.png"},
        [],
        7,
    ],
)
def test_a_bad_row_is_named_by_its_line(folder, bad):
    with pytest.raises(BadSetting, match=r"train\.jsonl line 2"):
        read_rows(write(folder, ROW, bad), [])


def test_boxes_answer_all_five_tasks_points_three_and_counts_one(rows):
    of = {t: tasks_of(replace(rows[0], question=Question(t, LABELS))) for t in Task}
    assert set(of[Task.BOUNDING]) == set(of[Task.COUNT_AND_BOX]) == set(Task)
    assert set(of[Task.CNT_AND_POINT]) == {Task.POINTING, Task.COUNTING, Task.CNT_AND_POINT}
    assert of[Task.COUNTING] == (Task.COUNTING,)


def test_questions_follow_the_weights_and_ask_for_one_label_or_all(rows):
    rng = np.random.default_rng(0)
    drawn = [draw_question(rows[0], {"pointing": 3, "counting": 1}, rng) for _ in range(400)]
    assert {q.task for q in drawn} == {Task.POINTING, Task.COUNTING}
    assert 0.68 < sum(q.task is Task.POINTING for q in drawn) / 400 < 0.82
    assert {q.labels for q in drawn} == {LABELS, LABELS[:1], LABELS[1:]}


def test_a_row_that_the_weights_leave_out_is_still_asked(rows):
    row = replace(rows[0], question=Question(Task.COUNTING, LABELS), findings=Findings((), {LABELS[0]: 2}))
    assert draw_question(row, {"bounding": 1.0}, np.random.default_rng(0)).task is Task.COUNTING


def test_target_is_in_the_models_frame_in_reading_order(qwen, rows):
    question, wh = rows[0].question, (rows[0].width, rows[0].height)
    frame = qwen.frame(*wh)
    assert frame.model_wh != wh
    shuffled = replace(rows[0].findings, marks=rows[0].findings.marks[::-1])
    text = target(qwen, question, shuffled, wh).text
    assert text == target(qwen, question, rows[0].findings, wh).text
    back = frame.to_image(parse(question, text, qwen.prompt_style))
    assert [m.label for m in back.marks] == [LABELS[0], LABELS[0], LABELS[1]]
    assert all(iou(a.shape, b.shape) > 0.9 for a, b in zip(back.marks, rows[0].findings.marks, strict=True))


def test_nothing_there_is_an_answer_too(qwen, rows):
    text = target(qwen, rows[2].question, rows[2].findings, (120, 90)).text
    assert text == answer(rows[2].question, Findings(), qwen.prompt_style)
    assert parse(rows[2].question, text, qwen.prompt_style).marks == ()


def test_loss_is_on_the_answer_only_and_the_prompt_is_that_of_inference(qwen, rows):
    from PIL import Image
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    images = [Image.open(row.path) for row in rows]
    batch = [example(qwen, image, r.question, r.findings) for image, r in zip(images, rows, strict=True)]
    texts = [e["completion"][0]["content"][0]["text"] for e in batch]
    out = DataCollatorForVisionLanguageModeling(qwen.processor, completion_only_loss=True)(batch)
    for i, (image, row) in enumerate(zip(images, rows, strict=True)):
        learnt = out["labels"][i] != -100
        assert qwen.tokenizer.decode(out["labels"][i][learnt]) == f"{texts[i]}<|im_end|>\n"
        asked = qwen.inputs(image, row.question)
        start = int(learnt.nonzero()[0])
        assert out["input_ids"][i][:start].tolist() == asked["input_ids"][0].tolist()
    patches = np.prod(asked["image_grid_thw"].tolist())
    assert (out["pixel_values"][-patches:] == asked["pixel_values"]).all()


def test_a_visit_is_the_same_in_every_process(qwen, rows):
    def visits(seed):
        examples = Examples(rows, qwen, length=12, seed=seed, augment=True, tasks=EVEN_TASKS)
        return [(e["completion"], np.asarray(e["images"][0]).tobytes()) for e in map(examples.__getitem__, range(12))]

    assert visits(1) == visits(1)
    assert visits(1) != visits(2)


def test_the_data_set_is_named_without_reading_the_model(qwen, rows):
    examples = Examples(rows, qwen, length=5, seed=1, augment=False, tasks=EVEN_TASKS)
    data = examples.as_dataset()
    assert len(data) == 5 and set(data[0]) == {"images", "prompt", "completion", "task", "unjudged", "weights"}
    assert examples.__getstate__() == (1, 5)


def test_a_mark_stays_inside_the_frame(qwen, rows):
    whole = Findings((Mark("m1", Box(0, 0, 120, 90), LABELS[0]),))
    text = target(qwen, Question(Task.BOUNDING, LABELS[:1]), whole, (120, 90)).text
    assert json.loads(text)[0]["bbox_2d"] == [[0, 0, *qwen.frame(120, 90).model_wh]]


def test_questions_about_one_view_follow_each_other(qwen, rows):
    examples = Examples(rows, qwen, length=12, seed=3, augment=True, tasks={}, questions=3)
    seen = [np.asarray(examples[i]["images"][0]) for i in range(12)]
    for visit in range(0, 12, 3):
        assert np.array_equal(seen[visit], seen[visit + 1]) and np.array_equal(seen[visit], seen[visit + 2])
    assert not np.array_equal(seen[0], seen[3])


def test_every_row_is_visited_once_a_round(qwen, rows):
    examples = Examples(rows, qwen, length=30, seed=3, augment=False, tasks={})
    orders = [[examples.row(3 * around + i).path.name for i in range(3)] for around in range(10)]
    assert all(sorted(order) == ["a.png", "b.png", "c.png"] for order in orders)
    assert len({tuple(order) for order in orders}) > 1


def test_replay_takes_its_share_of_the_visits(qwen, rows):
    examples = Examples(rows[:1], qwen, length=400, seed=3, augment=False, tasks={}, replay=rows[1:], replay_share=0.25)
    replayed = sum(examples.row(visit) is not rows[0] for visit in range(400))
    assert 70 <= replayed <= 130
    nothing = Examples(rows[:1], qwen, length=9, seed=3, augment=False, tasks={}, replay_share=0.5)
    assert all(nothing.row(v) is rows[0] for v in range(9))


def test_held_out_images_are_not_smuggled_into_training(tmp_path):
    rng = np.random.default_rng(1)
    sample = smear(rng, (160, 120))
    picture = sample.image

    def row(name: str, pixels: np.ndarray, group: str) -> Row:
        Image.fromarray(pixels).save(tmp_path / name)
        return Row(tmp_path / name, 160, 120, group, Question(Task.COUNTING, ("cell",)), Findings(stated={"cell": 1}))

    held_out = [row("held.png", picture, "patient 1")]
    other = row("other.png", smear(rng, (160, 120)).image, "patient 2")
    refuse_leaks([other], held_out)
    brighter = np.clip(picture * 0.9 + 12, 0, 255).astype(np.uint8)
    for smuggled in (row("same.png", picture, "patient 3"), row("like.png", brighter, "patient 3")):
        with pytest.raises(BadSetting, match="shows what the held-out image"):
            refuse_leaks([other, smuggled], held_out)
    with pytest.raises(BadSetting, match="group 'patient 1' is held out"):
        refuse_leaks([Row(other.path, 160, 120, "patient 1", other.question, other.findings)], held_out)
