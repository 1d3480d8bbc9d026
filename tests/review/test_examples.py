"""The images that ship with PDC: small, licensed, and answered as they are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdc.compose import open_store, predictor_of
from pdc.domain.doubt import unlike
from pdc.domain.values import Mark, Status
from pdc.images.intake import accept
from pdc.review.examples import FOLDER, examples
from pdc.settings import Settings

RIGHT = {"nuclei.png": {"nucleus": 23}, "blood-drawing.jpg": {"red blood cell": 11, "white blood cell": 1, "platelet": 3}}
RIGHT |= {"polyp-drawing.jpg": {"polyp": 1}}


def test_every_example_is_there_is_named_with_its_licence_and_all_are_small():
    told, shown = (FOLDER / "README.md").read_text("utf-8"), [e.path for e in examples()]
    assert {p for p in FOLDER.iterdir() if p.suffix != ".md"} == set(shown) and len(shown) == 4
    assert all(f"| {path.name} |" in told for path in shown)
    assert sum(path.stat().st_size for path in shown) < 1_500_000


def test_a_real_image_comes_first_and_what_is_drawn_says_so():
    first, *others = examples()
    assert first.about == "A real image"
    assert [e.about == "A drawing" for e in others] == ["drawing" in e.path.stem for e in others]


@pytest.mark.slow
def test_the_model_answers_the_examples_right_and_says_that_it_does_not_know_the_last(tmp_path: Path):
    settings = Settings.from_env({"PDC_HOME": str(tmp_path)})
    model, shown = predictor_of(settings, open_store(settings)), examples()
    asked = [(accept(e.path.read_bytes(), e.path.name).pixels(), e.question) for e in shown]
    *known, last = zip(shown, model.predict_many(asked), strict=True)
    for example, answer in known:
        truth = RIGHT[example.path.name]
        assert (
            answer.findings
            and abs(answer.findings.count(example.question.task) - sum(truth.values())) <= sum(truth.values()) / 10
        )
        assert not unlike(answer.likeness, [m.label for m in answer.findings.marks]), example.path.name
    answer = last[1]
    assert answer.findings and not list(filter(_counts, answer.findings.marks)) and unlike(answer.likeness) == ("nucleus",)


def _counts(mark: Mark) -> bool:
    return mark.status is Status.OPEN
