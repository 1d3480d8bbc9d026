"""The sentence at the top of the Training tab, and its buttons, from stored reviews, run folders and adapters."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from adapter_files import labelled
from store_values import a_review, an_image

from pdc.adapters.registry import Adapters
from pdc.domain.errors import Forbidden
from pdc.domain.users.roles import Role
from pdc.domain.values import Question, Task, Verdict
from pdc.settings import EMBEDDED_MODEL, Settings
from pdc.store import Store
from pdc.training.config import TrainConfig
from pdc.training.fresh import FIRST, fresh
from pdc.training.process import ProcessTrainer
from pdc.training.run_folder import Run
from pdc.web.ui.training.plain import PLAIN, SUBJECTS
from pdc.web.ui.training.tab import TrainingTab
from pdc.web.ui.words import dictionaries, in_language

LABEL = "red blood cell"
START = datetime(2026, 3, 1, tzinfo=UTC)
BUTTONS = ("train", "stop", "use", "keep", "why")
OBJECTS = {"missed": {LABEL: 40}, "found": {LABEL: 31}, "lost": {}}
IMAGES = {"n": 20, "better": 12, "worse": 2, **OBJECTS}
MARIA: Any = SimpleNamespace(username="maria")


class FolderTrainer(ProcessTrainer):
    """Makes the run folder and starts no process: the tests write what a process would."""

    def _spawn(self, run: Run) -> None:
        run.write_process(2**22 + 1, 1.0)

    def _is_alive(self, run: Run) -> bool:
        return not any((run.folder / end).exists() for end in ("COMPLETE", "FAILED", "STOPPED"))


class Bench:
    """A Training tab over a store and run folders of its own; who looks at it has `role`."""

    def __init__(self, home: Path) -> None:
        self.store, self.role = Store.open(f"sqlite:///{home / 'pdc.sqlite3'}"), Role.TRAINER
        self.settings = Settings(home=home, model=str(EMBEDDED_MODEL))
        self.config = TrainConfig.for_model(self.settings.model)
        self.trainer = FolderTrainer(self.settings)
        self.adapters = Adapters(self.store, self.settings.model, home)
        new = lambda: fresh(self.store, self.settings.runs, self.config)  # noqa: E731
        self.tab = TrainingTab(self.trainer, self.adapters, self.config, role=lambda user: self.role, fresh=new)
        with gr.Blocks() as demo:
            self.tab.build(demo)

    def review(self, n: int, at: datetime = START, verdict: Verdict = Verdict.CORRECTED) -> None:
        before = len(self.store.every_image())
        for i in range(before, before + n):
            sha256 = f"{i:064x}"
            self.store.add_image(an_image(sha256))
            ask = Question(Task.COUNT_AND_BOX, (LABEL,))
            review = a_review(f"r{i}", image_sha256=sha256, question=ask, verdict=verdict, created_at=at)
            self.store.save_review(review, key=f"k{i}", base_revision=0)

    def trained(self, at: datetime, metrics: dict[str, Any] | None = None, name: str = "fold-1", rows: int = 15) -> Run:
        """A complete run whose data was made at that time, its adapter registered."""
        run = Run.create(self.trainer.runs, self.config, name)
        run.data.mkdir()
        sides = {"train": {"rows": rows - 3}, "held_out": {"rows": 3}}
        (run.data / "manifest.json").write_text(json.dumps({"created_at": at.isoformat(), **sides}))
        labelled(run.adapter, LABEL, name=name)
        if metrics:
            run.write_metrics(metrics)
        run.mark_complete()
        self.adapters.register(run)
        return run

    def says(self) -> tuple[str, list[str]]:
        """The sentence, and the buttons that are shown."""
        return self.shown(self.tab.look(MARIA))

    def shown(self, values: tuple[Any, ...]) -> tuple[str, list[str]]:
        _, sentence, _, *rest = values
        return sentence, [name for name, button in zip(BUTTONS, rest, strict=False) if button["visible"]]


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


def measured(score: float, **more: Any) -> dict[str, Any]:
    """What a fold measured beside the base, which scored 0.5."""
    sides = {name: {"score": of, "score_name": "F1", "n": 20, "labels": {}} for name, of in (("candidate", score), ("base", 0.5))}
    change = {"value": score - 0.5, "low": score - 0.51, "high": score - 0.49}
    return {**sides, "active": sides["base"], "n": 20, "changes": {"base": change, "active": change}, **more}


def test_few_reviews_say_how_many_more_a_first_training_takes(bench: Bench):
    assert bench.says() == (
        f"No reviews yet; {FIRST} make a first training worth while (about 3 of them are held out to measure).",
        [],
    )
    bench.review(3)
    bench.review(2, verdict=Verdict.REJECTED)
    assert bench.says()[0].startswith("3 reviews; 12 more make a first training worth while (about 3 of them")
    bench.review(11)
    assert bench.says()[0].startswith("14 reviews; one more makes") and bench.says()[1] == []


def test_enough_reviews_offer_a_first_training_and_say_no_more_of_its_time_than_is_known(bench: Bench):
    bench.review(FIRST)
    assert bench.says() == ("15 reviews to learn from. It trains for at most 7 minutes, then it is measured.", ["train"])
    bench.role = Role.READER
    assert bench.says()[1] == []


def test_only_what_was_reviewed_since_the_last_training_is_new(bench: Bench):
    bench.review(20)
    run = bench.trained(START + timedelta(hours=1))
    bench.adapters.keep_old(run.name, by="maria")
    assert bench.says() == ("Nothing was reviewed since the last training.", [])
    bench.review(1, START + timedelta(hours=2))
    assert bench.says()[0].startswith("1 review since the last training. That is few; expect little. ")
    bench.review(7, START + timedelta(hours=2))
    assert bench.says()[0].startswith("8 reviews since the last training. It trains for") and bench.says()[1] == ["train"]


def test_a_revision_of_an_old_review_is_new_and_counts_once(bench: Bench):
    bench.review(20)
    bench.adapters.keep_old(bench.trained(START + timedelta(hours=1)).name, by="maria")
    (old,) = (r for r in bench.store.reviews() if r.id == "r3")
    for revision in (1, 2):
        again = a_review(
            f"again{revision}", image_sha256=old.image_sha256, question=old.question, created_at=START + timedelta(hours=2)
        )
        bench.store.save_review(again, key=f"again{revision}", base_revision=revision)
    assert bench.says()[0].startswith("1 review since")


def test_the_time_follows_from_what_the_last_training_took(bench: Bench):
    bench.review(20)
    took = {"steps": 100, "planned": 100, "examples": 800, "seconds": 200.0, "elapsed": 260.0}
    bench.adapters.keep_old(bench.trained(START + timedelta(hours=1), {"training": took}, rows=20).name, by="maria")
    bench.review(10, START + timedelta(hours=2))
    assert "Training takes about 6 minutes." in bench.says()[0]  # half as many again: 150 steps of 2 s, and 90 s
    bench.review(70, START + timedelta(hours=2))
    assert "Training takes about 12 minutes." in bench.says()[0]  # 420 s is the most for steps, and five times a minute


def test_a_running_training_says_how_far_it_is(bench: Bench):
    bench.review(20)
    bench.tab.train(MARIA)
    run = Run.open(bench.trainer.runs, bench.trainer.latest() or "")
    assert bench.says() == ("Training is getting ready.", ["stop"])
    run.append_log(step=40, steps=150, loss=1.0, share=0.4, seconds_left=290.0)
    assert bench.says() == ("Training: 40 of 100 steps, about 5 minutes left; then it is measured.", ["stop"])
    run.append_log(step=100, steps=150, message="100 of 150 planned steps are done", share=1.0)
    assert bench.says()[0].startswith("The steps are done. It is being measured") and bench.says()[1] == ["stop"]
    assert bench.shown(bench.tab.stop(MARIA)) == ("The training was asked to stop; it ends at its next step.", [])
    run.mark_stopped()
    assert bench.says()[0].startswith("The last training was stopped. 20 reviews to learn from.") and bench.says()[1] == ["train"]


def test_a_failed_training_says_why_and_may_be_tried_again(bench: Bench):
    bench.review(20)
    bench.tab.train(MARIA)
    Run.open(bench.trainer.runs, bench.trainer.latest() or "").mark_failed("The disk is full; free some space.")
    assert bench.says() == ("The last training failed: The disk is full; free some space.", ["train"])


def test_a_better_one_is_offered_in_whole_numbers_and_used(bench: Bench):
    bench.review(20)
    run = bench.trained(START + timedelta(hours=1), measured(0.7, images={"active": IMAGES}))
    said, can = bench.says()
    assert said == (
        "The new one is better on 12 of 20 held-out images, worse on 2, alike on the others. "
        "Of 40 objects that were missed it finds 31."
    )
    assert can == ["use", "keep"]
    german = "Das neue ist besser auf 12 von 20 zurückgehaltenen Bildern, schlechter auf 2, gleich auf den übrigen."
    assert in_language(said, "de").startswith(german)
    bench.role = Role.READER
    assert bench.says()[1] == []
    with pytest.raises(Forbidden):
        bench.tab.use(MARIA)
    bench.role = Role.TRAINER
    used, can = bench.shown(bench.tab.use(MARIA))
    assert used.startswith("The new one answers from the next question on.") and can == []
    assert (bench.adapters.history()[-1].adapter, bench.adapters.history()[-1].reason) == (run.name, said)
    assert bench.says() == ("Nothing was reviewed since the last training.", [])


def test_whoever_keeps_the_old_one_is_noted_and_the_new_one_stays_in_the_list(bench: Bench):
    bench.review(20)
    run = bench.trained(START + timedelta(hours=1), measured(0.7, images={"active": {**IMAGES, "n": 5, "better": 1}}))
    assert bench.says()[0].endswith("On so few images this may be chance.")
    assert bench.shown(bench.tab.keep(MARIA))[0].startswith("The old one stays in use.")
    assert '"by": "maria"' in (run.folder / "kept_old.json").read_text() and bench.adapters.history() == []
    assert bench.says() == ("Nothing was reviewed since the last training.", [])
    assert bench.tab.look(MARIA)[-3]["choices"] == [run.name]


def test_one_that_the_gate_refuses_says_the_first_reason_in_plain_words(bench: Bench):
    bench.review(20)
    run = bench.trained(START + timedelta(hours=1), measured(0.3))
    assert bench.says() == ("Better not used: it is worse than what is in use, on 20 held-out images.", ["keep", "why"])
    assert "95 % interval" in str(bench.tab.registry.about(run.name)[0])


def test_one_that_changes_nothing_says_so(bench: Bench):
    bench.review(20)
    bench.trained(
        START + timedelta(hours=1),
        measured(0.5, images={"active": {**IMAGES, "better": 0, "worse": 0, "missed": {}, "found": {}}}),
    )
    assert bench.says()[0] == "The new one is as good as the old one on each of the 20 held-out images."


def test_one_that_was_not_measured_says_so(bench: Bench):
    bench.review(20)
    bench.trained(START + timedelta(hours=1))
    assert bench.says() == ("Better not used: it was not measured, as no image is held out.", ["keep", "why"])


def test_an_adapter_that_came_with_the_model_waits_for_nobody(bench: Bench):
    bench.adapters.ensure_shipped()
    assert bench.adapters.waiting() is None


def test_the_pictures_on_top_are_those_of_the_one_that_waits(bench: Bench):
    bench.review(20)
    run = bench.trained(START + timedelta(hours=1), measured(0.7, images={"active": IMAGES}))
    side = {"found": [], "missed": [[LABEL, 1, 2, 3, 4]], "wrong": []}
    run.write_changes([{"image": "b" * 64, "size": [40, 30], "faults": [1, 2], "before": side, "after": side}])
    assert "Worse: 1 to 2 to correct" in str(bench.tab.look(MARIA)[8])
    bench.tab.keep(MARIA)
    assert bench.tab.look(MARIA)[8] is None


def test_every_plain_reason_takes_only_what_the_gate_says_and_has_its_german():
    german = dictionaries()["de"]
    for exact, simple in {**PLAIN, **SUBJECTS}.items():
        named = {part.split("}")[0] for part in simple.split("{")[1:]}
        assert all(f"{{{name}}}" in exact for name in named) and simple in german, simple
