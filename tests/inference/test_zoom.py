"""A closer look finds what the first one missed, and never touches what a person made or judged."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image

from pdc.domain.errors import BadQuestion, Unreadable
from pdc.domain.geometry import iou
from pdc.domain.matching import match
from pdc.domain.values import Box, Findings, Mark, Origin, Point, Question, Status, Task
from pdc.inference.predictors.base import Answer
from pdc.inference.predictors.zoom import least_certain_regions, merge_marks, zoom_answer, zoom_in

BOXES = Question(Task.COUNT_AND_BOX, ("cell", "debris"))
WH = (400, 300)


class Ruler:
    """Reads a picture whose red channel is x, green y (in steps of 2 pixels), and says which of the boxes it was given it sees.

    Like a model it answers in pixels of the picture it gets, cuts what the picture cuts, and sees nothing smaller than
    a twentieth of the picture.
    """

    def __init__(self, boxes: list[Box], label: str = "cell") -> None:
        self.boxes, self.label, self.asked = boxes, label, []

    def predict(self, image: Image.Image, question: Question) -> Answer:
        self.asked.append(image.size)
        w, h = image.size
        first, last = image.getpixel((0, 0)), image.getpixel((w - 1, h - 1))
        x1, y1, x2, y2 = 2 * first[0], 2 * first[1], 2 * last[0] + 2, 2 * last[1] + 2
        marks = []
        for b in self.boxes:
            seen = max(b.x1, x1), max(b.y1, y1), min(b.x2, x2), min(b.y2, y2)
            if seen[0] < seen[2] and seen[1] < seen[3] and b.width > (x2 - x1) / 20:
                on = [(v - (x1, y1)[i % 2]) * ((w / (x2 - x1)), (h / (y2 - y1)))[i % 2] for i, v in enumerate(seen)]
                shape = Box(*on) if question.task.has_boxes else Box(*on).center
                marks.append(Mark(f"m{len(marks) + 1}", shape, self.label, score=0.8))
        return Answer(Findings(tuple(marks), {self.label: len(marks)}), "", "ruler", None, "compact-1", 0.0)

    def untaught(self, question: Question) -> tuple[str, ...]:
        return ()


@pytest.fixture
def picture() -> Image.Image:
    image = Image.new("RGB", WH)
    image.putdata([(x // 2, y // 2, 0) for y in range(WH[1]) for x in range(WH[0])])
    return image


SMALL = [Box(110, 110, 122, 122), Box(140, 120, 152, 134), Box(300, 200, 312, 212)]


def test_what_was_too_small_is_found_in_image_pixels(picture):
    ruler = Ruler(SMALL)
    assert ruler.predict(picture, BOXES).findings.marks == ()
    found = zoom_in(ruler, picture, BOXES, Box(100, 100, 180, 160))
    assert len(found.marks) == 2 and found.stated == {"cell": 2, "debris": 0}
    assert all(iou(m.shape, b) > 0.8 for m, b in zip(found.marks, SMALL, strict=False))
    assert max(ruler.asked[-1]) == max(WH)


def test_an_object_across_the_regions_border_is_seen_whole_and_a_piece_is_not_a_mark(picture):
    across, far = Box(170, 120, 190, 140), Box(120, 60, 160, 300)
    found = zoom_in(Ruler([across, far]), picture, BOXES, Box(100, 100, 182, 160))
    assert [iou(m.shape, across) > 0.8 for m in found.marks] == [True]


def test_an_object_cut_by_the_image_itself_is_kept(picture):
    found = zoom_in(Ruler([Box(0, 110, 30, 140)]), picture, BOXES, Box(4, 100, 84, 160))
    assert len(found.marks) == 1 and found.marks[0].shape.x1 == 0


@pytest.mark.parametrize(
    "judged", [{"origin": Origin.HUMAN}, {"origin": Origin.EDITED}, {"status": Status.ACCEPTED}, {"status": Status.REJECTED}]
)
def test_what_a_person_made_or_judged_stays_as_it_is(picture, judged):
    mine = Mark("mine", Box(109, 109, 121, 123), "cell", **judged)
    found = zoom_in(Ruler(SMALL), picture, BOXES, Box(100, 100, 180, 160), [mine])
    assert found.marks[0] == mine and len(found.marks) == 2
    assert found.stated["cell"] == 2 - (mine.status is Status.REJECTED)


def test_a_persons_label_is_not_contradicted_but_a_rejected_one_may_be_replaced(picture):
    region, place = Box(100, 100, 130, 130), Box(110, 110, 122, 122)
    named = Mark("a", place, "debris", Origin.HUMAN)
    assert zoom_in(Ruler(SMALL), picture, BOXES, region, [named]).marks == (named,)
    refused = Mark("b", place, "debris", status=Status.REJECTED)
    assert [m.label for m in zoom_in(Ruler(SMALL), picture, BOXES, region, [refused]).marks] == ["debris", "cell"]


def test_an_open_mark_seen_again_keeps_its_id_and_gets_the_closer_shape(picture):
    before = [Mark("m7", Box(107, 108, 121, 121), "cell", score=0.3), Mark("m8", Box(350, 10, 370, 30), "cell", score=0.2)]
    found = zoom_in(Ruler(SMALL), picture, BOXES, Box(100, 100, 180, 160), before)
    assert [m.id for m in found.marks[:2]] == ["m7", "m8"] and found.marks[1] == before[1]
    assert iou(found.marks[0].shape, SMALL[0]) > 0.8 and found.marks[0].score == 0.8
    assert len({m.id for m in found.marks}) == len(found.marks) == 3


def test_points_are_fused_too(picture):
    question = Question(Task.POINTING, ("cell",))
    before = [Mark("p", Point(117, 115), "cell", score=0.5)]
    found = zoom_in(Ruler(SMALL), picture, question, Box(100, 100, 180, 160), before)
    assert [m.id for m in found.marks] == ["p", "c2"] and found.stated == {}


def test_looking_twice_adds_nothing(picture):
    ruler, region = Ruler(SMALL), Box(100, 100, 180, 160)
    once = zoom_in(ruler, picture, BOXES, region)
    assert zoom_in(ruler, picture, BOXES, region, once.marks) == once


def test_new_ids_are_nobodys():
    marks = [Mark(i, Point(9.0 * n, 9), "cell", Origin.HUMAN) for n, i in enumerate(("c3", "c4", "x"))]
    got = merge_marks(marks, [Mark("c3", Point(200, 200), "cell")], WH)
    assert len({m.id for m in got}) == 4


@pytest.mark.parametrize("region", [Box(500, 500, 600, 600), Box(10, 10, 12, 200)])
def test_a_region_that_shows_nothing_is_refused(picture, region):
    with pytest.raises(BadQuestion, match="larger"):
        zoom_in(Ruler([]), picture, BOXES, region)


def test_a_count_cannot_be_looked_at_closer(picture):
    with pytest.raises(BadQuestion, match="points and boxes"):
        zoom_in(Ruler([]), picture, Question(Task.COUNTING, ("cell",)), Box(0, 0, 50, 50))


def test_an_unreadable_answer_is_not_nothing_found(picture):
    class Mumbles(Ruler):
        def predict(self, image, question):
            return Answer(None, "?", "ruler", None, "compact-1", 0.0)

    with pytest.raises(Unreadable, match="your marks are as they were"):
        zoom_in(Mumbles([]), picture, BOXES, Box(0, 0, 50, 50))


def test_one_closer_look_that_fails_costs_neither_the_answer_nor_the_other_looks(picture):
    small, seen = Box(40, 40, 50, 50), Box(300, 200, 310, 210)

    class MumblesOnce(Ruler):
        def predict(self, image, question):
            answer = super().predict(image, question)
            return replace(answer, findings=None) if len(self.asked) == 1 else answer

    model = MumblesOnce([small, seen])
    first = Findings((Mark("m1", small, "cell", score=0.1), Mark("m2", seen, "cell", score=0.2)), {"cell": 2})
    answer = zoom_answer(model, picture, BOXES, Answer(first, "", "ruler", None, "compact-1", 0.0), 2)
    assert len(model.asked) == 2
    assert [(m.id, m.score) for m in answer.findings.marks] == [("m1", 0.1), ("m2", 0.8)]
    assert len(answer.notes) == 1 and "could not be read" in answer.notes[0]


def test_the_least_certain_regions_hold_the_most_doubt_and_no_judged_mark():
    sure = [Mark(f"s{i}", Point(20.0 * i, 20), "cell", score=0.95) for i in range(6)]
    doubted = [Mark(f"d{i}", Point(300 + 10.0 * i, 200), "cell", score=0.2) for i in range(3)]
    judged = [Mark(f"j{i}", Point(20, 250), "cell", status=Status.ACCEPTED, score=0.01) for i in range(9)]
    first, second = least_certain_regions([*sure, *doubted, *judged], WH, 2)
    assert first.x1 <= 300 and first.x2 >= 320 and second.y1 < 20 < second.y2
    assert all(b.x1 >= 0 and b.x2 <= WH[0] and b.y1 >= 0 and b.y2 <= WH[1] for b in (first, second))
    assert least_certain_regions(judged, WH) == []


def test_the_embedded_model_finds_in_a_part_what_is_there(embedded, smears):
    import numpy as np

    from finetune.data.drawings import RED, smear

    image, _ = smears[0]
    sample = smear(np.random.default_rng(100), (640, 480))
    truth = [Mark(str(i), Box(*map(float, b)), "red blood cell") for i, b in enumerate(sample.boxes[sample.classes == RED])]
    question, region = Question(Task.COUNT_AND_BOX, ("red blood cell",)), Box(160, 120, 480, 360)
    inside = [t for t in truth if 160 < t.shape.center.x < 480 and 120 < t.shape.center.y < 360]
    found = zoom_in(embedded, image, question, region)
    assert inside and len(match(found.marks, inside)) > 0.5 * len(inside)
    first = embedded.predict(image, question)
    again = zoom_answer(embedded, image, question, first, 2)
    assert {m.id for m in first.findings.marks} <= {m.id for m in again.findings.marks}


def test_a_stopped_look_is_no_answer_and_the_model_gives_up(embedded, smears):
    image, told = smears[0][0], []

    def stopped() -> bool:
        told.append(True)
        return len(told) > 2

    assert zoom_in(embedded, image, BOXES, Box(10, 10, 60, 60), (), stopped) is None
    assert len(told) < 8
    assert zoom_in(embedded, image, BOXES, Box(10, 10, 60, 60), (), lambda: False) is not None


def test_a_closer_look_finds_points_again_by_the_boxes_behind_them():
    """Two looks put the middle of a large cell at places far apart, and points that stand alone tell no spacing."""
    cell, again = Box(100, 100, 160, 160), Box(92, 104, 150, 158)
    before = [Mark("m1", cell.center, "cell", score=0.6, extent=cell)]
    seen = Mark("m1", again.center, "cell", score=0.8, extent=again)
    beside = Mark("m2", Point(190, 130), "cell", score=0.7, extent=Box(165, 100, 215, 160))
    merged = merge_marks(before, [seen, beside], WH)
    assert [(m.id, m.shape) for m in merged] == [("m1", again.center), ("c2", beside.shape)]


def test_a_point_that_a_person_put_into_a_cell_is_that_cell():
    mine = Mark("h1", Point(112, 150), "cell", Origin.HUMAN)
    others = [Mark(f"h{i}", Point(300 + 12 * i, 20), "cell", Origin.HUMAN) for i in (2, 3)]  # a spacing that says "another"
    seen = Mark("m1", Point(130, 130), "cell", score=0.9, extent=Box(100, 100, 160, 160))
    assert merge_marks([mine, *others], [seen], WH) == (mine, *others)
