"""The hot spot of a sample: of all fields the densest disc is counted, and the whole fields stand beside it."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from counted import Bench
from pictures import encoded
from PIL import Image as Pillow

from pdc.counting.area import Disc
from pdc.counting.fair_fields import Way
from pdc.counting.sheet import differences, from_json, to_json
from pdc.domain.values import Findings, Mark, Origin, Point, Question, Task

ASK = Question(Task.CNT_AND_POINT, ("positive nucleus", "negative nucleus", "nucleus"))
PIXEL = 0.001  # mm
SPOT = 0.0314  # mm2: a radius of 100 pixels


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.store.close()


def nuclei(seed: int, spot: tuple[float, float] | None) -> Findings:
    """30 positive and 200 negative nuclei in 600 x 400 pixels, and where there is a spot 60 positive ones more in it."""
    rng = np.random.default_rng(seed)
    at = {"positive nucleus": rng.uniform(0, 1, (30, 2)), "negative nucleus": rng.uniform(0, 1, (200, 2))}
    places = [(label, Point(600 * x, 400 * y)) for label, own in at.items() for x, y in own]
    if spot:
        away = rng.uniform(-60, 60, (60, 2))
        places += [("positive nucleus", Point(spot[0] + x, spot[1] + y)) for x, y in away]
    return Findings(tuple(Mark(f"m{i}", place, label, Origin.HUMAN) for i, (label, place) in enumerate(places)))


def begin(bench: Bench, spots: list[tuple[float, float] | None], read: int | None = None) -> str:
    for i in range(len(spots)):
        bench.service.add_image(encoded(Pillow.new("RGB", (600, 400), (i, 40, 90))), f"f{i}.png", "tumour")
    id = bench.counts.start("ki-67-hot-spot", "T-1", ["tumour"], Way.HOT_SPOT, reader="ada", task=Task.CNT_AND_POINT).id
    for i, place in enumerate(bench.counts.fields(id)[:read]):
        bench.read(place.sha256, nuclei(i, spots[i]), question=ASK)
    return id


def test_the_densest_discs_are_counted_and_the_whole_fields_stand_beside_them(bench: Bench):
    id = begin(bench, [None, (300, 200), None, (150, 150), (450, 250)])
    bench.counts.set_area(id, None, {"mm_per_pixel": PIXEL}, "ada")
    bench.counts.fill(id, "hot spot size in mm2", SPOT, reader="ada")
    sheet = bench.counts.sheet(id, "ada")
    assert {f.name for f in sheet.sample.fields} == {"f1.png", "f3.png", "f4.png"}
    discs = {f.name: f.area.shape for f in sheet.sample.fields if f.area and isinstance(f.area.shape, Disc)}
    disc = discs["f1.png"]
    assert np.hypot(disc.x - 300, disc.y - 200) < 50 and disc.radius == pytest.approx(100, abs=0.1)
    hot, whole = sheet.lines
    assert (whole.name, whole.k) == ("positive nuclei (whole fields)", 5 * 30 + 3 * 60)
    assert whole.n is not None and 1320 < whole.n <= 5 * 230 + 180  # a few lie on the line
    assert hot.value is not None and whole.value is not None and hot.value > 1.8 * whole.value
    assert not [o for o in sheet.outcomes if o.rule == "hot spot"]
    text = json.dumps(to_json(sheet))
    assert from_json(text) == sheet and differences(text) == []


def test_without_its_size_or_that_of_a_pixel_the_sheet_says_that_no_spot_was_chosen(bench: Bench):
    id = begin(bench, [(300, 200), None, None])
    for step in (lambda: None, lambda: bench.counts.fill(id, "hot spot size in mm2", SPOT, reader="ada")):
        step()
        sheet = bench.counts.sheet(id, "ada")
        assert len(sheet.lines) == 1 and [str(o.said) for o in sheet.outcomes if o.rule == "hot spot"]


def test_fields_that_were_not_read_may_hold_the_hottest_spot(bench: Bench):
    id = begin(bench, [(300, 200), (200, 200), (250, 250), (300, 200)], read=3)
    bench.counts.set_area(id, None, {"mm_per_pixel": PIXEL}, "ada")
    bench.counts.fill(id, "hot spot size in mm2", SPOT, reader="ada")
    said = [str(o.said) for o in bench.counts.sheet(id, "ada").outcomes if o.rule == "hot spot"]
    assert said == ["1 fields were not read: the hottest spot may lie in one of them."]
    assert not bench.counts.progress(id).done
